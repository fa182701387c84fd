// A gateway that is killed while it writes to a device, again and again, by a cloud that repeats every command until it is
// answered: nothing is written twice, and every result is true.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../protocol/command.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { openFakeCloud } from '../doubles/cloud.ts'
import { openInstrument } from '../doubles/instrument.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from '../edge/buffer/folder.ts'
import { makeSite, type Program, runProgram } from '../edge/site.ts'

const COMMANDS = 16
const FROM = 100

const indices = Array.from({ length: COMMANDS }, (_, index) => index)
const WRITABLE = indices.map(
  index => `      - { name: value-${index}, address: ${FROM + index}, type: uint16, min: 0, max: 1000 }`,
)
const DEVICES = `  - id: pump
    bus: plant
    unit: 2
    point: pozo-7
    every: 12h
    signals: [{ variable: status, address: 90, type: uint16 }]
    writable:
${WRITABLE.join('\n')}
clock: trusted
`

test('a gateway that is killed while it writes has written nothing twice, and says truly what it knows', async context => {
  const cells = new Map<number, number>()
  const writes: number[] = []
  let running: Program | undefined
  /** Every fourth is the gateway's last: after the device was read, while it is written, or while it is read back. */
  const kill = (address: number, kinds: readonly number[]) => {
    if (kinds.includes((address - FROM) % 4)) running?.child.kill('SIGKILL')
  }
  const instrument = await openInstrument(
    { clock },
    {
      registers(_, address) {
        if (address < FROM) return 0
        kill(address, writes.includes(address) ? [2] : [3])
        return cells.get(address) ?? 0
      },
      take(_, address, value) {
        writes.push(address)
        cells.set(address, value)
        kill(address, [1])
        return undefined
      },
    },
  )
  atEnd(context, () => instrument.close())
  const cloud = await openFakeCloud({ clock })
  atEnd(context, () => cloud.close())
  const { file } = makeSite(context, {
    ...{ instrument: instrument.port, cloudUrl: cloud.url, every: '12h', more: DEVICES },
  })
  const expiresAt = clock.now() + 600_000
  const commandOf = (index: number): Command => ({
    ...{ v: 1, id: `w-${index}`, by: 'ana', expiresAt, kind: 'write', device: 'pump' },
    ...{ name: `value-${index}`, value: index + 1 },
  })
  const resultOf = (index: number) => cloud.results.find(({ id }) => id === `w-${index}`)
  const next = () => indices.find(index => resultOf(index) === undefined)
  // The cloud repeats what it has no answer to, and also what it has, as if that had been lost.
  cloud.onSubscribed(() => {
    for (const index of indices.slice(0, (next() ?? COMMANDS) + 1)) cloud.command('gw-test', commandOf(index))
  })

  let starts = 0
  while (next() !== undefined) {
    starts += 1
    assert.ok(starts < 3 * COMMANDS, 'it does not come to an end')
    running = runProgram(context, ['run', '--config', file])
    const { child } = running
    for (let asked = next(); asked !== undefined && child.signalCode === null; asked = next()) {
      const waited = asked
      await until(
        'it answers or is killed',
        () => resultOf(waited) !== undefined || child.signalCode !== null,
      )
      if (child.signalCode === null) cloud.command('gw-test', commandOf(next() ?? 0))
    }
    child.kill('SIGKILL')
    await running.exited
  }

  const written = (index: number) => writes.filter(address => address === FROM + index).length
  for (const index of indices) {
    const { status, reason = '', written: said } = resultOf(index) ?? {}
    assert.ok(written(index) <= 1, `w-${index} was written ${written(index)} times`)
    if (index % 4 === 0) {
      assert.deepEqual([status, written(index), said?.found], ['done', 1, index + 1])
      continue
    }
    assert.equal(status, 'failed')
    assert.match(reason, /^The gateway stopped while executing it: it may have been written$/)
    assert.equal(written(index), index % 4 === 3 ? 0 : 1)
  }
  assert.ok(starts > COMMANDS / 2, `${starts} starts`)
})
