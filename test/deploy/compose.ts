// deploy/compose.yaml as Docker Compose reads it, as far as the file uses it: anchors, merges, `${NAME:-default}`, `${NAME:?why}`.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

/** A service as the file describes it. */
export interface ComposeService {
  image: string
  command?: string[]
  environment?: Record<string, string>
  healthcheck?: { test: string[] }
  user?: string
  read_only?: boolean
  cap_drop?: string[]
  security_opt?: string[]
  restart?: string
  ports?: string[]
  volumes?: string[]
  depends_on?: Record<string, { condition: string }>
  networks?: unknown
}

const FOLDER = fileURLToPath(new URL('../../deploy/', import.meta.url))

/** The services of a compose file in deploy/. Throws what Compose would say of a variable that is missing. */
export function readCompose(
  file: string,
  environment: Readonly<Record<string, string>>,
): Record<string, ComposeService> {
  const text = readFileSync(`${FOLDER}${file}`, 'utf8')
  const { services } = interpolated(parse(text, { merge: true }), environment) as {
    services: Record<string, ComposeService>
  }
  return services
}

function interpolated(value: unknown, environment: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(
      /\$\{(\w+)(?::([-?])([^}]*))?\}/g,
      (_, name: string, kind: string, rest: string) => {
        const given = environment[name] ?? ''
        if (given !== '') return given
        if (kind === '?') throw new Error(`required variable ${name} is missing a value: ${rest}`)
        return rest ?? ''
      },
    )
  }
  if (Array.isArray(value)) return value.map(one => interpolated(one, environment))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, interpolated(one, environment)]))
}
