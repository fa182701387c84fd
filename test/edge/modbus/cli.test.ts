// check, scan and read, as a person at the gateway uses them.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { startProgram } from '../../doubles/program.ts'
import { openRtuInstrument } from '../../doubles/rtu-instrument.ts'
import { until } from '../../doubles/until.ts'
import { openPty } from '../../peers/pty.ts'
import { skipWithout } from '../../peers.ts'

/** Writes a configuration; `buses` and `devices` are what is different. */
function makeConfig(context: TestContext, buses: object[], devices: object[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-cli-'))
  context.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'identity'))
  writeFileSync(join(folder, 'identity', 'token'), 'a-token\n')
  const file = join(folder, 'gateway.yaml')
  const config = {
    ...{ gateway: 'gw-test', client: 'campo', project: 'los-aromos' },
    uplink: { url: 'mqtt://127.0.0.1:1', credentials: './identity' },
    buffer: { path: './buffer' },
    ...{ buses, devices },
  }
  writeFileSync(file, JSON.stringify(config, undefined, 1))
  return file
}

async function ends(...args: string[]): Promise<{ status: number | null; text: string }> {
  const program = startProgram('edge', args)
  const status = await program.exited
  return { status, text: program.text() }
}

const rs485 = (path: string) => ({
  ...{ id: 'rs485', timeout: '150ms', quarantine: '10ms' },
  serial: { path, baudRate: 115200, parity: 'none' },
})

const METER = {
  ...{ id: 'meter', bus: 'rs485', unit: 3, point: 'pozo-7', every: '1m' },
  signals: [
    { variable: 'flow', address: 0, type: 'float32', decimals: 2 },
    { variable: 'total', address: 2, type: 'uint32', scale: 0.001 },
    { variable: 'level', table: 'input', address: 9, type: 'int16', scale: 0.01 },
  ],
}

const line = (baudRate: number) => ({ id: 'rs485', serial: { path: '/dev/serial/by-id/usb-x', baudRate } })

test('check prints what may be written, with its range, its unit, and how', async context => {
  const writable = [
    { name: 'start-level', address: 40, type: 'uint16', scale: 0.01, unit: 'm', min: 5, max: 80 },
    { name: 'running', table: 'coil', address: 5, type: 'bool' },
  ]

  const { status, text } = await ends('check', makeConfig(context, [line(9600)], [{ ...METER, writable }]))

  assert.equal(status, 0, text)
  assert.match(
    text,
    /^ {2}meter may be written: start-level, 5 to 80 m, holding 40 as uint16 by function 6$/m,
  )
  assert.match(text, /^ {2}meter may be written: running, 0 to 1, coil 5 as bool by function 5$/m)
})

test('check prints what each device costs its line, and how busy that will be', async context => {
  const probe = { ...METER, id: 'probe', unit: 4, point: 'pozo-8', every: '1s', turnaround: '50ms' }

  const { status, text } = await ends('check', makeConfig(context, [line(9600)], [METER, probe]))

  assert.equal(status, 0, text)
  // By hand: 21 and 15 bytes of 11 bits, and 3.5 bytes of silence after each frame, or 50 ms after an answer.
  assert.match(text, /bus rs485 at \/dev\/serial\/by-id\/usb-x, 9600 8E1: at least 15 % busy/)
  assert.match(text, /meter \(unit 3, 3 signals\): 2 requests, 57\.3 ms: holding 0\+4, input 9\+1/)
  assert.match(text, /probe \(unit 4, 3 signals\): 2 requests, 149\.3 ms: /)
})

test('check refuses with 78 what a line cannot carry, and says how much too much it is', async context => {
  const devices = Array.from({ length: 10 }, (_, index) => ({
    ...{ ...METER, id: `meter-${index}`, unit: index + 1, point: `pozo-${index}`, every: '1s' },
  }))

  const { status, text } = await ends('check', makeConfig(context, [line(1200)], devices))

  assert.equal(status, 78)
  assert.match(text, /buses\[0\]: its devices need 4\d\d\.\d % of its time: poll them less often/)
  assert.equal((await ends('check', makeConfig(context, [line(115200)], devices))).status, 0)
})

test('scan and read name what there is when they are asked for what is not', async context => {
  const file = makeConfig(context, [rs485('/nowhere/at-all')], [METER])

  const [bus, device, port, range] = await Promise.all([
    ends('scan', '--config', file, '--bus', 'rs486'),
    ends('read', '--config', file, 'metre'),
    ends('scan', '--config', file, '--bus', 'rs485'),
    ends('scan', '--config', file, '--bus', 'rs485', '--units', '9-3'),
  ])

  assert.equal(bus.status, 78)
  assert.match(bus.text, /no bus is named "rs486"; there are rs485/)
  assert.equal(device.status, 78)
  assert.match(device.text, /no device is named "metre"; there are meter/)
  assert.equal(port.status, 1)
  assert.match(port.text, /Bus rs485 cannot be used: not connected: .*\/nowhere\/at-all/)
  assert.equal(range.status, 64)
})

suite('on a serial line', { skip: skipWithout('socat') }, () => {
  /** A meter with 12.34 and 1,234,567 and −1.5, and another device that has no such registers. */
  const REGISTERS: Record<number, number> = { 0: 0x4145, 1: 0x70a4, 2: 0x12, 3: 0xd687, 9: 0xff6a }

  async function openSite(context: TestContext) {
    const pty = await openPty(bytes => instrument.hear(bytes))
    context.after(() => pty.close())
    const instrument = openRtuInstrument(
      { clock: systemClock, send: pty.send },
      // As long as the answer would take on a line of this rate.
      { units: [3, 5], registers: (_, address) => REGISTERS[address], delayMs: 10 },
    )
    return {
      pty,
      instrument,
      file: makeConfig(
        context,
        [rs485(pty.path)],
        [METER, { ...METER, id: 'probe', unit: 6, point: 'pozo-8' }],
      ),
    }
  }

  test('scan says who answers, who that is, and who of the configured ones does not', async context => {
    const { file } = await openSite(context)

    const { status, text } = await ends('scan', '--config', file, '--bus', 'rs485', '--units', '1-8')

    assert.equal(status, 0, text)
    assert.match(text, /^unit 3 answers: meter$/m)
    assert.match(text, /^unit 5 answers: not configured$/m)
    assert.match(text, /^unit 6 does not answer: probe \(bus rs485, unit 6, .*: no answer in 150 ms\)$/m)
    assert.match(text, /^2 answer$/m)
    assert.doesNotMatch(text, /unit [12478] /)
  })

  test('read shows each signal with its value, its quality and the registers it was read from', async context => {
    const { file } = await openSite(context)

    const { status, text } = await ends('read', '--config', file, 'meter')

    assert.equal(status, 0, text)
    assert.match(text, /^meter \(unit 3 on bus rs485\) at 20/)
    assert.match(text, /pozo-7\/flow +12\.34 L\/s +good +holding 0: 4145 70a4 as float32 ABCD/)
    assert.match(text, /pozo-7\/total +1234\.567 m³ +good +holding 2: 0012 d687 as uint32 ABCD/)
    assert.match(text, /pozo-7\/level +-1\.5 m +good +input 9: ff6a as int16 ABCD/)
  })

  test('read ends with 1 and says why when a device does not answer', async context => {
    const { file } = await openSite(context)

    const { status, text } = await ends('read', '--config', file, 'probe')

    assert.equal(status, 1)
    assert.match(text, /pozo-8\/flow +none +no_answer +holding 0: ---- ----/)
    assert.match(text, /bus rs485, unit 6, holding 0 to 3: no answer in 150 ms/)
  })

  test('read --every goes on until it is stopped', async context => {
    const { file, instrument } = await openSite(context)
    const program = startProgram('edge', ['read', '--config', file, 'meter', '--every', '50ms'])
    await until('it has read three times', () => (program.text().match(/on bus rs485/g) ?? []).length >= 3)
    assert.ok(instrument.requests.length >= 6)
    program.kill('SIGINT')

    assert.equal(await program.exited, 0)
  })

  test('run polls a serial line, says once who is silent, and ends when it is told to', async context => {
    const { pty, instrument } = await openSite(context)
    const often = { every: '200ms' }
    const silent = { ...METER, ...often, id: 'probe', unit: 6, point: 'pozo-8' }
    const file = makeConfig(context, [rs485(pty.path)], [{ ...METER, ...often }, silent])
    const program = startProgram('edge', ['run', '--config', file])
    await until('the meter has been polled often', () => {
      return instrument.requests.filter(({ unit }) => unit === 3).length >= 40
    })
    program.kill('SIGTERM')

    assert.equal(await program.exited, 0, program.text())
    const failed = program.log().filter(({ event }) => event === 'source failed')
    const reasons = failed.filter(({ source }) => source === 'probe').map(({ reason }) => reason)
    assert.deepEqual(reasons, [
      'bus rs485, unit 6, holding 0 to 3: no answer in 150 ms',
      'bus rs485, unit 6, holding 0 to 3: no answer in 150 ms, so it is asked less often',
    ])
    assert.ok(instrument.requests.filter(({ unit }) => unit === 6).length <= 6)
  })
})
