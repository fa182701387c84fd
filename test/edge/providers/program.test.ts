// The program on site with a device at a provider: both on sockets, and what it delivers.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { openFakeCloud } from '../../doubles/cloud.ts'
import { openInstrument, wellRegisters } from '../../doubles/instrument.ts'
import { freePort } from '../../doubles/ports.ts'
import { openNovus } from '../../doubles/providers/novus.ts'
import { wellValues } from '../../doubles/providers/samples.ts'
import { openTwin } from '../../doubles/providers/twin.ts'
import { until } from '../../doubles/until.ts'
import { WELL, wellAt } from '../../doubles/well.ts'
import { makeSite, runProgram, statusOf, stopProgram } from '../site.ts'

const clock = systemClock
const SECRETS = {
  DEMO_TWIN_DEVICE: 'demo-device-9',
  DEMO_TWIN_USERNAME: 'campo',
  DEMO_TWIN_PASSWORD: 'clave-de-twin',
}

const values = wellValues({ [SECRETS.DEMO_TWIN_DEVICE]: WELL }, { 5001: 'pulses', 5003: 'flowLps' })

test('smarthydro-edge run delivers what a provider has, each device time once, and a slow provider delays no bus', async context => {
  const instrument = await openInstrument({ clock }, { registers: wellRegisters({ clock }) })
  context.after(() => instrument.close())
  const cloud = await openFakeCloud({ clock })
  context.after(() => cloud.close())
  const users = { [SECRETS.DEMO_TWIN_USERNAME]: SECRETS.DEMO_TWIN_PASSWORD }
  const twin = await openTwin({ clock }, { values, everyMs: 500, users })
  context.after(() => twin.close())
  twin.fail({ fault: { kind: 'hang' }, text: 'slow-device' })
  const statusPort = await freePort()
  const provider = (id: string, device: string) => `  - id: ${id}
    provider: twin
    baseUrl: ${twin.url}
    every: 250ms
    point: ${id}
    device: ${device}
    username: { env: DEMO_TWIN_USERNAME }
    password: { env: DEMO_TWIN_PASSWORD }
    signals:
      - { variable: pulses, key: "5001" }
      - { variable: flow, key: "5003", unit: L/s }
`
  const { file, folder } = makeSite(context, {
    ...{ instrument: instrument.port, cloudUrl: cloud.url },
    more: `status: { host: 127.0.0.1, port: ${statusPort} }
clock: trusted
providers:
${provider('pozo-9', '{ env: DEMO_TWIN_DEVICE }')}${provider('pozo-10', 'slow-device')}`,
  })

  const program = runProgram(context, ['run', '--config', file], { environment: SECRETS })
  const of = (point: string) => [...cloud.stored.values()].filter(one => one.point === point)
  await until(
    'readings of the provider and of the bus',
    () => of('pozo-9').length >= 10 && of('pozo-7').length >= 40,
  )
  const { body } = await statusOf(statusPort)
  await stopProgram(program)

  for (const { variable, value, at, quality, timeQuality } of of('pozo-9')) {
    const { pulses, flowLps } = wellAt(at, WELL)
    assert.deepEqual(
      [value, quality, timeQuality, at % 500],
      [variable === 'pulses' ? pulses : flowLps, 'good', 'device', 0],
    )
  }
  const times = of('pozo-9').map(({ variable, at }) => `${variable} ${at}`)
  assert.equal(new Set(times).size, times.length)
  assert.equal(twin.paths('login').length, 1)
  assert.deepEqual(of('pozo-10'), [])
  assert.ok(JSON.stringify(body).includes('pozo-9'))
  const told =
    program.text() + JSON.stringify(body) + readFileSync(join(folder, 'buffer', 'providers.json'), 'utf8')
  for (const secret of [SECRETS.DEMO_TWIN_PASSWORD, SECRETS.DEMO_TWIN_DEVICE])
    assert.ok(!told.includes(secret))
})

test('the command to collect from a provider polls its devices at once, and no instrument', async context => {
  const instrument = await openInstrument({ clock }, { registers: wellRegisters({ clock }) })
  context.after(() => instrument.close())
  const cloud = await openFakeCloud({ clock })
  context.after(() => cloud.close())
  const novus = await openNovus({ clock }, { tokens: ['clave-de-novus'], everyMs: 500, values: () => 12.47 })
  context.after(() => novus.close())
  const { file } = makeSite(context, {
    ...{ instrument: instrument.port, cloudUrl: cloud.url, every: '24h' },
    more: `providers:
  - { id: pozo-9, provider: novus, baseUrl: "${novus.baseUrl}", every: 24h, point: pozo-9, token: { env: NOVUS },
      signals: [{ variable: flow, key: 3grecuc1v }] }
`,
  })
  const program = runProgram(context, ['run', '--config', file], { environment: { NOVUS: 'clave-de-novus' } })
  await until('the gateway is ready', () => cloud.states.some(({ state }) => state === 'ready'))
  const command = { v: 1, kind: 'collect', by: 'ana', expiresAt: clock.now() + 60_000 } as const

  cloud.command('gw-test', { ...command, id: 'c-1', provider: 'novus' })
  cloud.command('gw-test', { ...command, id: 'c-2', provider: 'twin' })
  await until('both are answered', () => cloud.results.length === 2)
  await until('it was delivered', () => cloud.stored.size > 0)
  await stopProgram(program)

  const results = cloud.results.map(({ id, status, readings }) => [id, status, readings]).sort()
  assert.deepEqual(results, [
    ['c-1', 'done', 1],
    ['c-2', 'failed', undefined],
  ])
  assert.deepEqual(
    [...cloud.stored.values()].map(({ point, variable, value }) => [point, variable, value]),
    [['pozo-9', 'flow', 12.47]],
  )
  assert.equal(instrument.requests.length, 0)
})
