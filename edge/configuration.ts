// Which configuration a gateway runs: that of its own file, or one that the cloud wants it to have.
//
// Promises:
//   G1. Only what the fleet has signed for this gateway, newer than all before it, and without a mistake, is taken.
//   G2. What is in force is on disk before it is applied, together with what was in force before; whoever is interrupted,
//       wherever, finds the one or the other, whole.
//   G3. What is on probation when the gateway starts again stays so for the rest of its time; what makes it start again
//       and again is taken back.
//   G4. Who changes the file on site goes before what the cloud has said until then.
//   G5. What is fixed by the place, whose gateway it is and where its readings lie, cannot be changed from afar.

import { verify } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { tryText } from '../protocol/command.ts'
import {
  CONFIGURATION_LENGTH_MAX,
  DesiredConfig,
  documentHash,
  isSigned,
  MISTAKES_MAX,
  PROBATION_MS,
  ReportedConfig,
  readFleetKey,
} from '../protocol/configuration.ts'
import type { GatewayDraft } from '../protocol/gateway-config.ts'
import { type Place, reasonsOf } from '../protocol/mistakes.ts'
import { Instant } from '../protocol/reading.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { ConfigError, Rejected, reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { literalSecrets } from '../protocol/sealed.ts'
import { type RunnableConfig, readConfigFile, runnableConfig } from './config.ts'
import { replaceFile, syncedFolder } from './files.ts'
import { Baseline } from './probation.ts'

/** Starts within one probation. A machine may be switched off and on; one that dies of its configuration does it again. */
const STARTS_MAX = 3
const REASON_LENGTH_MAX = 4_000
const CUT = 500

const Kept = DesiredConfig.extend({ appliedAt: Instant })
type Refused = NonNullable<ReportedConfig['refused']>

const State = z.strictObject({
  v: z.literal(1),
  /** The greatest version that was ever in force. */
  highest: z.int().min(0),
  /** The file on site as it was when `current` came. */
  fileHash: z.string(),
  /** Null: the file. */
  current: Kept.nullable(),
  /** What comes back when `current` is taken back. */
  previous: Kept.nullable(),
  probation: z.strictObject({ leftMs: z.number(), starts: z.int().min(0), baseline: Baseline }).optional(),
  refused: ReportedConfig.shape.refused,
})
type State = z.infer<typeof State>

/** What became of what the cloud wants. */
export type Taken =
  /** It is in force from now on, and to be applied. */
  | { kind: 'taken'; config: RunnableConfig }
  /** It came before. */
  | { kind: 'known' }
  | { kind: 'refused'; refused: Refused }
  | { kind: 'unreadable'; reason: string }

/** The configuration of a gateway, over time. */
export interface Configuration {
  /** What is in force. */
  config(): RunnableConfig
  /** 0: the file's. */
  version(): number
  /** What the gateway says of it. `refused` goes before what was refused last. */
  reported(refused?: Refused): ReportedConfig
  /** Reads what the cloud wants; on disk when it is `taken`. `baseline` says how things are now. */
  take(payload: Uint8Array, baseline: Baseline): Promise<Taken>
  /** What the configuration in force is watched against, and for how long still; `undefined` when it stands. */
  probation(): { leftMs: number; baseline: Baseline } | undefined
  /** So much of its probation has passed; what has stood all of it is kept. */
  watched(ms: number): Promise<void>
  /** What a document would be here. Throws Rejected where the fleet has not signed it, or it has mistakes. */
  trial(asked: { id: string; device: string; document: string; signature: string }): RunnableConfig
  /** What was in force before is so again. Returns what is to be applied. */
  takeBack(reason: string): Promise<RunnableConfig>
}

interface Deps {
  clock: Clock
  log: Log
}

interface Where {
  path: string
  environment: Readonly<Record<string, string | undefined>>
}

/** Opens the configuration of the file at `path`. Throws ConfigError when that has mistakes. */
export async function openConfiguration(deps: Deps, where: Where): Promise<Configuration> {
  const { clock } = deps
  const place = openPlace(where)
  const openedAt = clock.now()
  const { text, own } = place
  await syncedFolder(own.buffer.path)
  const book = await openBook(deps, place)
  await start(deps, place, book)

  return {
    config: () => book.config,
    version: () => book.state.current?.version ?? 0,
    reported(refused = book.state.refused) {
      const { current, probation } = book.state
      return {
        v: 1,
        version: current?.version ?? 0,
        hash: documentHash(current?.document ?? text),
        appliedAt: current?.appliedAt ?? openedAt,
        ...(probation === undefined ? {} : { probationUntil: Math.round(clock.now() + probation.leftMs) }),
        ...(current === null && place.isShowable ? { document: text } : {}),
        ...(refused === undefined ? {} : { refused }),
      }
    },
    take: (payload, baseline) => take(deps, place, book, { payload, baseline }),
    probation: () => book.state.probation,
    async watched(ms) {
      const { probation, ...rest } = book.state
      if (probation === undefined) return
      const leftMs = probation.leftMs - ms
      await book.note(
        leftMs > 0 ? { ...rest, probation: { ...probation, leftMs } } : { ...rest, previous: null },
      )
    },
    trial({ signature, ...asked }) {
      const { gateway, credentials } = own
      if (credentials.fleetKey === undefined)
        throw new Rejected('This gateway has no fleet-key.pem: it tries nothing')
      const bytes = tryText(gateway, asked)
      if (!verify(null, bytes, readFleetKey(credentials.fleetKey), Buffer.from(signature, 'base64')))
        throw new Rejected('It is not signed with the key of the fleet')
      try {
        return place.read({ document: asked.document, version: 0 })
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        throw new Rejected(error.message, { cause: error })
      }
    },
    async takeBack(reason) {
      if (book.state.current === null) throw new Error('There is nothing to take back')
      await book.goBack(refusedBy(deps, 'taken-back', book.state.current, reason))
      return book.config
    },
  }
}

/** What is on site, and how a document is read there. */
interface OnSite {
  text: string
  own: RunnableConfig
  /** Whether the file's text may be told: it holds no secret itself. */
  isShowable: boolean
  read(document: Pick<DesiredConfig, 'document' | 'version'>): RunnableConfig
}

function openPlace({ path, environment }: Where): OnSite {
  const text = readConfigFile(path)
  const here = { environment, folder: dirname(resolve(path)) }
  let fixed: Fixed = {}
  let isShowable = false
  const own = runnableConfig(text, path, {
    ...here,
    check: draft => {
      fixed = fixedOf(draft)
      isShowable = text.length <= CONFIGURATION_LENGTH_MAX && literalSecrets(draft).length === 0
      return []
    },
  })
  return {
    ...{ text, own, isShowable },
    read({ document, version }) {
      const check = (draft: GatewayDraft) => [...fixedMistakes(draft, fixed), ...literalSecrets(draft)]
      return runnableConfig(document, `version ${version}`, { ...here, check })
    },
  }
}

/** What is in force, on disk and read. */
interface Book {
  state: State
  config: RunnableConfig
  /** On disk when it resolves; what cannot be written did not happen. */
  write(next: State): Promise<void>
  /** On disk if it can be: a full disk stops nobody from measuring. */
  note(next: State): Promise<void>
  /** Goes back to what was before, or to the file where even that cannot run any more. */
  goBack(refused: Refused): Promise<void>
}

async function openBook({ log }: Deps, { text, own, read }: OnSite): Promise<Book> {
  const file = join(own.buffer.path, 'configuration.json')
  const book: Book = {
    state: await readState({ log }, file, documentHash(text)),
    config: own,
    async write(next) {
      await replaceFile(file, JSON.stringify(next))
      book.state = next
    },
    async note(next) {
      try {
        await book.write(next)
      } catch (error) {
        log.error('configuration not noted: what is on disk is older', { reason: reasonOf(error) })
        book.state = next
      }
    },
    async goBack(refused) {
      let back = book.state.previous
      let config = own
      try {
        if (back !== null) config = read(back)
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        log.error('configuration of before cannot run either: the file is in force', {
          reason: error.message,
        })
        back = null
      }
      const { probation: _, ...rest } = book.state
      await book.note({ ...rest, current: back, previous: null, refused })
      book.config = config
    },
  }
  return book
}

/** What was in force when the gateway stopped is so again, unless it cannot be. */
async function start(deps: Deps, { text, own, read }: OnSite, book: Book): Promise<void> {
  const { log } = deps
  const { current, probation, fileHash } = book.state
  if (current === null) return
  if (fileHash !== documentHash(text)) {
    log.warn('configuration changed on site: the file is in force', { version: current.version })
    const { probation: _, ...rest } = book.state
    return book.note({ ...rest, current: null, previous: null, fileHash: documentHash(text) })
  }
  let config: RunnableConfig
  try {
    if (!isOurs(current, own)) throw new Error('It is not what the fleet has signed')
    config = read(current)
  } catch (error) {
    log.error('configuration of the cloud cannot run any more', { reason: reasonOf(error) })
    return book.goBack(refusedBy(deps, 'mistaken', current, error))
  }
  if (probation !== undefined) {
    const starts = probation.starts + 1
    if (starts > STARTS_MAX) {
      const reason = `the gateway started ${starts} times within its probation`
      log.error('configuration taken back', { version: current.version, reason })
      return book.goBack(refusedBy(deps, 'taken-back', current, reason))
    }
    await book.note({ ...book.state, probation: { ...probation, starts } })
  }
  book.config = config
}

async function take(
  deps: Deps,
  { text, own, read }: OnSite,
  book: Book,
  { payload, baseline }: { payload: Uint8Array; baseline: Baseline },
): Promise<Taken> {
  const came = readDesired(payload)
  if ('reason' in came) return { kind: 'unreadable', reason: came.reason }
  const { desired } = came
  const refuse = (kind: Refused['kind'], why: unknown): Taken => {
    return { kind: 'refused', refused: refusedBy(deps, kind, desired, why) }
  }
  if (desired.gateway !== own.gateway) return refuse('foreign', `It is for ${desired.gateway}`)
  if (own.credentials.fleetKey === undefined)
    return refuse('foreign', 'This gateway has no fleet-key.pem: it believes no configuration')
  if (!isOurs(desired, own)) return refuse('foreign', 'It is not signed with the key of the fleet')
  const { highest, current, probation, refused: before, ...rest } = book.state
  if (desired.version === current?.version && desired.document === current.document) return { kind: 'known' }
  if (desired.version === before?.version && desired.version <= highest) return { kind: 'known' }
  if (desired.version <= highest)
    return refuse('stale', `Version ${desired.version} is not newer than ${highest}, which was in force`)
  let config: RunnableConfig
  try {
    config = read(desired)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const refused = refusedBy(deps, 'mistaken', desired, error)
    await book.note({ ...book.state, refused })
    return { kind: 'refused', refused }
  }
  await book.write({
    ...{ ...rest, highest: desired.version, fileHash: documentHash(text) },
    current: { ...desired, appliedAt: deps.clock.now() },
    // What comes back is what has stood its time, and it is compared with how things were then.
    previous: probation === undefined ? current : rest.previous,
    probation: { leftMs: PROBATION_MS, starts: 0, baseline: probation?.baseline ?? baseline },
  })
  book.config = config
  return { kind: 'taken', config }
}

function refusedBy({ clock }: Deps, kind: Refused['kind'], desired: DesiredConfig, error: unknown): Refused {
  return {
    ...{ version: desired.version, hash: documentHash(desired.document), at: clock.now(), kind },
    reason: reasonOf(error).slice(0, REASON_LENGTH_MAX),
    ...(error instanceof ConfigError ? { mistakes: toMistakes(error) } : {}),
  }
}

function readDesired(payload: Uint8Array): { desired: DesiredConfig } | { reason: string } {
  try {
    return {
      desired: DesiredConfig.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))),
    }
  } catch (error) {
    return { reason: reasonsOf(error) }
  }
}

function isOurs(desired: DesiredConfig, { gateway, credentials: { fleetKey } }: RunnableConfig): boolean {
  const { v, version, document, signature } = desired
  if (fleetKey === undefined || desired.gateway !== gateway) return false
  return isSigned({ v, gateway, version, document, signature }, readFleetKey(fleetKey))
}

/** What no configuration from afar may change, as the file has it. */
type Fixed = Record<string, string | undefined>

const FIXED = ['gateway', 'client', 'project', 'buffer.path', 'uplink.credentials'] as const

function fixedOf({ sound }: GatewayDraft): Fixed {
  const { gateway, client, project, buffer, uplink } = sound ?? {}
  return { gateway, client, project, 'buffer.path': buffer?.path, 'uplink.credentials': uplink?.credentials }
}

function fixedMistakes(draft: GatewayDraft, wanted: Fixed): Place[] {
  const found = fixedOf(draft)
  return FIXED.filter(name => found[name] !== undefined && found[name] !== wanted[name]).map(name => ({
    path: name.split('.'),
    message: `must stay ${wanted[name]}: it can only be changed on site`,
  }))
}

const toMistakes = ({ mistakes }: ConfigError): NonNullable<Refused['mistakes']> =>
  mistakes.slice(0, MISTAKES_MAX).map(({ path, line, message }) => ({
    ...{ path: path.slice(0, CUT), message: message.slice(0, CUT) },
    ...(line === undefined ? {} : { line }),
  }))

async function readState({ log }: { log: Log }, file: string, fileHash: string): Promise<State> {
  const none: State = { v: 1, highest: 0, fileHash, current: null, previous: null }
  try {
    return State.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return none
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error
    log.error('configuration of the cloud forgotten: its file was damaged', {
      file,
      reason: reasonsOf(error),
    })
    return none
  }
}
