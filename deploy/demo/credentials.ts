// The demonstration's secrets: drawn at the first start, kept where only their owner may read.

import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { DEMO_FOLDER } from './places.ts'

/** Who signs in. */
export const ADMINISTRATOR = 'admin@smarthydro.local'

/** What the parts of the demonstration know of each other. */
export interface Credentials {
  gatewayToken: string
  dgaPassword: string
  twinPassword: string
  /** Absent until the administrator was made. */
  adminPassword?: string
  /** Absent until the token was made. */
  apiToken?: string
  save(made: { adminPassword?: string; apiToken?: string }): void
}

const FILE = `${DEMO_FOLDER}/credentials.json`

/** Reads the secrets, or draws them. */
export function openCredentials(): Credentials {
  const draw = () => randomBytes(18).toString('base64url')
  const kept = existsSync(FILE)
    ? JSON.parse(readFileSync(FILE, 'utf8'))
    : { gatewayToken: draw(), dgaPassword: draw(), twinPassword: draw() }
  const credentials: Credentials = {
    ...kept,
    save(made) {
      Object.assign(credentials, made)
      write(FILE, JSON.stringify(credentials, null, 2))
    },
  }
  credentials.save({})
  mkdirSync(`${DEMO_FOLDER}/identity`, { recursive: true, mode: 0o700 })
  write(`${DEMO_FOLDER}/identity/token`, `${credentials.gatewayToken}\n`)
  return credentials
}

/** The old file or the new one, never half of it. */
function write(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
