// Enrolling: with a claim code, once.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClaimCode } from '../../protocol/claim-code.ts'
import { ENROLMENT_PATHS, Identity } from '../../protocol/enrolment.ts'
import { reasonsOf } from '../../protocol/mistakes.ts'
import { ConfigError, reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import { certificateMistake } from '../../protocol/tls.ts'
import { replaceFile } from '../files.ts'
import { askCloud } from './ask.ts'
import { keyForClaim, writeIdentity } from './identity.ts'
import { certificateRequest } from './request.ts'

/** How a gateway is enrolled. */
export interface EnrollOptions {
  /** The cloud's address. */
  url: string
  code: string
  /** The identity folder. */
  folder: string
  /** Which gateway this is, where the code is for several. */
  gateway?: string | undefined
  /** A file with who vouches for the cloud's address. */
  caPath?: string | undefined
}

/** Enrols; returns who the gateway is now. Throws ConfigError, Rejected and Unavailable. */
export async function enroll(options: EnrollOptions): Promise<Identity> {
  const { url, folder, gateway, caPath } = options
  const code = ClaimCode.safeParse(options.code)
  if (!code.success) {
    throw new ConfigError('the command line', [{ path: '--code', message: reasonsOf(code.error) }])
  }
  checkAddress(url)
  const ca = caPath === undefined ? undefined : await readAuthority(caPath)
  const key = await keyForClaim(folder, code.data)
  const request = await certificateRequest(key)
  const body = { code: code.data, request, ...(gateway === undefined ? {} : { gateway }) }
  const answer = Identity.safeParse(await askCloud({ url, path: ENROLMENT_PATHS.enrol, body, ca }))
  if (!answer.success)
    throw new Unavailable(`${url} answered what is no identity: ${reasonsOf(answer.error)}`)
  await writeIdentity(folder, url, answer.data, key)
  if (ca !== undefined) await replaceFile(join(folder, 'cloud-ca.pem'), ca)
  return answer.data
}

/** A code in the clear would be anybody's; only this machine needs no TLS. */
function checkAddress(url: string): void {
  const mistake = addressMistake(url)
  if (mistake !== undefined) throw new ConfigError('the command line', [{ path: url, message: mistake }])
}

function addressMistake(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'https:') return undefined
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? '')
  if (url?.protocol === 'http:' && isHere) return undefined
  return 'must be an address that begins with https://'
}

async function readAuthority(path: string): Promise<string> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new ConfigError(path, [{ path: '--ca', message: `cannot be read: ${reasonOf(error)}` }])
  }
  const mistake = certificateMistake(text)
  if (mistake !== undefined) throw new ConfigError(path, [{ path: '--ca', message: mistake }])
  return text
}
