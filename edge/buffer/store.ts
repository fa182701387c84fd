// The buffer's one writer: takes what arrived, writes it as one synced batch, and tells whoever waited.
//
// What arrives while a write is on its way waits for the next one, all of it together. After any failed write the
// database is opened again, because LevelDB refuses every later write or, worse, writes behind a torn record.

import type { Measurement, Reading } from '../../protocol/reading.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import { BLOCK_READINGS_MAX, type BlockBody, encodeBody, type ReadingClass } from './block.ts'
import { type AckedNumbers, addAck, addBlocks, addEviction, openChange } from './change.ts'
import { failureOf, isFull } from './database.ts'
import { openLane } from './lane.ts'
import { isSame, Records, type RecordsDeps, type RecordsOptions } from './records.ts'
import { readingsKept, type State } from './state.ts'
import { readStretch, type Stretch } from './stretch.ts'
import { openVerifier, type Verifier } from './verifier.ts'

/** How things stand, but for what openBuffer() adds. */
export interface StoreStatus {
  state: State
  readings: number
  bytes: number
  appended: number
  appendedBytes: number
  evicted: Record<ReadingClass, number>
  damaged: number
  oldestAt: number | undefined
}

interface Append {
  kind: 'append'
  blocks: BlockBody[]
  readings: number
  resolve: (first: number) => void
  reject: (error: Error) => void
}

interface Ack extends AckedNumbers {
  kind: 'ack'
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

/** The buffer's one writer. */
export class Store {
  readonly #deps: RecordsDeps
  readonly #options: RecordsOptions
  readonly #records: Records
  readonly #lane = openLane()
  #queue: (Append | Ack)[] = []
  #waiting = 0
  #full = false
  #scheduled = false
  #closed = false
  #appended = 0
  #appendedBytes = 0
  #inDoubt: { state: State; settle: (() => void)[] } | undefined
  readonly #verifier: Verifier

  private constructor(deps: RecordsDeps, options: RecordsOptions, records: Records) {
    this.#deps = deps
    this.#options = options
    this.#records = records
    this.#verifier = openVerifier({
      ...{ log: deps.log, lane: this.#lane, records, isClosed: () => this.#closed },
      open: () => {
        this.#assertOpen()
        return this.#openIfClosed(false)
      },
    })
  }

  /** Resolves when everything has been looked at. */
  verified(): Promise<void> {
    return this.#verifier.done()
  }

  /** Opens the database, verifies it, and begins to serve. */
  static async open(deps: RecordsDeps, options: RecordsOptions): Promise<Store> {
    const { records, doubtful } = await Records.open(deps, options)
    const store = new Store(deps, options, records)
    if (!(await deps.reserve.restore())) {
      store.#full = true
      deps.log.warn('disk found full', { folder: options.folder, freeBytes: deps.reserve.freeBytes() })
    }
    const isFirst = doubtful || records.state.blockBytes <= VERIFY_FIRST_BYTES
    const verified = store.#verifier.look(isFirst)
    if (isFirst) await verified
    await store.#lane.run(() => store.#findOldest())
    return store
  }

  /** Writes measurements; resolves when they are on disk, in the order of their numbers. */
  async append(measurements: readonly Measurement[]): Promise<Reading[]> {
    this.#assertOpen()
    const readings = measurements.length
    if (this.#waiting + readings > WAITING_READINGS_MAX) {
      throw new Unavailable(
        `Cannot append ${readings} readings: ${this.#waiting} wait for the disk already, ${WAITING_READINGS_MAX} is the most`,
      )
    }
    const regulatory = measurements.filter(({ variable }) => this.#options.evictLast.has(variable))
    const other = measurements.filter(({ variable }) => !this.#options.evictLast.has(variable))
    const blocks = [...this.#toBlocks(regulatory, 'regulatory'), ...this.#toBlocks(other, 'other')]
    this.#waiting += readings
    try {
      const first = await new Promise<number>((resolve, reject) =>
        this.#enqueue({ kind: 'append', blocks, readings, resolve, reject }),
      )
      return [...regulatory, ...other].map((measurement, index) => ({ ...measurement, seq: first + index }))
    } finally {
      this.#waiting -= readings
    }
  }

  #toBlocks(measurements: readonly Measurement[], readingClass: ReadingClass): BlockBody[] {
    const blocks: BlockBody[] = []
    for (let start = 0; start < measurements.length; start += BLOCK_READINGS_MAX) {
      const part = measurements.slice(start, start + BLOCK_READINGS_MAX)
      const body = encodeBody(part, name => this.#records.series.idOf(name))
      blocks.push({ body, count: part.length, class: readingClass })
    }
    return blocks
  }

  /** Forgets numbers; resolves when that is on disk. */
  async ack(numbers: AckedNumbers): Promise<void> {
    this.#assertOpen()
    await new Promise<void>((resolve, reject) => this.#enqueue({ kind: 'ack', ...numbers, resolve, reject }))
  }

  /** The next unanswered stretch. */
  async read(from: number, maxReadings: number): Promise<Stretch | undefined> {
    this.#assertOpen()
    const quick = await this.#readQuickly(from, maxReadings)
    if (quick !== 'in doubt') return quick
    return await this.#lane.run(() => this.#readCarefully(from, maxReadings))
  }

  status(): StoreStatus {
    const { state, counts } = this.#records
    const [appended, appendedBytes] = [this.#appended, this.#appendedBytes]
    return { state, readings: readingsKept(state), appended, appendedBytes, ...counts }
  }

  /** Writes what waits, then closes. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    while (this.#queue.length > 0) await this.#lane.run(() => this.#commit())
    await this.#lane.run(() => this.#records.close())
    await this.#verifier.done()
    await this.#deps.witness.close()
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error('The buffer is closed')
  }

  #enqueue(call: Append | Ack): void {
    this.#queue.push(call)
    this.#commitSoon()
  }

  /** One commit waits in the lane at most: it takes everything that has come until its turn. */
  #commitSoon(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    void this.#lane.run(async () => {
      this.#scheduled = false
      await this.#commit()
      if (this.#queue.length > 0) this.#commitSoon()
      else await this.#findOldest()
    })
  }

  /** One write for everything that waits. Never rejects: whoever waits is told. */
  async #commit(): Promise<void> {
    let calls = this.#take()
    for (let attempt = 1; calls.length > 0; attempt += 1) {
      try {
        await this.#openIfClosed(false)
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
    const { db, state } = this.#records
    const change = openChange(state)
    const settle: (() => void)[] = []
    for (const call of calls) {
      if (call.kind !== 'ack') continue
      try {
        const through = await addAck(db, change, call)
        settle.push(() => (through < call.through ? this.#goOn(call, through + 1) : call.resolve()))
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        call.reject(error)
      }
    }
    const protectedFrom = change.state.nextSeq
    for (const call of calls) {
      if (call.kind !== 'append') continue
      const before = change.state.blockBytes
      const first = addBlocks(change, call.blocks)
      const bytes = change.state.blockBytes - before
      settle.push(() => {
        this.#appended += call.readings
        this.#appendedBytes += bytes
        call.resolve(first)
      })
    }
    await addEviction(db, change, { maxBytes: this.#options.maxBytes, protectedFrom })
    if (settle.length === 0) return
    this.#inDoubt = { state: change.state, settle }
    await this.#records.write(change)
    this.#inDoubt = undefined
    for (const done of settle) done()
  }

  /** An ack over very many blocks goes on before anything that came later. */
  #goOn(ack: Ack, first: number): void {
    this.#queue.unshift({ ...ack, first })
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
    const [free, needed] = [reserve.freeBytes(), 2 * reserve.bytes].map(toMebibytes)
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
    await this.#records.close()
    let last = error
    try {
      if (attempt < ATTEMPTS) {
        await this.#openIfClosed(attempt === ATTEMPTS - 1 && !isFull(error))
        if (inDoubt !== undefined && isSame(inDoubt.state, this.#records.state)) {
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

  async #openIfClosed(repairFirst: boolean): Promise<void> {
    if (this.#records.isOpen) return
    if (await this.#records.openAgain(repairFirst)) void this.#verifier.look()
  }

  async #readQuickly(from: number, maxReadings: number): Promise<Stretch | undefined | 'in doubt'> {
    if (!this.#records.isOpen) return 'in doubt'
    try {
      // A commit may be between the disk and our knowledge of it: what seems to be missing is looked at again.
      const assembled = await readStretch(this.#records.view, from, maxReadings)
      return assembled === undefined || assembled.found.length === 0 ? assembled?.stretch : 'in doubt'
    } catch (error) {
      // Opened again meanwhile; what is really wrong will be met once more.
      this.#deps.log.debug('reading repeated', { reason: failureOf(error) })
      return 'in doubt'
    }
  }

  async #readCarefully(from: number, maxReadings: number): Promise<Stretch | undefined> {
    await this.#openIfClosed(false)
    const assembled = await readStretch(this.#records.view, from, maxReadings)
    if (assembled === undefined || assembled.found.length === 0) return assembled?.stretch
    try {
      await this.#records.markLost(assembled.found)
    } catch (error) {
      this.#deps.log.error('buffer not written', { reason: failureOf(error) })
      await this.#records.close()
    }
    void this.#verifier.look()
    return assembled.stretch
  }

  /** The time of the oldest reading is a figure for people: a failure to find it stops nothing. */
  async #findOldest(): Promise<void> {
    try {
      await this.#records.findOldest()
    } catch (error) {
      this.#deps.log.warn('oldest reading not found', { reason: failureOf(error) })
    }
  }
}

const toMebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
