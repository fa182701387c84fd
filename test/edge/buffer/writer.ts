// A process that fills a buffer and answers some of it until it is killed, telling what was confirmed.
//
// Arguments: folder, seed. Lines on stdout: `append <first> <last>` and `ack <first> <last>`, each written before the
// next call is made; `acking <first> <last>` before an ack, because a kill may fall between doing it and saying it.

import { writeSync } from 'node:fs'
import { openBuffer } from '../../../edge/buffer.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { measurements } from './folder.ts'

const [path = '', seedText = '0'] = process.argv.slice(2)
const say = (line: string) => writeSync(1, `${line}\n`)

const buffer = await openBuffer(
  { clock: systemClock, log: silentLog },
  { path, maxBytes: 2 ** 30, reserveBytes: 64 * 1024 },
)
say(`open ${buffer.epoch} ${buffer.status().nextSeq}`)
let turn = Number(seedText)
const fillOne = async () => {
  for (;;) {
    turn += 1
    const appended = await buffer.append(measurements(1 + ((turn * 13) % 90), turn))
    say(`append ${appended[0]?.seq} ${appended.at(-1)?.seq}`)
  }
}
const answer = async () => {
  for (;;) {
    const { nextSeq, firstUnacked, unackedRanges } = buffer.status()
    // Mostly from the head, sometimes the newest, as the two lanes do.
    const from = turn % 5 === 0 && unackedRanges.length < 200 ? Math.max(1, nextSeq - 60) : firstUnacked
    const stretch = nextSeq - firstUnacked > 2000 ? await buffer.read(from, 50) : undefined
    if (stretch === undefined) {
      await new Promise(resolve => setImmediate(resolve))
      continue
    }
    say(`acking ${stretch.first} ${stretch.last}`)
    await buffer.ack(buffer.epoch, stretch.first, stretch.last)
    say(`ack ${stretch.first} ${stretch.last}`)
  }
}
await Promise.all([fillOne(), fillOne(), answer()])
