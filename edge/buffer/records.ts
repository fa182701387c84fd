// The records of a buffer and what is known of them: one open database, its state, its series, and what was counted.
//
// Only the store's lane may write here, one change at a time. `state` is what was committed last, never more.

import { join } from 'node:path'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Variable } from '../../protocol/variables.ts'
import { firstTime, isIntact, readKey, seekKey } from './block.ts'
import { type Change, openChange } from './change.ts'
import { type Compaction, openCompaction } from './compaction.ts'
import { type Database, openDatabase } from './database.ts'
import { loadState } from './load.ts'
import { type LogRoom, openLogRoom } from './log-room.ts'
import { addAll, type Ranges, size } from './ranges.ts'
import type { Reserve } from './reserve.ts'
import { loadSeries, type SeriesList } from './series.ts'
import {
  encodeState,
  evictedRanges,
  expectedWithin,
  firstKept,
  firstUnacked,
  RANGES_MAX,
  STATE_KEY,
  type State,
} from './state.ts'
import { readStretch, type View } from './stretch.ts'
import { type Findings, FOUND_MAX } from './verify.ts'
import type { Witness } from './witness.ts'

/** What the records are kept with. */
export interface RecordsDeps {
  clock: Clock
  log: Log
  reserve: Reserve
  witness: Witness
}

/** Where, and how much. */
export interface RecordsOptions {
  folder: string
  maxBytes: number
  /** Variables whose readings are of the class \`regulatory\`. */
  evictLast: ReadonlySet<Variable>
}

/** The records of a buffer. */
export class Records {
  readonly series: SeriesList
  readonly #deps: RecordsDeps
  readonly #options: RecordsOptions
  readonly #compaction: Compaction
  readonly #room: LogRoom
  #db: Database | undefined
  #state: State
  readonly #evicted = { regulatory: 0, other: 0 }
  #damaged: number
  #oldest: { seq: number; at?: number | undefined } = { seq: 0 }

  private constructor(
    deps: RecordsDeps,
    options: RecordsOptions,
    opened: { db: Database; state: State; series: SeriesList },
  ) {
    this.#deps = deps
    this.#options = options
    this.#db = opened.db
    this.#state = opened.state
    this.series = opened.series
    this.#damaged = size(opened.state.lost)
    this.#room = openLogRoom(join(options.folder, 'level'))
    this.#compaction = openCompaction(deps, addAll(opened.state.acked, evictedRanges(opened.state)))
  }

  /** Opens the database. `doubtful` when everything must be looked at before it can be relied on. */
  static async open(
    deps: RecordsDeps,
    options: RecordsOptions,
  ): Promise<{ records: Records; doubtful: boolean }> {
    const opened = await openDatabase(deps, options.folder)
    try {
      const { state, changed, doubtful } = await loadState(deps, opened, deps.witness.found)
      const series = await loadSeries(opened.db, options.folder)
      const records = new Records(deps, options, { db: opened.db, state, series })
      if (changed) await records.write(openChange(state))
      return { records, doubtful }
    } catch (error) {
      await opened.db.close()
      throw error
    }
  }

  get isOpen(): boolean {
    return this.#db !== undefined
  }

  get state(): State {
    return this.#state
  }

  /** The open database. */
  get db(): Database {
    if (this.#db === undefined) throw new Error('The database is not open')
    return this.#db
  }

  /** What reading needs, all of one moment. */
  get view(): View {
    return { db: this.db, state: this.#state, nameOf: this.series.nameOf }
  }

  /** Bytes of all live records, readings lost and evicted so far, and the time of the oldest one kept. */
  get counts() {
    const state = this.#state
    return {
      bytes: state.blockBytes + this.series.bytes() + STATE_KEY.length + encodeState(state).length,
      evicted: { ...this.#evicted },
      damaged: this.#damaged,
      oldestAt: this.#oldest.seq === firstKept(state) ? this.#oldest.at : undefined,
    }
  }

  /** Writes a change, whole and synced. After a failure nothing is known: close, and open again. */
  async write(change: Change): Promise<void> {
    const series = await this.series.unsaved()
    await this.#room.take()
    const state = { type: 'put', key: STATE_KEY, value: encodeState(change.state) } as const
    await this.db.batch([...change.operations, ...series, state], { sync: true })
    this.series.saved()
    this.#state = change.state
    const { epoch, nextSeq } = change.state
    this.#deps.witness.note({ epoch, nextSeq, firstUnacked: firstUnacked(change.state) })
    this.#sayEvicted(change)
    const { freed: ranges, freedBytes: bytes } = change
    const operations = change.operations.filter(({ type }) => type === 'del').length
    this.#compaction.freed(this.db, { ranges, bytes, operations }, change.state.blockBytes === 0)
  }

  #sayEvicted({ evicted: { regulatory, other }, freed }: Change): void {
    const count = regulatory + other
    if (count === 0) return
    this.#evicted.regulatory += regulatory
    this.#evicted.other += other
    const { maxBytes } = this.#options
    const within = { first: freed[0]?.first, last: freed.at(-1)?.last }
    this.#deps.log.error('readings evicted', { count, regulatory, other, within, maxBytes })
  }

  /** Closes the database; openAgain() opens it. */
  async close(): Promise<void> {
    const db = this.#db
    this.#db = undefined
    await this.#compaction.idle()
    await db?.close()
  }

  /** Opens the database again. `true` when everything must be looked at before it can be relied on. */
  async openAgain(repairFirst: boolean): Promise<boolean> {
    const { folder } = this.#options
    const opened = await openDatabase(this.#deps, folder, { repairFirst })
    try {
      const before = this.#state
      const { state, changed, doubtful } = await loadState(this.#deps, opened, before)
      await this.series.check(opened.db)
      this.#db = opened.db
      this.#state = state
      this.#damaged += Math.max(0, size(state.lost) - size(before.lost))
      if (changed) await this.write(openChange(state))
      const { epoch, nextSeq } = state
      this.#deps.log.debug('buffer opened again', { folder, epoch, nextSeq })
      return doubtful
    } catch (error) {
      this.#db = undefined
      await opened.db.close()
      throw error
    }
  }

  /** Looks up when the oldest reading that is kept was measured. */
  async findOldest(): Promise<void> {
    const head = firstKept(this.#state)
    if (this.#db === undefined || head === this.#oldest.seq || head === this.#state.nextSeq) return
    const view = this.view
    const iterator = view.db.iterator({ gte: seekKey(head) })
    const [entry] = await iterator.nextv(1)
    await iterator.close()
    if (entry !== undefined && readKey(entry[0])?.first === head && isIntact(...entry)) {
      this.#oldest = { seq: head, at: firstTime(entry[1]) }
      return
    }
    const assembled = await readStretch(view, head, 1)
    this.#oldest = { seq: head, at: assembled?.stretch.readings[0]?.at }
  }

  /** Remembers numbers as lost, on disk as well. */
  async markLost(found: Ranges): Promise<void> {
    await this.write(openChange(this.#withLost(this.#state, found)))
  }

  /** Puts right what a look showed, on top of what has happened since. `false` when another look is needed. */
  async account(db: Database, seen: State, findings: Findings): Promise<boolean> {
    if (this.#db !== db) return false
    const change = openChange(this.#state)
    let blockBytes = this.#state.blockBytes + findings.blockBytes - seen.blockBytes
    const othersEvicted = this.#state.othersEvicted + findings.othersEvicted - seen.othersEvicted
    for (const key of findings.strays) {
      const value = await db.get(key)
      if (value === undefined) continue
      change.operations.push({ type: 'del', key })
      blockBytes -= key.length + value.length
    }
    const lost = findings.lost.flatMap(({ first, last }) => expectedWithin(this.#state, first, last))
    const nextSeq = Math.max(this.#state.nextSeq, findings.nextSeq)
    const regulatoryThrough = nextSeq > this.#state.nextSeq ? nextSeq - 1 : this.#state.regulatoryThrough
    const state = { ...this.#state, blockBytes, nextSeq, regulatoryThrough }
    change.state = this.#withLost({ ...state, othersEvicted: Math.max(0, othersEvicted) }, lost)
    if (!isSame(change.state, this.#state)) await this.write(change)
    return findings.strays.length < FOUND_MAX
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
}

/** Whether two states are the same. */
export const isSame = (one: State, other: State) => Buffer.compare(encodeState(one), encodeState(other)) === 0
