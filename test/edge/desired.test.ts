// A configuration from the cloud, in the program as it is run on site.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { openFakeCloud } from '../doubles/cloud.ts'
import { openFleet } from '../doubles/fleet.ts'
import { openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from './buffer/folder.ts'
import { makeSite, runProgram, stopProgram, untilSaid } from './site.ts'

async function openStage(context: TestContext) {
  const open = async () => {
    const instrument = await openInstrument({ clock }, { registers: wellRegisters({ clock }) })
    atEnd(context, () => instrument.close())
    return instrument
  }
  const [first, second] = [await open(), await open()]
  const cloud = await openFakeCloud({ clock })
  atEnd(context, () => cloud.close())
  const fleet = openFleet()
  const { file, folder } = makeSite(context, { instrument: first.port, cloudUrl: cloud.url })
  writeFileSync(join(folder, 'identity', 'fleet-key.pem'), fleet.publicKey)
  const own = readFileSync(file, 'utf8')
  /** The file with another bus and a probe on it. */
  const wider = own
    .replace(
      'buses: [',
      `buses: [{ id: other, tcp: { host: 127.0.0.1, port: ${second.port} }, timeout: 300ms }, `,
    )
    .concat(
      '  - { id: probe, bus: other, point: pozo-8, every: 100ms, signals: [{ variable: level, address: 6, type: float32 }] }\n',
    )
  const last = () => cloud.reports.at(-1)
  const has = (point: string) => [...cloud.stored.values()].some(one => one.point === point)
  return { first, second, cloud, fleet, file, own, wider, last, has }
}

test('a gateway applies what the cloud wants while it runs, says so, and goes on polling what is the same', async context => {
  const { first, second, cloud, fleet, file, wider, last, has } = await openStage(context)
  const program = runProgram(context, ['run', '--config', file])
  await until('it says that its file is in force', () => last()?.version === 0 && has('pozo-7'))
  const connectionsBefore = first.connections()

  cloud.desire('gw-test', fleet.desire('gw-test', 1, wider))

  await until('it is applied', () => last()?.version === 1 && has('pozo-8'))
  assert.ok(last()?.probationUntil !== undefined)
  await until('batches say so', () => cloud.batches.at(-1)?.batch.configVersion === 1)
  assert.equal(first.connections(), connectionsBefore, 'the bus that is the same was left alone')

  // The same again with another probe: its bus is opened anew, and the other one is not.
  cloud.desire(
    'gw-test',
    fleet.desire('gw-test', 2, wider.replace('every: 100ms, signals', 'every: 200ms, signals')),
  )
  await until('it is applied too', () => last()?.version === 2)
  await until('its bus was opened anew', () => second.connections() === 2)
  assert.equal(first.connections(), connectionsBefore)
  await stopProgram(program)
})

test('a gateway refuses what others have signed, and what has mistakes, with the line of each', async context => {
  const { cloud, fleet, file, own, last } = await openStage(context)
  const program = runProgram(context, ['run', '--config', file])
  await until('it says that its file is in force', () => last()?.version === 0)

  cloud.desire('gw-test', openFleet().desire('gw-test', 1, own))
  await until('it is refused', () => last()?.refused?.kind === 'foreign')
  cloud.desire('gw-test', fleet.desire('gw-test', 1, own.replace('bus: plant', 'bus: plnt')))
  await until('it is refused too', () => last()?.refused?.kind === 'mistaken')

  assert.deepEqual(last()?.refused?.mistakes, [
    { path: 'devices[0].bus', line: 9, message: 'no bus has the id "plnt"; did you mean `plant`?' },
  ])
  assert.equal(program.said('configuration refused').length, 2)
  await stopProgram(program)
})

test('a gateway begins anew for another uplink or buffer, loses nothing, and is what it was made after a crash', async context => {
  const { cloud, fleet, file, own, last, has } = await openStage(context)
  const program = runProgram(context, ['run', '--config', file])
  await until('it delivers', () => has('pozo-7'))

  cloud.desire('gw-test', fleet.desire('gw-test', 1, own.replace('maxBytes: 16MiB', 'maxBytes: 32MiB')))
  await untilSaid(program, 'gateway begins anew')
  await until('it says so', () => last()?.version === 1)
  program.child.kill('SIGKILL')
  await program.exited
  cloud.reports.length = 0
  const again = runProgram(context, ['run', '--config', file])

  await until('it is in force again', () => last()?.version === 1 && last()?.probationUntil !== undefined)
  await until('the larger buffer is told', () => cloud.healths.at(-1)?.buffer.maxBytes === 32 * 2 ** 20)
  await stopProgram(again)
  const numbers = [...cloud.stored.values()].map(({ seq }) => seq).sort((a, b) => a - b)
  assert.equal(new Set(numbers).size, numbers.length)
})

test('a gateway takes back by itself what silences a device', async context => {
  const { cloud, fleet, file, own, first, last, has } = await openStage(context)
  const program = runProgram(context, ['run', '--config', file])
  await until('it delivers', () => has('pozo-7'))
  const silenced = own.replace(`port: ${first.port}`, 'port: 1')

  cloud.desire('gw-test', fleet.desire('gw-test', 1, silenced))
  await until('it is applied', () => last()?.version === 1)
  await until('it is taken back', () => last()?.version === 0, { timeoutMs: 60_000 })

  assert.equal(last()?.refused?.kind, 'taken-back')
  assert.match(last()?.refused?.reason ?? '', /^meter, which answered before, brought nothing in \d+ polls/)
  await until('it measures again', () =>
    [...cloud.stored.values()].some(
      ({ value, at }) => value !== null && at > (last()?.refused?.at ?? Infinity),
    ),
  )
  await stopProgram(program)
})
