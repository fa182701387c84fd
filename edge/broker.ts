// The LAN broker: raw data for whoever is on site, with the newest reading of each series retained.
//
// Anybody who reaches the port may subscribe to `raw/v1/#` and nobody may publish: it listens on loopback unless the
// configuration says otherwise. After a restart, the next poll brings the retained values back.

import { type AddressInfo, createServer } from 'node:net'
import { Aedes } from 'aedes'
import { toRawMessage } from '../protocol/raw.ts'
import type { Reading } from '../protocol/reading.ts'
import { ConfigError, reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { Closable } from '../protocol/runtime/scope.ts'
import { rawTopic } from '../protocol/topics.ts'

/** A subscriber that does not read is cut off after this long, so that it holds nobody up. */
const DRAIN_TIMEOUT_MS = 5_000

/** A broker that listens. */
export interface LanBroker extends Closable {
  port: number
  /** Publishes readings, each on its series' topic. Resolves when all are handed to their subscribers. */
  publish(readings: readonly Reading[]): Promise<void>
}

/** Starts the broker. Throws ConfigError when the port is taken. */
export async function openLanBroker(
  { log }: { log: Log },
  { host, port, client, project }: { host: string; port: number; client: string; project: string },
): Promise<LanBroker> {
  const newest = new Map<string, number>()
  const aedes = await Aedes.createBroker({
    drainTimeout: DRAIN_TIMEOUT_MS,
    maxClientsIdLength: 128,
    maxTopicLevels: 16,
    authorizePublish: (from, packet, done) => {
      if (from !== null) log.warn('publish refused on the LAN', { clientId: from.id, topic: packet.topic })
      done(from === null ? null : new Error('This broker only speaks'))
    },
    authorizeSubscribe: (_, subscription, done) =>
      done(null, subscription.topic.startsWith('raw/') ? subscription : null),
  })
  aedes.on('clientError', (from, error) =>
    log.debug('LAN client failed', { clientId: from.id, reason: error.message }),
  )
  const server = createServer(aedes.handle)
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => {
      const message = `cannot listen on ${host}:${port}: ${reasonOf(error)}`
      reject(new ConfigError('the configuration', [{ path: 'lanBroker', message }]))
    })
    server.listen(port, host, resolve)
  })

  const publishOne = (reading: Reading) => {
    const topic = rawTopic({ client, project, point: reading.point, variable: reading.variable })
    const before = newest.get(topic)
    const late = before !== undefined && reading.at < before
    if (!late) newest.set(topic, reading.at)
    const payload = Buffer.from(JSON.stringify(toRawMessage(reading, { late })))
    return new Promise<void>((resolve, reject) => {
      aedes.publish({ cmd: 'publish', topic, payload, qos: 0, retain: !late, dup: false }, error =>
        error ? reject(error) : resolve(),
      )
    })
  }
  return {
    port: (server.address() as AddressInfo).port,
    publish: async readings => {
      await Promise.all(readings.map(publishOne))
    },
    close: async () => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      await new Promise<void>(resolve => aedes.close(() => resolve()))
      await closed
    },
  }
}
