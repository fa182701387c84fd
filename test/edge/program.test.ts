// The program as it is run on site: a process of its own, an instrument and a cloud on sockets.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, systemClock } from '../../protocol/runtime/clock.ts'
import { openFakeCloud } from '../doubles/cloud.ts'
import { openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { until } from '../doubles/until.ts'
import { wellAt } from '../doubles/well.ts'
import { atEnd } from './buffer/folder.ts'
import { makeSite, runProgram } from './site.ts'

const clock: Clock = systemClock

test('smarthydro-edge run delivers every reading it polled, with the values the instrument had', async context => {
  const instrument = await openInstrument({ clock }, { registers: wellRegisters({ clock }) })
  atEnd(context, () => instrument.close())
  const cloud = await openFakeCloud({ clock })
  atEnd(context, () => cloud.close())
  const { file } = makeSite(context, { instrument: instrument.port, cloudUrl: cloud.url })
  const program = runProgram(context, ['run', '--config', file])

  await until('three seconds of readings', () => cloud.stored.size >= 4 * 30)
  program.child.kill('SIGTERM')

  assert.equal(await program.exited, 0)
  assert.ok(cloud.batches.length > 0)
  const numbers = [...cloud.stored.values()].map(({ seq }) => seq).sort((a, b) => a - b)
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  )
  for (const { variable, value, at, quality } of cloud.stored.values()) {
    assert.equal(quality, 'good')
    const around = [wellAt(at - 50), wellAt(at), wellAt(at + 50), wellAt(at + 300)]
    const possible = around.map(
      ({ flowLps, totalM3, levelM, pulses }) =>
        ({ flow: flowLps, total: totalM3, level: levelM, pulses })[variable as 'flow'],
    )
    assert.ok(
      value !== null && value >= Math.min(...possible) && value <= Math.max(...possible),
      `${variable} ${value}`,
    )
  }
  assert.deepEqual(
    cloud.states
      .map(({ state }) => state)
      .filter((state, index, all) => state !== all[index - 1])
      .slice(-2),
    ['ready', 'disconnected'],
  )
  assert.doesNotMatch(program.text(), /a-token-nobody-may-see/)
  assert.deepEqual(
    cloud.passwords.filter((one, index, all) => all.indexOf(one) === index),
    ['a-token-nobody-may-see'],
  )
})

test('smarthydro-edge run polls when the cloud says so, refuses what it has not, and restarts as commanded', async context => {
  const instrument = await openInstrument({ clock }, { registers: wellRegisters({ clock }) })
  atEnd(context, () => instrument.close())
  const cloud = await openFakeCloud({ clock })
  atEnd(context, () => cloud.close())
  const { file } = makeSite(context, { instrument: instrument.port, cloudUrl: cloud.url, every: '12h' })
  const program = runProgram(context, ['run', '--config', file])
  await until('it is connected', () => cloud.states.some(({ state }) => state === 'ready'))
  const common = { v: 1, by: 'ana@campo.example', expiresAt: clock.now() + 60_000 } as const
  const resultOf = async (id: string) => {
    await until(`${id} is answered`, () => cloud.results.some(result => result.id === id))
    const { status, readings } = cloud.results.find(result => result.id === id) ?? {}
    return [status, readings]
  }

  cloud.command('gw-test', { ...common, id: 'all', kind: 'collect' })
  assert.deepEqual(await resultOf('all'), ['done', 4])
  await until('they are committed', () => cloud.stored.size === 4)
  cloud.command('gw-test', { ...common, id: 'one', kind: 'collect', devices: ['meter'] })
  assert.deepEqual(await resultOf('one'), ['done', 4])
  cloud.command('gw-test', { ...common, id: 'none', kind: 'collect', devices: ['probe'] })
  assert.deepEqual(await resultOf('none'), ['failed', undefined])
  cloud.command('gw-test', { ...common, id: 'again', kind: 'restart' })
  assert.deepEqual(await resultOf('again'), ['done', undefined])

  assert.equal(await program.exited, 0, program.text())
  assert.equal(program.said('gateway restarts as commanded').length, 1)
})
