// Right questions for the routes of users, keys and of what people sign in with.

const BYTES = 'bm9uZQ'
/** What no link holds. */
const SECRET = 'x'.repeat(43)

/** What is sent to a route of users, keys and of what people sign in with. */
export function accessBody(route: string, name: string, client: string): object | undefined {
  const grants = [{ role: 'client_reader', client }]
  const key = { name: `${name} of ${client}`, role: 'client_reader', client, scopes: ['read'] }
  const credential = { id: BYTES, rawId: BYTES, type: 'public-key' }
  const signed = { clientDataJSON: BYTES, authenticatorData: BYTES, signature: BYTES }
  const made = { clientDataJSON: BYTES, attestationObject: BYTES }
  const bodies: Record<string, object> = {
    'POST /api/v1/session/second-factor': { code: '123456' },
    'POST /api/v1/session/passkey': { challenge: BYTES, credential: { ...credential, response: signed } },
    'POST /api/v1/invitation': { secret: SECRET },
    'POST /api/v1/invitation/accept': { secret: SECRET, password: 'una-clave-larga' },
    'POST /api/v1/recovery': { email: `nadie@${client}.cl` },
    'POST /api/v1/recovery/look': { secret: SECRET },
    'POST /api/v1/recovery/accept': { secret: SECRET, password: 'una-clave-larga' },
    'POST /api/v1/me/second-factor': { password: name },
    'POST /api/v1/me/second-factor/confirm': { code: '123456' },
    'POST /api/v1/me/second-factor/remove': { password: name },
    'POST /api/v1/me/second-factor/recovery-codes': { password: name },
    'POST /api/v1/me/passkeys': { challenge: BYTES, name, credential: { ...credential, response: made } },
    'POST /api/v1/me/keys': key,
    'POST /api/v1/api-keys': key,
    'POST /api/v1/users': { email: `${name}@${client}.example.cl`, name: `Ana de ${client}`, grants },
    'PATCH /api/v1/users/{user}': { name: `Ana ${name}`, grants },
  }
  return bodies[route]
}
