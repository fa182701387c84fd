// What smarthydro-cloud lets an operator do about declaring, without the API: the evidence, the switches, the keys.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected, reasonOf } from '../../protocol/runtime/errors.ts'
import type { Database } from '../store/database.ts'
import { type Switched, selectSwitches, type Turn, turnSending } from '../store/switches.ts'
import { needed, UsageError } from '../usage-error.ts'
import { MONTH } from './calendar.ts'
import { rewrapSecrets } from './credentials.ts'
import { WORK_CODE } from './obligation.ts'
import { anchorOf, collectPack, toPack } from './pack.ts'
import { Rut } from './rut.ts'
import type { Secrets } from './secrets.ts'
import type { PackedFile } from './tar.ts'
import { verifyEvidence } from './verify-evidence.ts'

/** What the commands use. */
export interface CommandDeps {
  db: Database
  clock: Clock
  say: (text: string) => void
}

/** Verifies the evidence, against what a pack has written down. The exit status is 1 when something was found. */
export async function tellEvidence({ db, say }: CommandDeps, pack?: string): Promise<number> {
  const anchor = pack === undefined ? undefined : anchorOf(pack)
  const { works, rows, breaks } = await verifyEvidence(db, anchor === undefined ? [] : [anchor])
  for (const { workCode, what } of breaks) say(`${workCode}: ${what}\n`)
  const found = breaks.length === 0 ? 'nothing was altered' : `${breaks.length} found`
  say(`${rows} rows of ${works} works: ${found}\n`)
  return breaks.length === 0 ? 0 : 1
}

/** What a command line says of a switch. */
export interface TurnOptions {
  work?: string | undefined
  informant?: string | undefined
  reason?: string | undefined
}

/** A turn of a switch that is asked for. */
export interface AskedTurn {
  switched: Switched
  sending: boolean
  reason: string
}

/** Reads a turn. Throws UsageError. */
export function toTurn(sending: boolean, { work, informant, reason }: TurnOptions): AskedTurn {
  if (work !== undefined && informant !== undefined)
    throw new UsageError('Say --work or --informant, not both')
  const turn = { sending, reason: needed('reason', reason) }
  if (work !== undefined) return { ...turn, switched: { what: 'work', workCode: workCodeOf(work) } }
  if (informant === undefined) return { ...turn, switched: { what: 'all' } }
  const { data: rut } = Rut.safeParse(informant)
  if (rut === undefined) throw new UsageError(`--informant: "${informant}" is no RUT`)
  return { ...turn, switched: { what: 'informant', rut } }
}

function workCodeOf(text: string): string {
  if (!WORK_CODE.test(text)) throw new UsageError(`--work: "${text}" is no work code`)
  return text
}

/** Turns a switch, and says how all of them stand. */
export async function switchSending(deps: CommandDeps, { switched, ...turn }: AskedTurn): Promise<number> {
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
export async function tellRewrapped(
  { db, say }: CommandDeps,
  secrets: Secrets,
  /** What else is sealed with the same key. */
  rewrapOthers: () => Promise<number> = async () => 0,
): Promise<number> {
  const { rewrapped, left } = await rewrapSecrets({ db, secrets }, mistake => say(`${mistake}\n`))
  const others = await rewrapOthers()
  say(`${rewrapped + others} sealed with key ${secrets.currentKeyId}, ${left} left as they were\n`)
  return left === 0 ? 0 : 1
}

/** Writes the pack of a work's month into a folder, and says its hashes. Throws UsageError. */
export async function writePack(
  { db, say }: CommandDeps,
  asked: { work?: string | undefined; month?: string | undefined; out?: string | undefined },
): Promise<number> {
  const workCode = workCodeOf(needed('work', asked.work))
  const month = needed('month', asked.month)
  if (!MONTH.test(month)) throw new UsageError(`--month: "${month}" is no month such as 2026-01`)
  const files = await toPack(await collectPack(db, null, { workCode, month }))
  const folder = asked.out ?? '.'
  await writeAll(folder, files)
  const sums = files.at(-1)
  say(Buffer.from(sums?.bytes ?? []).toString())
  return 0
}

async function writeAll(folder: string, files: readonly PackedFile[]): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    for (const { name, bytes } of files) await writeFile(join(folder, name), bytes)
  } catch (cause) {
    throw new Rejected(`Cannot write into ${folder}: ${reasonOf(cause)}`, { cause })
  }
}
