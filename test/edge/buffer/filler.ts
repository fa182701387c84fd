// Fills a buffer with a million readings, opens it again, drains it, and tells what the heap held at each point.
//
// Argument: folder. Needs --expose-gc.

import { openBuffer } from '../../../edge/buffer.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { measurements } from './folder.ts'

const GROUPS = 100_000
const TOGETHER = 400

const open = () =>
  openBuffer(
    { clock: systemClock, log: silentLog },
    { path: process.argv[2] ?? '', maxBytes: 2 ** 30, reserveBytes: 64 * 1024 },
  )
const heap = () => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

let buffer = await open()
const group = measurements(10)
await buffer.append(group)
const empty = heap()
for (let done = 0; done < GROUPS; done += TOGETHER) {
  await Promise.all(Array.from({ length: TOGETHER }, () => buffer.append(group)))
}
const { readings } = buffer.status()
const full = heap()
await buffer.close()

buffer = await open()
await buffer.verified()
const opened = heap()
for (let stretch = await buffer.read(1, 500); stretch !== undefined; stretch = await buffer.read(1, 500)) {
  await buffer.ack(buffer.epoch, stretch.first, stretch.last)
}
const drained = heap()
await buffer.close()
console.log(JSON.stringify({ empty, full, opened, drained, readings }))
