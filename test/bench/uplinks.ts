// Real uplinks for benchmarks.

import type { Buffer } from '../../edge/buffer.ts'
import { openHealth } from '../../edge/health.ts'
import { BATCH_EVERY_MS } from '../../edge/pace.ts'
import { openSeriesBook } from '../../edge/series-book.ts'
import { openMqttTransport } from '../../edge/transport/mqtt.ts'
import { openUplink, type Uplink } from '../../edge/uplink.ts'
import type { SeriesTable } from '../../protocol/batch.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Scope } from '../../protocol/runtime/scope.ts'
import { Uplink as UplinkConfig } from '../../protocol/uplink-config.ts'
import { TOKEN } from '../cloud/collector/site.ts'

/** A gateway's way up, over MQTT, with the settings that a gateway has unless told otherwise; live readings go at once. */
export function startUplink(
  scope: Scope,
  { buffer, metrics }: { buffer: Buffer; metrics: Metrics },
  { table, url }: { table: SeriesTable; url: string },
): Uplink {
  const { gateway } = table
  const { ackTimeout, silence, window } = UplinkConfig.parse({ url, credentials: '.' })
  const clockState = () => ({ quality: 'synced' }) as const
  const uplink = openUplink(
    {
      ...{ buffer, metrics, clock, clockState, log: silentLog, random: Math.random },
      transport: openMqttTransport({ clock }, { url, clientId: gateway, username: gateway, password: TOKEN }),
      book: openSeriesBook(table, []),
      health: openHealth(
        { buffer, metrics, clock, clockState, sources: new Map(), buses: () => [] },
        { version: '0.0.0' },
      ),
      onCommand: async () => undefined,
    },
    {
      ...{ gateway, version: '0.0.0', minReadings: 1, maxDelayMs: 0, window },
      ...{ ackTimeoutMs: ackTimeout, silenceMs: silence },
      ...{ backlogBytesPerSecond: Number.POSITIVE_INFINITY, backlogEveryMs: BATCH_EVERY_MS },
    },
  )
  scope.run(uplink.run)
  return uplink
}
