// The cloud as a gateway meets it: an MQTT broker that reads batches and answers them, or fails to, as a test asks.
//
// What it has answered as committed it keeps in memory, so that a test can compare it with what was measured.

import { hash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { Aedes, type PublishPacket } from 'aedes'
import type { Ack, Batch, SeriesTable } from '../../protocol/batch.ts'
import { decodeBatch } from '../../protocol/codec.ts'
import { type Command, CommandResult } from '../../protocol/command.ts'
import { type DesiredConfig, ReportedConfig } from '../../protocol/configuration.ts'
import type { Reading } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { GatewayHealth, GatewayState } from '../../protocol/status.ts'
import { ackTopic, commandTopic, desiredTopic, type Lane, parseGatewayTopic } from '../../protocol/topics.ts'

/** What the cloud does with a batch instead of committing and answering it. */
export type CloudFault =
  /** Neither committed nor answered. */
  | { kind: 'ignore' }
  /** Committed, and the answer is lost. */
  | { kind: 'lose-ack' }
  | { kind: 'late-ack'; ms: number }
  | { kind: 'duplicate-ack' }
  | { kind: 'table-unknown' }
  | { kind: 'set-aside'; reason: string }
  | { kind: 'unreadable'; reason: string }
  | { kind: 'reject-first'; reason: string }
  | { kind: 'slow-down'; ms: number }
  /** Committed, and the connection ends before the answer. */
  | { kind: 'disconnect' }

/** A batch as it came. */
export interface SeenBatch {
  gateway: string
  lane: Lane
  batch: Batch
  withTable: boolean
  /** The size of its bytes. */
  bytes: number
  /** What its bytes are called where nothing in them can be read. */
  name: string
  /** On the clock's monotonic time. */
  at: number
}

/** A cloud that listens. */
export interface FakeCloud {
  port: number
  url: string
  batches: SeenBatch[]
  /** Committed readings by `epoch/seq`; how often each was committed is in `commits`. */
  stored: Map<string, Reading>
  commits: Map<string, number>
  states: GatewayState[]
  healths: GatewayHealth[]
  results: CommandResult[]
  /** Which configuration gateways said that they have. */
  reports: ReportedConfig[]
  /** Passwords that clients signed in with. */
  passwords: string[]
  /** Applies to the batches that come next, one fault each. */
  fail(...faults: CloudFault[]): void
  /** Applies to every batch until it is called with nothing. */
  failAlways(fault?: CloudFault): void
  command(gateway: string, command: Command): void
  desire(gateway: string, desired: DesiredConfig): void
  /** Called as soon as a client has subscribed. */
  onSubscribed(listener: () => void): void
  /** Says something on the ack topic as it is. */
  say(gateway: string, payload: string): void
  /** Ends every connection, and refuses new ones until `start`. */
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

/** Starts a cloud on a free port of loopback. */
export async function openFakeCloud({ clock }: { clock: Clock }): Promise<FakeCloud> {
  const aedes = await Aedes.createBroker()
  const tables = new Map<string, SeriesTable>()
  const queued: CloudFault[] = []
  const sockets = new Set<Socket>()
  let always: CloudFault | undefined
  let isUp = false
  let server: Server
  let port = 0

  const publish = (topic: string, payload: string) =>
    aedes.publish(
      { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain: false, dup: false },
      () => {},
    )

  const cloud: FakeCloud = {
    get port() {
      return port
    },
    get url() {
      return `mqtt://127.0.0.1:${port}`
    },
    ...{
      batches: [],
      stored: new Map(),
      commits: new Map(),
      states: [],
      healths: [],
      results: [],
      reports: [],
      passwords: [],
    },
    fail: (...faults) => void queued.push(...faults),
    failAlways: fault => {
      always = fault
    },
    command: (gateway, command) => publish(commandTopic(gateway, command.id), JSON.stringify(command)),
    desire: (gateway, desired) => publish(desiredTopic(gateway), JSON.stringify(desired)),
    onSubscribed: listener => void aedes.on('subscribe', listener),
    say: (gateway, payload) => publish(ackTopic(gateway), payload),
    async start() {
      isUp = true
      server = createServer(socket => {
        // It was on its way when the others were ended.
        if (!isUp) {
          socket.destroy()
          return
        }
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
        socket.on('error', () => {})
        aedes.handle(socket)
      })
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      port = (server.address() as AddressInfo).port
    },
    async stop() {
      isUp = false
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
    async close() {
      await new Promise<void>(resolve => aedes.close(() => resolve()))
      await cloud.stop()
    },
  }

  const answerOf = ({ batch, lane }: SeenBatch, more: Partial<Ack> = {}): string => {
    const { epoch, first, last: through } = batch
    return JSON.stringify({ v: 1, epoch, lane, first, through, status: 'committed', rejected: [], ...more })
  }

  const commit = ({ batch }: SeenBatch) => {
    for (const reading of batch.readings) {
      const key = `${batch.epoch}/${reading.seq}`
      cloud.stored.set(key, reading)
      cloud.commits.set(key, (cloud.commits.get(key) ?? 0) + 1)
    }
  }

  const react = async (seen: SeenBatch, fault: CloudFault | undefined) => {
    const say = (more?: Partial<Ack>) => publish(ackTopic(seen.gateway), answerOf(seen, more))
    switch (fault?.kind) {
      case 'ignore':
        return
      case 'table-unknown':
        say({ status: 'table-unknown' })
        return
      case 'set-aside':
        say({ status: 'set-aside', reason: fault.reason })
        return
      case 'unreadable': {
        const { lane, name: message } = seen
        const { reason } = fault
        publish(ackTopic(seen.gateway), JSON.stringify({ v: 1, lane, status: 'unreadable', message, reason }))
        return
      }
    }
    commit(seen)
    switch (fault?.kind) {
      case undefined:
        say()
        return
      case 'lose-ack':
        return
      case 'late-ack':
        await clock.sleep(fault.ms)
        say()
        return
      case 'duplicate-ack':
        say()
        say()
        return
      case 'reject-first':
        say({ rejected: [{ seq: seen.batch.first, reason: fault.reason }] })
        return
      case 'slow-down':
        say({ slowDownMs: fault.ms })
        return
      case 'disconnect':
        for (const socket of sockets) socket.destroy()
    }
  }

  const takeBatch = (gateway: string, lane: Lane, payload: Uint8Array) => {
    const decoded = decodeBatch(payload, id => tables.get(id))
    const at = clock.monotonic()
    if (decoded.kind === 'table-unknown') {
      const { epoch, first, last: through } = decoded.head
      const status: Ack['status'] = 'table-unknown'
      publish(ackTopic(gateway), JSON.stringify({ v: 1, epoch, lane, first, through, status }))
      return
    }
    tables.set(decoded.tableId, decoded.batch.table)
    const seen = {
      ...{ gateway, lane, batch: decoded.batch, at },
      ...{ withTable: decoded.tableBytes !== undefined, bytes: payload.length },
      name: hash('sha256', payload, 'hex').slice(0, 16),
    }
    cloud.batches.push(seen)
    void react(seen, queued.shift() ?? always)
  }

  aedes.authenticate = (_, __, password, done) => {
    cloud.passwords.push(password?.toString() ?? '')
    done(null, true)
  }
  aedes.on('publish', (packet: PublishPacket, client) => {
    const topic = parseGatewayTopic(packet.topic)
    // A will is published by the broker itself, without a client.
    if (topic === undefined || (client === null && topic.kind !== 'state')) return
    const payload = Buffer.from(packet.payload)
    const json = () => JSON.parse(payload.toString())
    if (topic.kind === 'up') takeBatch(topic.gateway, topic.lane, payload)
    else if (topic.kind === 'state') cloud.states.push(GatewayState.parse(json()))
    else if (topic.kind === 'health') cloud.healths.push(GatewayHealth.parse(json()))
    else if (topic.kind === 'reported') cloud.reports.push(ReportedConfig.parse(json()))
    else if (topic.kind === 'result') cloud.results.push(CommandResult.parse(json()))
  })
  await cloud.start()
  return cloud
}
