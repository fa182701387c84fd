// Certificates made by openssl, as an operator makes them: an authority, and servers that it vouches for.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An authority. */
export interface Authority {
  /** Its own certificate. */
  ca: string
  /** A server's certificate and key. `altName` is openssl's: `IP:127.0.0.1`, `DNS:example.org`. */
  issue(altName: string, validity?: { from: string; to: string }): { cert: string; key: string }
  close(): void
}

const ALWAYS = { from: '20200101000000Z', to: '20991231000000Z' }

/** A validity that is over. */
export const EXPIRED = { from: '20200101000000Z', to: '20200201000000Z' }

/** Makes an authority of that name. */
export function openAuthority(name: string): Authority {
  const cwd = mkdtempSync(join(tmpdir(), 'smarthydro-ca-'))
  const openssl = (...args: string[]) => execFileSync('/usr/bin/openssl', args, { cwd, stdio: 'pipe' })
  const read = (file: string) => readFileSync(join(cwd, file), 'utf8')
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '3650',
    '-subj',
    `/CN=${name}`,
  )
  writeFileSync(join(cwd, 'index.txt'), '')
  writeFileSync(
    join(cwd, 'ca.cnf'),
    [
      '[ca]\ndefault_ca = ours',
      '[ours]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\ndefault_md = sha256\npolicy = any',
      'unique_subject = no\nprivate_key = ca.key\ncertificate = ca.pem',
      '[any]\ncommonName = supplied\n',
    ].join('\n'),
  )
  return {
    ca: read('ca.pem'),
    issue(altName, { from, to } = ALWAYS) {
      openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=server')
      writeFileSync(join(cwd, 'server.ext'), `subjectAltName = ${altName}\n`)
      const dates = ['-startdate', from, '-enddate', to]
      const files = ['-in', 'server.csr', '-out', 'server.pem', '-extfile', 'server.ext']
      openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', ...files, ...dates)
      return { cert: read('server.pem'), key: read('server.key') }
    },
    close: () => rmSync(cwd, { recursive: true, force: true }),
  }
}
