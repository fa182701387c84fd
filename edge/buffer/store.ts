// The buffer's one writer: takes what arrived, writes it as one synced batch, and tells whoever waited.
//
// What arrives while a write is on its way waits for the next one, all of it together. After any failed write the
// database is opened again, because LevelDB refuses every later write or, worse, writes behind a torn record.

import type { Measurement } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { BLOCK_READINGS_MAX, encodeBody } from './block.ts'
import { addAck, addBlocks, addEviction, type Change, openChange } from './change.ts'
import { type Compaction, openCompaction } from './compaction.ts'
import { type Database, failureOf, isFull, openDatabase } from './database.ts'
import { openLane } from './lane.ts'
import { loadState } from './load.ts'
import { addAll, type Ranges, size } from './ranges.ts'
import type { Reserve } from './reserve.ts'
import { loadSeries, type SeriesList } from './series.ts'
import {
  encodeState,
  evictedRanges,
  expectedWithin,
  firstUnacked,
  RANGES_MAX,
  readingsKept,
  STATE_KEY,
  type State,
} from './state.ts'
import { readStretch, type Stretch } from './stretch.ts'
import { type Findings, inspect } from './verify.ts'
import type { Witness } from './witness.ts'

/** What a store works with. */
export interface StoreDeps {
  clock: Clock
  log: Log
  reserve: Reserve
  witness: Witness
}

/** Where, and how much. */
export interface StoreOptions {
  folder: string
  maxBytes: number
}

/** How things stand, but for what openBuffer() adds. */
export interface StoreStatus {
  state: State
  readings: number
  bytes: number
  appended: number
  evicted: number
  damaged: number
  oldestAt: number | undefined
}

interface Append {
  kind: 'append'
  blocks: { body: Uint8Array; count: number }[]
  readings: number
  resolve: (first: number) => void
  reject: (error: Error) => void
}

interface Ack {
  kind: 'ack'
  first: number
  through: number
  resolve: () => void
  reject: (error: Error) => void
}

/** The most readings that may wait for the disk. A disk that is so far behind is as good as none. */
export const WAITING_READINGS_MAX = 100_000

/** The most readings, and the most calls, that share a write. */
const SHARED_READINGS_MAX = 10_000
const SHARED_CALLS_MAX = 256

/** Up to so many bytes of blocks are verified before the buffer is used; more, in the background. */
const VERIFY_FIRST_BYTES = 64 * 2 ** 20

/** A write is tried so often: as it is, after opening again, after a repair. */
const ATTEMPTS = 3

/** The buffer's one writer, and what it knows. */
export class Store {
  readonly #deps: StoreDeps
  readonly #options: StoreOptions
  readonly #lane = openLane()
  readonly #compaction: Compaction
  readonly #series: SeriesList
  #db: Database | undefined
  #state: State
  #queue: (Append | Ack)[] = []
  #waiting = 0
  #full = false
  #closed = false
  #appended = 0
  #evicted = 0
  #damaged = 0
  #oldest: { seq: number; at?: number | undefined } = { seq: 0 }
  #inDoubt: { state: State; settle: (() => void)[] } | undefined
  #verifying: Promise<void> | undefined
  /** Resolves when everything has been looked at. */
  verified: Promise<void> = Promise.resolve()

  private constructor(
    deps: StoreDeps,
    options: StoreOptions,
    opened: { db: Database; state: State; series: SeriesList },
  ) {
    this.#deps = deps
    this.#options = options
    this.#db = opened.db
    this.#state = opened.state
    this.#series = opened.series
    this.#compaction = openCompaction(deps, addAll(opened.state.acked, evictedRanges(opened.state)))
  }

  /** Opens the database, verifies it, and begins to serve. */
  static async open(deps: StoreDeps, options: StoreOptions): Promise<Store> {
    const opened = await openDatabase(deps, options.folder)
    const { state, changed, doubtful } = await loadState(deps, opened, deps.witness.found)
    const series = await loadSeries(opened.db, options.folder)
    const store = new Store(deps, options, { db: opened.db, state, series })
    store.#damaged = size(state.lost)
    if (changed) await store.#lane.run(() => store.#write(openChange(state)))
    if (!(await deps.reserve.restore())) {
      store.#full = true
      deps.log.warn('disk found full', { folder: options.folder, freeBytes: await deps.reserve.freeBytes() })
    }
    const verified = store.#verify()
    if (doubtful || state.blockBytes <= VERIFY_FIRST_BYTES) await verified
    await store.#lane.run(() => store.#findOldest())
    return store
  }

  /** Writes measurements; resolves with the number of the first when they are on disk. */
  async append(measurements: readonly Measurement[]): Promise<number> {
    this.#assertOpen()
    const readings = measurements.length
    if (this.#waiting + readings > WAITING_READINGS_MAX) {
      throw new Unavailable(
        `Cannot append ${readings} readings: ${this.#waiting} wait for the disk already, ${WAITING_READINGS_MAX} is the most`,
      )
    }
    const blocks: Append['blocks'] = []
    for (let start = 0; start < readings; start += BLOCK_READINGS_MAX) {
      const part = measurements.slice(start, start + BLOCK_READINGS_MAX)
      blocks.push({ body: encodeBody(part, name => this.#series.idOf(name)), count: part.length })
    }
    this.#waiting += readings
    try {
      return await new Promise<number>((resolve, reject) =>
        this.#enqueue({ kind: 'append', blocks, readings, resolve, reject }),
      )
    } finally {
      this.#waiting -= readings
    }
  }

  /** Forgets numbers; resolves when that is on disk. */
  async ack(first: number, through: number): Promise<void> {
    this.#assertOpen()
    await new Promise<void>((resolve, reject) =>
      this.#enqueue({ kind: 'ack', first, through, resolve, reject }),
    )
  }

  /** The next unanswered stretch. */
  async read(from: number, maxReadings: number): Promise<Stretch | undefined> {
    this.#assertOpen()
    const quick = await this.#readQuickly(from, maxReadings)
    if (quick !== 'in doubt') return quick
    return await this.#lane.run(() => this.#readCarefully(from, maxReadings))
  }

  status(): StoreStatus {
    const state = this.#state
    return {
      state,
      readings: readingsKept(state),
      bytes: state.blockBytes + this.#series.bytes() + STATE_KEY.length + encodeState(state).length,
      appended: this.#appended,
      evicted: this.#evicted,
      damaged: this.#damaged,
      oldestAt: this.#oldest.seq === firstKept(state) ? this.#oldest.at : undefined,
    }
  }

  /** Writes what waits, then closes. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    while (this.#queue.length > 0) await this.#lane.run(() => this.#commit())
    await this.#lane.run(async () => {
      await this.#compaction.idle()
      await this.#db?.close()
      this.#db = undefined
    })
    await this.verified
    await this.#deps.witness.close()
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error('The buffer is closed')
  }

  #enqueue(call: Append | Ack): void {
    this.#queue.push(call)
    void this.#lane.run(() => this.#commit())
  }

  /** One write for everything that waits. Never rejects: whoever waits is told. */
  async #commit(): Promise<void> {
    let calls = this.#take()
    for (let attempt = 1; calls.length > 0; attempt += 1) {
      try {
        await this.#openAgainIfClosed(false)
        calls = await this.#refuseWhileFull(calls)
        await this.#writeCalls(calls)
        calls = []
      } catch (error) {
        calls = await this.#afterFailure(calls, error, attempt)
      }
    }
  }

  #take(): (Append | Ack)[] {
    let readings = 0
    let count = 0
    for (const call of this.#queue) {
      readings += call.kind === 'append' ? call.readings : 0
      if (count > 0 && (readings > SHARED_READINGS_MAX || count >= SHARED_CALLS_MAX)) break
      count += 1
    }
    return this.#queue.splice(0, count)
  }

  async #writeCalls(calls: readonly (Append | Ack)[]): Promise<void> {
    const db = this.#database()
    const change = openChange(this.#state)
    const settle: (() => void)[] = []
    for (const call of calls) {
      if (call.kind !== 'ack') continue
      try {
        const through = await addAck(db, change, call.first, call.through)
        settle.push(() => (through < call.through ? this.#goOn(call, through + 1) : call.resolve()))
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        call.reject(error)
      }
    }
    const protectedFrom = change.state.nextSeq
    for (const call of calls) {
      if (call.kind !== 'append') continue
      const first = addBlocks(change, call.blocks)
      settle.push(() => {
        this.#appended += call.readings
        call.resolve(first)
      })
    }
    await addEviction(db, change, { maxBytes: this.#options.maxBytes, protectedFrom })
    if (settle.length === 0) return
    this.#inDoubt = { state: change.state, settle }
    await this.#write(change)
    this.#inDoubt = undefined
    for (const done of settle) done()
    if (this.#queue.length === 0) void this.#lane.run(() => this.#findOldest())
  }

  /** An ack over very many blocks goes on before anything that came later. */
  #goOn(ack: Ack, first: number): void {
    this.#queue.unshift({ ...ack, first })
    void this.#lane.run(() => this.#commit())
  }

  async #write(change: Change): Promise<void> {
    const series = await this.#series.unsaved()
    const state = { type: 'put', key: STATE_KEY, value: encodeState(change.state) } as const
    await this.#database().batch([...change.operations, ...series, state], { sync: true })
    this.#series.saved()
    this.#state = change.state
    const { epoch, nextSeq } = change.state
    this.#deps.witness.note({ epoch, nextSeq, firstUnacked: firstUnacked(change.state) })
    const { freed: ranges, freedBytes: bytes, evicted } = change
    if (evicted > 0) {
      this.#evicted += evicted
      const { maxBytes } = this.#options
      this.#deps.log.error('readings evicted', { count: evicted, ranges: ranges.slice(0, 20), maxBytes })
    }
    const operations = change.operations.length
    this.#compaction.freed(this.#database(), { ranges, bytes, operations }, change.state.blockBytes === 0)
  }

  /** Refuses appends while the disk has no room for them and for the reserve; acks pass. */
  async #refuseWhileFull(calls: (Append | Ack)[]): Promise<(Append | Ack)[]> {
    if (!this.#full || !calls.some(({ kind }) => kind === 'append')) return calls
    const { reserve, log } = this.#deps
    const { folder } = this.#options
    if (await reserve.restore()) {
      this.#full = false
      log.info('disk found with space again', { folder })
      return calls
    }
    const [free, needed] = [await reserve.freeBytes(), 2 * reserve.bytes].map(toMebibytes)
    const error = new Unavailable(
      `Cannot append: the disk of ${folder} is full (${free} free, ${needed} needed); free space there or lower buffer.maxBytes`,
    )
    for (const call of calls) if (call.kind === 'append') call.reject(error)
    return calls.filter(({ kind }) => kind !== 'append')
  }

  /** After a failed write: what is still to be tried. The database is open again then. */
  async #afterFailure(calls: (Append | Ack)[], error: unknown, attempt: number): Promise<(Append | Ack)[]> {
    const { log, reserve } = this.#deps
    const { folder } = this.#options
    log.error('buffer not written', { folder, attempt, reason: failureOf(error) })
    if (isFull(error)) {
      this.#full = true
      await reserve.release()
    }
    const inDoubt = this.#inDoubt
    this.#inDoubt = undefined
    await this.#closeDatabase()
    let last = error
    try {
      if (attempt < ATTEMPTS) {
        await this.#openAgainIfClosed(attempt === ATTEMPTS - 1 && !isFull(error))
        if (inDoubt !== undefined && isSame(inDoubt.state, this.#state)) {
          for (const done of inDoubt.settle) done()
          return []
        }
        return calls
      }
    } catch (failure) {
      last = failure
    }
    const refusal =
      last instanceof Unavailable
        ? last
        : new Unavailable(`Cannot write the buffer ${folder}: ${failureOf(last)}`, { cause: last })
    for (const call of calls) call.reject(refusal)
    return []
  }

  async #closeDatabase(): Promise<void> {
    const db = this.#db
    this.#db = undefined
    await db?.close()
  }

  async #openAgainIfClosed(repairFirst: boolean): Promise<void> {
    if (this.#db !== undefined) return
    const { folder } = this.#options
    const opened = await openDatabase(this.#deps, folder, { repairFirst })
    try {
      const before = this.#state
      const { state, changed, doubtful } = await loadState(this.#deps, opened, before)
      await this.#series.check(opened.db)
      this.#db = opened.db
      this.#state = state
      this.#damaged += Math.max(0, size(state.lost) - size(before.lost))
      if (changed) await this.#write(openChange(state))
      if (doubtful) void this.#verify()
    } catch (error) {
      this.#db = undefined
      await opened.db.close()
      throw error
    }
    this.#deps.log.info('buffer opened again', {
      folder,
      epoch: this.#state.epoch,
      nextSeq: this.#state.nextSeq,
    })
  }

  #database(): Database {
    if (this.#db === undefined) throw new Error('The database is not open')
    return this.#db
  }

  async #readQuickly(from: number, maxReadings: number): Promise<Stretch | undefined | 'in doubt'> {
    const db = this.#db
    if (db === undefined) return 'in doubt'
    const nameOf = this.#series.nameOf
    try {
      // A commit may be between the disk and our knowledge of it: what seems to be missing is looked at again.
      const assembled = await readStretch({ db, state: this.#state, nameOf }, from, maxReadings)
      return assembled === undefined || assembled.found.length === 0 ? assembled?.stretch : 'in doubt'
    } catch (error) {
      // Opened again meanwhile; what is really wrong will be met once more.
      this.#deps.log.debug('reading repeated', { reason: failureOf(error) })
      return 'in doubt'
    }
  }

  async #readCarefully(from: number, maxReadings: number): Promise<Stretch | undefined> {
    await this.#openAgainIfClosed(false)
    const view = { db: this.#database(), state: this.#state, nameOf: this.#series.nameOf }
    const assembled = await readStretch(view, from, maxReadings)
    if (assembled === undefined || assembled.found.length === 0) return assembled?.stretch
    try {
      await this.#write(openChange(this.#withLost(this.#state, assembled.found)))
    } catch (error) {
      this.#deps.log.error('buffer not written', { reason: failureOf(error) })
      await this.#closeDatabase()
    }
    void this.#verify()
    return assembled.stretch
  }

  /** Remembers numbers as lost, counts them and says so. */
  #withLost(state: State, found: Ranges): State {
    const lost = addAll(state.lost, found)
    const count = size(lost) - size(state.lost)
    if (count === 0) return state
    this.#damaged += count
    this.#deps.log.error('readings lost', { reason: 'damaged', count, ranges: found.slice(0, 20) })
    // More ranges than can be remembered are found again, and reported again, when they are read.
    return lost.length > RANGES_MAX ? state : { ...state, lost }
  }

  /** Looks at everything in the background; one look at a time. */
  #verify(): Promise<void> {
    this.#verifying ??= this.#lookAtEverything()
      .catch((error: unknown) => {
        if (!this.#closed) this.#deps.log.warn('buffer not verified', { reason: failureOf(error) })
      })
      .finally(() => {
        this.#verifying = undefined
      })
    this.verified = this.#verifying
    return this.verified
  }

  async #lookAtEverything(): Promise<void> {
    const { db, state, snapshot } = await this.#lane.run(async () => {
      const open = this.#database()
      return { db: open, state: this.#state, snapshot: open.snapshot() }
    })
    let findings: Findings
    try {
      findings = await inspect(db, state, snapshot)
    } finally {
      await snapshot.close()
    }
    await this.#lane.run(() => this.#account(db, state, findings))
  }

  /** Puts right what the look showed, on top of what has happened since. */
  async #account(db: Database, seen: State, findings: Findings): Promise<void> {
    if (this.#db !== db) return
    const change = openChange(this.#state)
    let blockBytes = this.#state.blockBytes + findings.blockBytes - seen.blockBytes
    for (const key of findings.strays) {
      const value = await db.get(key)
      if (value === undefined) continue
      change.operations.push({ type: 'del', key })
      blockBytes -= key.length + value.length
    }
    const lost = findings.lost.flatMap(({ first, last }) => expectedWithin(this.#state, first, last))
    const nextSeq = Math.max(this.#state.nextSeq, findings.nextSeq)
    change.state = this.#withLost({ ...this.#state, blockBytes, nextSeq }, lost)
    if (!isSame(change.state, this.#state)) await this.#write(change)
  }

  async #findOldest(): Promise<void> {
    const head = firstKept(this.#state)
    if (this.#db === undefined || head === this.#oldest.seq) return
    const view = { db: this.#db, state: this.#state, nameOf: this.#series.nameOf }
    const assembled = await readStretch(view, head, 1)
    this.#oldest = { seq: head, at: assembled?.stretch.readings[0]?.at }
  }
}

/** The lowest number that may lie on disk. */
const firstKept = (state: State) => Math.max(firstUnacked(state), state.evictedThrough + 1)

const isSame = (one: State, other: State) => Buffer.compare(encodeState(one), encodeState(other)) === 0

const toMebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
