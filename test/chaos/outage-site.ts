// Ten devices of eight variables, each polled at every minute of an outage, as fast as the disk takes it.
//
// A process of its own, to be killed. Arguments: the buffer's folder, the first minute, the last. The poller and the buffer
// are the gateway's; only the waiting between two minutes is left out. A line on stdout for each minute that is on disk.

import { writeSync } from 'node:fs'
import { openBuffer } from '../../edge/buffer.ts'
import { GATEWAY_METRICS } from '../../edge/health.ts'
import { openLine, type Source } from '../../edge/poller.ts'
import type { Measurement } from '../../protocol/reading.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import type { Variable } from '../../protocol/variables.ts'

/** What each device measures. */
export const VARIABLES: readonly Variable[] = [
  ...(['flow', 'total', 'level', 'pulses', 'pressure', 'temperature', 'conductivity', 'battery'] as const),
]

/** How many devices there are. */
export const DEVICES = 10

/** When the outage begins. */
export const SINCE = Date.parse('2026-06-01T00:00:00Z')

const MINUTE_MS = 60_000

/** What a device measures in a minute; now and then a register cannot be read. */
export function measured(device: number, minute: number): Measurement[] {
  return VARIABLES.map((variable, index): Measurement => {
    const fails = (minute * 7 + device * 3 + index) % 97 === 0
    return {
      ...{ point: `pozo-${device}`, variable, at: SINCE + minute * MINUTE_MS, timeQuality: 'synced' },
      value: fails ? null : (minute * (index + 1) + device) / 100,
      quality: fails ? 'exception' : 'good',
    }
  })
}

async function pollOn(path: string, first: number, last: number): Promise<void> {
  const [clock, log, signal] = [systemClock, silentLog, new AbortController().signal]
  const buffer = await openBuffer({ clock, log }, { path, maxBytes: 2 ** 32 })
  const store = async (measurements: readonly Measurement[]) => void (await buffer.append(measurements))
  const deps = { clock, log, store, metrics: openMetrics(GATEWAY_METRICS), health: new Map() }
  let minute = first
  const lines = Array.from({ length: DEVICES }, (_, device) => {
    const source: Source = {
      ...{ id: `meter-${device}`, provider: undefined, everyMs: MINUTE_MS, delayMs: 0 },
      collect: async () => ({ measurements: measured(device, minute), failure: undefined }),
    }
    return { line: openLine(deps, { id: `bus-${device}`, sources: [source] }), source }
  })
  for (; minute <= last; minute += 1) {
    await Promise.all(lines.map(({ line, source }) => line.poll(source, signal)))
    writeSync(1, `${minute}\n`)
  }
  await buffer.close()
}

const [path, first, last] = process.argv.slice(2)
if (import.meta.main && path !== undefined) await pollOn(path, Number(first), Number(last))
