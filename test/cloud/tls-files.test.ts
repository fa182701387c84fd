// The files of TLS that settings name: wrong ones are found before anything listens.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readTlsFiles } from '../../cloud/tls-files.ts'
import { ConfigError } from '../../protocol/runtime/errors.ts'
import { openAuthority } from '../doubles/certificates.ts'
import { skipWithout } from '../peers.ts'

/** Writes PEM texts where their settings say. */
function settingsOf(context: TestContext, texts: { ca?: string; cert?: string; key?: string }) {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-tls-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [kind, text] of Object.entries(texts)) writeFileSync(join(folder, kind), text)
  const at = (kind: string) => ({ name: kind.toUpperCase(), path: join(folder, kind) })
  return { ca: { name: 'CA', path: undefined }, cert: at('cert'), key: at('key') }
}

async function mistakesOf(work: Promise<unknown>): Promise<string[]> {
  try {
    await work
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.mistakes.map(({ path, message }) => `${path}: ${message.replace(/^\S+ /, '')}`)
  }
  throw new assert.AssertionError({ message: 'Nothing was found wrong' })
}

test('readTlsFiles() takes a certificate with its key, and names each file that is wrong', {
  skip: skipWithout('openssl'),
}, async context => {
  const authority = openAuthority('Ours')
  context.after(() => authority.close())
  const [one, other] = [authority.issue('DNS:localhost'), authority.issue('DNS:localhost')]
  const good = settingsOf(context, one)

  assert.deepEqual(await readTlsFiles(good), one)
  assert.match(
    String(await mistakesOf(readTlsFiles(settingsOf(context, {})))),
    /^CERT: cannot.*KEY: cannot be read/,
  )
  assert.deepEqual(await mistakesOf(readTlsFiles({ ...good, ca: { ...good.key, name: 'CA' } })), [
    'CA: holds no certificate in PEM',
  ])
  assert.deepEqual(await mistakesOf(readTlsFiles(settingsOf(context, { ...one, key: other.key }))), [
    'KEY: is not the key of the certificate',
  ])
  assert.match(
    String(await mistakesOf(readTlsFiles(settingsOf(context, { cert: one.key, key: one.key })))),
    /^CERT: holds no certificate in PEM$/,
  )
})
