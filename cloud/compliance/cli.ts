// What smarthydro-cloud lets an operator do about declaring, without the API: the evidence, the switches, the keys.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Database } from '../store/database.ts'
import { type Switched, selectSwitches, type Turn, turnSending } from '../store/switches.ts'
import { rewrapSecrets } from './credentials.ts'
import type { Secrets } from './secrets.ts'
import { verifyEvidence } from './verify-evidence.ts'

/** What the commands use. */
export interface CommandDeps {
  db: Database
  clock: Clock
  say: (text: string) => void
}

/** Verifies the evidence. The exit status is 1 when something was found. */
export async function tellEvidence({ db, say }: CommandDeps): Promise<number> {
  const { works, rows, breaks } = await verifyEvidence(db)
  for (const { workCode, what } of breaks) say(`${workCode}: ${what}\n`)
  const found = breaks.length === 0 ? 'nothing was altered' : `${breaks.length} found`
  say(`${rows} rows of ${works} works: ${found}\n`)
  return breaks.length === 0 ? 0 : 1
}

/** Turns a switch, and says how all of them stand. */
export async function switchSending(
  deps: CommandDeps,
  switched: Switched,
  turn: { sending: boolean; reason: string },
): Promise<number> {
  await turnSending(deps.db, switched, { ...turn, by: 'command line', at: deps.clock.now() })
  return tellSending(deps)
}

/** Says how the switches stand. */
export async function tellSending({ db, say }: CommandDeps): Promise<number> {
  const { all, stopped } = await selectSwitches(db)
  say(`sending is ${all.sending ? 'on' : 'off'}${why(all.turn)}\n`)
  for (const { what, key, turn } of stopped) say(`${what} ${key} is off${why(turn)}\n`)
  return 0
}

const why = (turn: Turn | null): string =>
  turn === null ? '' : ` since ${new Date(turn.at).toISOString()}, by ${turn.by}: ${turn.reason}`

/** Seals every password with the current key. The exit status is 1 when one could not be opened. */
export async function tellRewrapped({ db, say }: CommandDeps, secrets: Secrets): Promise<number> {
  const { rewrapped, left } = await rewrapSecrets({ db, secrets }, mistake => say(`${mistake}\n`))
  say(`${rewrapped} sealed with key ${secrets.currentKeyId}, ${left} left as they were\n`)
  return left === 0 ? 0 : 1
}
