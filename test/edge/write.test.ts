// `write`: one value of a device, set once and read back, over a real connection to an instrument.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../protocol/runtime/clock.ts'
import type { Fault } from '../doubles/instrument.ts'
import { openInstrumentStage } from './command-stage.ts'
import { openWriteStage, outcomeOf, PUMP } from './write-stage.ts'

for (const [name, value, unit, requests, cells] of [
  [
    'start-level',
    12.34,
    'm',
    [
      [3, 10, 1],
      [6, 10, 1, 1234],
      [3, 10, 1],
    ],
    [['3 10', 1234]],
  ],
  [
    'set-point',
    12.5,
    'l/s',
    [
      [3, 20, 2],
      [16, 20, 2, 0, 16712],
      [3, 20, 2],
    ],
    [
      ['3 20', 0],
      ['3 21', 16712],
    ],
  ],
  [
    'mode',
    -1,
    undefined,
    [
      [3, 30, 1],
      [16, 30, 1, 65535],
      [3, 30, 1],
    ],
    [['3 30', 65535]],
  ],
  [
    'running',
    1,
    undefined,
    [
      [1, 5, 1],
      [5, 5, 1, 1],
      [1, 5, 1],
    ],
    [['1 5', 1]],
  ],
  [
    'valve',
    1,
    undefined,
    [
      [1, 6, 1],
      [15, 6, 1, 1],
      [1, 6, 1],
    ],
    [['1 6', 1]],
  ],
] as const) {
  test(`\`write\` sets ${name}, reads it back, and says what it was and what it is`, async context => {
    const { set, instrument, cells: held, said } = await openWriteStage(context)

    const result = await set('w-1', name, value, unit)

    assert.deepEqual(outcomeOf(result), ['done', value, 0, value, true])
    assert.equal(result.reason, undefined)
    assert.deepEqual(
      instrument.requests.map(({ code, address, count, values = [] }) => [code, address, count, ...values]),
      requests,
    )
    assert.ok(instrument.requests.every(({ unit: asked }) => asked === 7))
    assert.deepEqual([...held], cells)
    const [line] = said('value written')
    assert.deepEqual(
      [line?.by, line?.name, line?.asked, line?.before, line?.found],
      ['ana', name, value, 0, value],
    )
  })
}

test('health tells the last write: who asked for what, what was found, and what came of it', async context => {
  const { set, lastWrite, instrument } = await openWriteStage(context)
  const before = lastWrite()
  await set('w-1', 'start-level', 3, 'm')
  const done = lastWrite()
  await set('w-2', 'start-level', 99, 'm')
  const refused = lastWrite()
  instrument.failAlways({ kind: 'silence' })
  await set('w-3', 'start-level', 4, 'm')

  const who = { by: 'ana', device: 'pump', name: 'start-level' }
  assert.equal(before, undefined)
  assert.deepEqual(done, { ...who, at: done?.at, asked: 3, found: 3, status: 'done' })
  assert.deepEqual(refused, { ...who, at: refused?.at, asked: 99, status: 'refused' })
  assert.equal(lastWrite()?.status, 'failed')
})

test('`write` is executed once, whatever comes again and whatever was restarted in between', async context => {
  const { set, restart, codes } = await openWriteStage(context)

  const first = await set('w-1', 'start-level', 3, 'm')
  const again = await set('w-1', 'start-level', 3, 'm')
  await restart()
  const afterRestart = await set('w-1', 'start-level', 3, 'm')
  const other = await set('w-2', 'start-level', 4, 'm')

  assert.deepEqual([again, afterRestart], [first, first])
  assert.deepEqual(outcomeOf(other), ['done', 4, 3, 4, true])
  assert.deepEqual(codes(), [3, 6, 3, 3, 6, 3])
})

test('`write` that the device does not acknowledge and has done is done, is not repeated, and says so', async context => {
  const { set, instrument, codes, cells } = await openWriteStage(context)
  instrument.fail({ kind: 'trickle' }, { kind: 'silence' })

  const result = await set('w-1', 'start-level', 3, 'm')

  assert.deepEqual(outcomeOf(result), ['done', 3, 0, 3, false])
  assert.match(
    result.reason ?? '',
    /^It was not acknowledged: bus plant, unit 7, holding 10: no answer in 200 ms, and it holds 3$/,
  )
  assert.equal(cells.get('3 10'), 300)
  assert.deepEqual(codes(), [3, 6, 3])
})

test('`write` that the device never heard has failed, is not repeated, and says what the device holds', async context => {
  const { set, instrument, codes, said } = await openWriteStage(context)
  instrument.fail({ kind: 'trickle' }, { kind: 'deaf' })

  const result = await set('w-1', 'start-level', 3, 'm')

  assert.deepEqual(outcomeOf(result), ['failed', 3, 0, 0, false])
  assert.match(result.reason ?? '', /^It was not acknowledged: .*, but it holds 0$/)
  assert.deepEqual(codes(), [3, 6, 3])
  assert.equal(said('value not written')[0]?.by, 'ana')
})

test('`write` takes no late answer to an earlier one for its own', async context => {
  const { set, instrument, cells } = await openWriteStage(context)
  instrument.fail({ kind: 'trickle' }, { kind: 'late', ms: 250 }, { kind: 'trickle' })

  const late = await set('w-1', 'start-level', 3, 'm')
  instrument.fail({ kind: 'trickle' }, { kind: 'deaf' })
  const lost = await set('w-2', 'start-level', 4, 'm')

  assert.deepEqual(outcomeOf(late), ['done', 3, 0, 3, false])
  assert.deepEqual(outcomeOf(lost), ['failed', 4, 3, 3, false])
  assert.equal(cells.get('3 10'), 300)
})

for (const [fault, reason] of [
  [{ kind: 'wrong-address' }, /expected an answer about address 10, got one about 11/],
  [{ kind: 'wrong-value' }, /expected 300 to be written, the answer says 301/],
  [{ kind: 'wrong-function' }, /expected function 6 in the answer, got 7/],
  [{ kind: 'wrong-unit' }, /expected an answer from unit 7, got one from 6/],
] satisfies [Fault, RegExp][]) {
  test(`\`write\` is not acknowledged by an answer with ${fault.kind}`, async context => {
    const { set, instrument } = await openWriteStage(context)
    instrument.fail({ kind: 'trickle' }, fault)

    const result = await set('w-1', 'start-level', 3, 'm')

    assert.deepEqual(outcomeOf(result), ['done', 3, 0, 3, false])
    assert.match(result.reason ?? '', reason)
  })
}

test('`write` of several registers is not acknowledged by an answer that counts others', async context => {
  const { set, instrument } = await openWriteStage(context)
  instrument.fail({ kind: 'trickle' }, { kind: 'wrong-value' })

  const result = await set('w-1', 'set-point', 12.5, 'L/s')

  assert.deepEqual(outcomeOf(result), ['done', 12.5, 0, 12.5, false])
  assert.match(result.reason ?? '', /expected 2 to be written, the answer says 3/)
})

test('`write` that the device refuses has failed with its exception, whatever the device holds', async context => {
  const { set } = await openWriteStage(context, () => 3)

  const refused = await set('w-1', 'start-level', 3, 'm')
  const same = await set('w-2', 'start-level', 0, 'm')

  assert.deepEqual(outcomeOf(refused), ['failed', 3, 0, 0, false])
  assert.match(refused.reason ?? '', /^It was refused: .*exception 3 \(illegal data value\); it holds 0$/)
  assert.deepEqual(outcomeOf(same), ['failed', 0, 0, 0, false])
})

for (const code of [1, 2, 3, 6]) {
  test(`\`write\` that the device refuses with exception ${code} has failed, whatever the device holds`, async context => {
    const { set, instrument } = await openWriteStage(context)
    instrument.fail({ kind: 'trickle' }, { kind: 'exception', code })

    const result = await set('w-1', 'start-level', 3, 'm')

    assert.equal(result.status, 'failed')
    assert.match(result.reason ?? '', new RegExp(`^It was refused: .*exception ${code} `))
  })
}

for (const [code, text] of [
  [4, 'device failure'],
  [5, 'accepted, still at work'],
  [10, 'gateway path unavailable'],
  [11, 'device does not answer its gateway'],
  [200, 'not in the standard'],
] as const) {
  test(`\`write\` after exception ${code} is what was read back: it may have been done`, async context => {
    const isDone = [true, false]
    let held = 0
    const { set, codes } = await openWriteStage(
      context,
      (_, __, value) => {
        if (isDone.shift()) held = value
        return code
      },
      () => held,
    )

    const done = await set('w-1', 'start-level', 3, 'm')
    const lost = await set('w-2', 'start-level', 4, 'm')

    const said = `It was not acknowledged: bus plant, unit 7, holding 10: exception ${code} (${text})`
    assert.deepEqual(outcomeOf(done), ['done', 3, 0, 3, false])
    assert.equal(done.reason, `${said}, and it holds 3`)
    assert.deepEqual(outcomeOf(lost), ['failed', 4, 3, 3, false])
    assert.equal(lost.reason, `${said}, but it holds 3`)
    assert.deepEqual(codes(), [3, 6, 3, 3, 6, 3])
  })
}

test('`write` that is acknowledged and not done has failed, and the result says both values', async context => {
  const { set } = await openWriteStage(context, () => undefined)

  const result = await set('w-1', 'start-level', 3, 'm')

  assert.deepEqual(outcomeOf(result), ['failed', 3, 0, 0, true])
  assert.equal(result.reason, 'It was acknowledged, but it holds 0')
})

test('`write` does nothing to a device that cannot be read, and says so', async context => {
  const { set, instrument, codes } = await openWriteStage(context)
  instrument.failAlways({ kind: 'exception', code: 2 })

  const unreadable = await set('w-1', 'start-level', 3, 'm')
  instrument.failAlways({ kind: 'silence' })
  const silent = await set('w-2', 'start-level', 3, 'm')

  for (const [result, reason] of [
    [unreadable, /^Nothing was written, for it cannot be read: .*exception 2/],
    [silent, /^Nothing was written, for it cannot be read: .*no answer in 200 ms/],
  ] as const) {
    assert.deepEqual([result.status, result.written], ['failed', undefined])
    assert.match(result.reason ?? '', reason)
  }
  assert.deepEqual(codes(), [3, 3])
})

test('`write` whose value cannot be read back has failed, and says what is known', async context => {
  const { set, instrument } = await openWriteStage(context)
  instrument.fail({ kind: 'trickle' }, { kind: 'trickle' }, { kind: 'silence' })

  const result = await set('w-1', 'start-level', 3, 'm')

  assert.deepEqual(outcomeOf(result), ['failed', 3, 0, undefined, true])
  assert.match(result.reason ?? '', /^It was acknowledged, and what it holds now cannot be read: .*no answer/)
})

test('`write` says that a float that is not a number was there before', async context => {
  const { set, cells } = await openWriteStage(context)
  cells.set('3 20', 0)
  cells.set('3 21', 0x7fc0)

  const result = await set('w-1', 'set-point', 1, 'L/s')

  assert.deepEqual(outcomeOf(result), ['done', 1, null, 1, true])
})

test('`write` is read back when the device has had the time that it takes', async context => {
  let written: { value: number; at: number } | undefined
  const stage = await openInstrumentStage(context, {
    devices: PUMP.replace('unit: m,', 'unit: m, settle: 60ms,'),
    registers: () =>
      written !== undefined && systemClock.monotonic() - written.at >= 50 ? written.value : 0,
    take(_, __, value) {
      written = { value, at: systemClock.monotonic() }
      return undefined
    },
  })

  const result = await stage.send('w-1', {
    ...{ kind: 'write', device: 'pump', name: 'start-level', value: 3, unit: 'm' },
  })

  assert.deepEqual(outcomeOf(result), ['done', 3, 0, 3, true])
})

for (const [names, devices] of [
  ['', ['pump', 'pump', 'pump']],
  [' also when it has two names', ['pump', 'pump-again', 'pump']],
] as const) {
  test(`\`write\`s to one device are done one after the other${names}: each reads back its own`, async context => {
    const { execute, codes } = await openWriteStage(context)
    const write = (device: string, index: number) =>
      execute(`w-${index}`, { kind: 'write', device, name: 'start-level', value: index + 1, unit: 'm' })

    const results = await Promise.all(devices.map(write))

    assert.deepEqual(results.map(outcomeOf), [
      ['done', 1, 0, 1, true],
      ['done', 2, 1, 2, true],
      ['done', 3, 2, 3, true],
    ])
    assert.deepEqual(codes(), [3, 6, 3, 3, 6, 3, 3, 6, 3])
  })
}
