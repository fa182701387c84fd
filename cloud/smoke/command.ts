// smarthydro-cloud smoke: whether a reading that a gateway sends comes out of the API, with everything between running.
//
// It sends one reading of a point of its own, `smoke.smoke.smoke`, which belongs to a client that nobody else has: nothing is
// declared of it, and no other client's data is touched. Run again it uses the same point and another token.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import { createToken } from '../api/users.ts'
import { giveGatewayToken, provision } from '../provision.ts'
import { revokeToken } from '../store/accounts.ts'
import type { Database } from '../store/database.ts'
import { sendReading } from './gateway.ts'

/** What smoke works with. */
export interface SmokeDeps {
  db: Database
  clock: Clock
  secretKey: Uint8Array
  fetch: (url: string, init?: RequestInit) => Promise<Response>
  say: (line: string) => void
}

/** Where the deployment listens. */
export interface SmokePlaces {
  /** The collector's broker, as a gateway reaches it. */
  mqtt: string
  /** The REST API. */
  api: string
}

const NAME = 'smoke'
const SITE = `
clients: [{ id: ${NAME}, name: Smoke test }]
projects: [{ client: ${NAME}, id: ${NAME}, name: Smoke test }]
points: [{ client: ${NAME}, project: ${NAME}, id: ${NAME}, name: Smoke test, kind: groundwater }]
gateways: [{ client: ${NAME}, project: ${NAME}, id: ${NAME} }]
`
const COMMIT_TIMEOUT_MS = 30_000
/** An hour with a new reading is computed within a minute. */
const SHOWN_TIMEOUT_MS = 90_000
const AGAIN_MS = 500

/** Sends a reading through everything and says each step. Returns the exit status: 0 when all went well. */
export async function smoke(deps: SmokeDeps, places: SmokePlaces): Promise<number> {
  const { db, clock, secretKey, say } = deps
  await provision({ db, clock, secretKey, environment: {} }, SITE, 'smoke')
  const gatewayToken = await giveGatewayToken(db, NAME)
  const name = `smoke ${new Date(clock.now()).toISOString()}`
  const expiresAt = clock.now() + 10 * 60_000
  const token = await createToken(db, {
    ...{ name, role: 'client_reader', client: NAME, scopes: ['read'], createdBy: 'smoke', expiresAt },
  })
  const ask = (path: string) => askApi(deps, `${places.api}${path}`, token)
  const at = Math.floor(clock.now() / 1000) * 1000
  const flow = (at % 100_000) / 1000
  const sent = { gateway: NAME, client: NAME, project: NAME, point: NAME, at, flow }
  const steps: [string, () => Promise<void>][] = [
    ['a reading is committed', () => sendReading(places.mqtt, gatewayToken, sent, COMMIT_TIMEOUT_MS)],
    ['the API shows it', () => untilShown(deps, () => showsLatest(ask, at, flow))],
    ['the processor has its hour', () => untilShown(deps, () => showsHour(ask, at))],
  ]
  try {
    for (const [what, step] of steps) {
      const begun = clock.monotonic()
      try {
        await step()
      } catch (error) {
        say(`failed  ${what}: ${reasonOf(error)}`)
        return 1
      }
      say(`ok      ${what} (${Math.round(clock.monotonic() - begun)} ms)`)
    }
    return 0
  } finally {
    await revokeToken(db, name)
  }
}

type Ask = (path: string) => Promise<unknown>

async function askApi({ fetch }: SmokeDeps, url: string, token: string): Promise<unknown> {
  let response: Response
  try {
    response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  } catch (cause) {
    throw new Unavailable(`${url} is not reached: ${reasonOf(cause)}`, { cause })
  }
  const text = await response.text()
  if (!response.ok) throw new Unavailable(`${url} answered ${response.status}: ${text.slice(0, 300)}`)
  return JSON.parse(text)
}

/** Asks until it is so. Throws Unavailable with what was seen last. */
async function untilShown({ clock }: SmokeDeps, look: () => Promise<string | undefined>): Promise<void> {
  const deadline = clock.monotonic() + SHOWN_TIMEOUT_MS
  for (;;) {
    const missing = await look()
    if (missing === undefined) return
    if (clock.monotonic() > deadline) throw new Unavailable(missing)
    await clock.sleep(AGAIN_MS)
  }
}

/** What is missing of it; undefined when it is there. */
async function showsLatest(ask: Ask, at: number, flow: number): Promise<string | undefined> {
  const document = (await ask(`/api/v1/points/${NAME}.${NAME}.${NAME}/latest`)) as {
    latest: { variable: string; at: string; value: number | null }[]
  }
  const found = document.latest.find(({ variable }) => variable === 'flow')
  return found !== undefined && Date.parse(found.at) === at && found.value === flow
    ? undefined
    : `expected flow ${flow} of ${new Date(at).toISOString()}, and the latest is ${JSON.stringify(found ?? null)}`
}

async function showsHour(ask: Ask, at: number): Promise<string | undefined> {
  const hour = Math.floor(at / 3_600_000) * 3_600_000
  const [from, to] = [hour, hour + 3_600_000].map(instant => new Date(instant).toISOString())
  const query = `variable=flow&from=${from}&to=${to}&steps=1`
  const document = (await ask(`/api/v1/points/${NAME}.${NAME}.${NAME}/series?${query}`)) as {
    count: number[]
  }
  return document.count.some(count => count > 0) ? undefined : `the hour from ${from} has no readings yet`
}
