// A gateway's buffer and uplink in a process of their own, to be killed. What it is to measure comes on stdin.
//
// Arguments: the gateway, the buffer's folder, the collector's MQTT port. A line "5 9" on stdin has it measure numbers 5 to
// 9; it says "9" when all of them are on disk. A disk that refuses is asked again.

import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { openBuffer } from '../../edge/buffer.ts'
import { GATEWAY_METRICS } from '../../edge/health.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import { silentLog as log } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openScope } from '../../protocol/runtime/scope.ts'
import { startUplink } from '../bench/uplinks.ts'
import { readingNumber, tableOf } from './schedule.ts'

const AT_ONCE = 40
const ASK_AGAIN_MS = 50

async function serve(gateway: string, path: string, port: number): Promise<void> {
  const metrics = openMetrics(GATEWAY_METRICS)
  const buffer = await openBuffer({ clock, log }, { path, maxBytes: 2 ** 30, reserveBytes: 2 ** 20 })
  const url = `mqtt://127.0.0.1:${port}`
  const uplink = startUplink(openScope(), { buffer, metrics }, { table: tableOf(gateway), url })
  const measure = async (first: number, last: number): Promise<void> => {
    const group = Array.from({ length: last - first + 1 }, (_, index) =>
      readingNumber(gateway, first + index),
    )
    try {
      await buffer.append(group)
      uplink.wake()
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      await clock.sleep(ASK_AGAIN_MS)
      await measure(first, last)
    }
  }
  for await (const line of createInterface({ input: process.stdin })) {
    const [first = 0, last = 0] = line.split(' ').map(Number)
    for (let from = first; from <= last; from += AT_ONCE) {
      await measure(from, Math.min(last, from + AT_ONCE - 1))
    }
    writeSync(1, `${last}\n`)
  }
}

const [gateway, path, port] = process.argv.slice(2)
if (gateway !== undefined && path !== undefined) await serve(gateway, path, Number(port))
