// Secrets that stand in a configuration itself, where only a reference to them should: `{ env: NAME }`, `{ file: PATH }`.

import type { GatewayDraft } from './gateway-config.ts'
import { PASSWORD_HASH } from './lan-config.ts'
import type { Place } from './mistakes.ts'

const KEYS = ['password', 'thing', 'token']
const AUTH_KEYS = ['password', 'token', 'value']
/** Of other headers the value is nobody's secret. */
const SECRET_HEADER = /auth|cookie|key|secret|token/i

/** Secrets that stand in the document. A hash of a password is none. */
export function literalSecrets({ sound }: GatewayDraft): Place[] {
  const places = (sound?.providers ?? []).flatMap((provider, index) => {
    const at = ['providers', index]
    return [
      ...textsIn(provider, at, KEYS),
      ...textsIn(partOf(provider, 'auth'), [...at, 'auth'], AUTH_KEYS),
      ...textsIn(
        partOf(provider, 'headers'),
        [...at, 'headers'],
        Object.keys(partOf(provider, 'headers')).filter(name => SECRET_HEADER.test(name)),
      ),
    ]
  })
  const users = (sound?.lanBroker?.users ?? []).flatMap((user, index) => {
    const isHash = typeof user?.password === 'string' && PASSWORD_HASH.test(user.password)
    return isHash ? [] : textsIn(user, ['lanBroker', 'users', index], ['password'])
  })
  const message = 'must not stand here: name a variable, { env: NAME }, or a file on site, { file: PATH }'
  return [...places, ...users].map(path => ({ path, message }))
}

function textsIn(owner: unknown, place: PropertyKey[], keys: readonly string[]): PropertyKey[][] {
  const values = (owner ?? {}) as Record<string, unknown>
  return keys.filter(key => typeof values[key] === 'string').map(key => [...place, key])
}

function partOf(owner: unknown, key: string): Record<string, unknown> {
  const part = ((owner ?? {}) as Record<string, unknown>)[key]
  return typeof part === 'object' && part !== null ? (part as Record<string, unknown>) : {}
}
