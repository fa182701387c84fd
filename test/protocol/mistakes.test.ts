// The words in which a schema's mistakes are told, and that none is told which only follows from another.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { Secret } from '../../protocol/config-fields.ts'
import { readDraft } from '../../protocol/draft.ts'
import { didYouMean, mistakesOf, pathText, reasonsOf } from '../../protocol/mistakes.ts'

const Pump = z.strictObject({
  baudRate: z.literal([1200, 9600]),
  table: z.enum(['holding', 'input', 'coil', 'discrete']),
  unit: z.int().min(1).max(247),
  name: z.string().min(1).max(5),
  depths: z.array(z.number()).min(1).max(2),
  on: z.boolean(),
  at: z.iso.datetime({ offset: true }),
  home: z.url(),
  step: z.number().multipleOf(5),
  above: z.number().positive(),
  secret: Secret,
  code: z.string().regex(/^O/, 'must be a work code'),
  size: z.union([z.string(), z.number()]),
  kind: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('twin'), thing: z.string() }),
    z.strictObject({ kind: z.literal('novus') }),
  ]),
})

const GOOD = {
  ...{ baudRate: 9600, table: 'holding', unit: 1, name: 'p', depths: [1], on: true, step: 5, above: 1 },
  ...{ at: '2026-01-31T12:00:00Z', home: 'http://h', secret: { env: 'TOKEN' }, code: 'OB', size: 1 },
  kind: { kind: 'twin', thing: 'x' },
}

function tell(change: Record<string, unknown>): string[] {
  const { error } = Pump.safeParse({ ...GOOD, ...change })
  return error === undefined
    ? []
    : mistakesOf(error).map(({ path, message }) => `${pathText(path)}: ${message}`)
}

const WORDS: readonly [string, Record<string, unknown>, string[]][] = [
  ['nothing, where nothing is wrong', {}, []],
  ['a key that is not there', { name: undefined }, ['name: is missing']],
  ['a key with nothing behind it', { name: null }, ['name: is empty, and must be text']],
  ['text where a number belongs', { unit: '1' }, ['unit: must be a number, not text']],
  ['a number where text belongs', { name: 5 }, ['name: must be text, not a number']],
  ['a fraction where a whole number belongs', { unit: 1.5 }, ['unit: must be a whole number, not 1.5']],
  ['a list where a yes or no belongs', { on: [] }, ['on: must be true or false, not a list']],
  ['an entry of a list', { depths: [1, 'x'] }, ['depths[1]: must be a number, not text']],
  ['a number too low', { unit: 0 }, ['unit: must be at least 1']],
  ['a number too high', { unit: 248 }, ['unit: must be at most 247']],
  ['a number that must be above another', { above: 0 }, ['above: must be more than 0']],
  ['a number between two steps', { step: 7 }, ['step: must be a multiple of 5']],
  ['an empty text', { name: '' }, ['name: must not be empty']],
  ['a long text', { name: 'longer' }, ['name: must have at most 5 characters']],
  ['an empty list', { depths: [] }, ['depths: must not be empty']],
  ['a long list', { depths: [1, 2, 3] }, ['depths: must have at most 2 entries']],
  ['an instant', { at: 'today' }, ['at: must be an instant such as 2026-01-31T12:00:00Z']],
  ['an address', { home: 'home' }, ['home: must be a URL']],
  ['what the schema says itself', { code: 'x' }, ['code: must be a work code']],
  ['none of several numbers', { baudRate: 300 }, ['baudRate: is not one of 1200, 9600']],
  ['none of several words', { table: 'x' }, ['table: is not one of holding, input, coil, discrete']],
  [
    'a word that is nearly one',
    { table: 'Holdng' },
    ['table: is not one of holding, input, coil, discrete; did you mean `holding`?'],
  ],
  [
    'each unknown key, with the one that was meant',
    { tabel: 'holding', xyz: 1 },
    ['tabel: unknown key `tabel`; did you mean `table`?', 'xyz: unknown key `xyz`'],
  ],
  [
    'a misspelt key once, not also as missing',
    { baudRate: undefined, baudrate: 9600 },
    [
      'baudRate: is not one of 1200, 9600',
      'baudrate: unknown key `baudrate`; did you mean `baudRate`?',
    ].slice(1),
  ],
  [
    'unknown keys whose names have more than one line',
    { 'x\ny': 1, z: 1 },
    ['x\ny: unknown key `x y`', 'z: unknown key `z`'],
  ],
  ['none of two kinds of value', { size: true }, ['size: must be text or a number, not true']],
  [
    'the alternative that was meant',
    { secret: { env: 'x' } },
    ['secret.env: must be a name of the environment such as METER_TOKEN'],
  ],
  ['a kind that is not there', { kind: {} }, ['kind.kind: is missing']],
  [
    'a kind that nobody knows',
    { kind: { kind: 'nvus' } },
    ['kind.kind: is not one of twin, novus; did you mean `novus`?'],
  ],
  ['a key of another kind', { kind: { kind: 'novus', thing: 'x' } }, ['kind.thing: unknown key `thing`']],
]

for (const [what, change, expected] of WORDS) {
  test(`mistakesOf() says in plain words: ${what}`, () => {
    assert.deepEqual(tell(change), expected)
  })
}

test('reasonsOf() says it in one line, and how many it has left out', () => {
  const { error } = Pump.safeParse({})
  const line = reasonsOf(error as z.ZodError)

  assert.match(line, /^baudRate: is missing; table: is missing; .*; kind: is missing$/)
  const many = z.array(z.string().max(1)).safeParse(Array.from({ length: 500 }, () => 'long')).error
  assert.match(reasonsOf(many), /^\[0\]: must have at most 1 characters; .*; and 4\d\d more$/)
  assert.ok(reasonsOf(many).length < 450)
  const key = z.strictObject({}).safeParse({ ['x'.repeat(100_000)]: 1 }).error
  assert.ok(reasonsOf(key).length <= 400)
  assert.equal(reasonsOf(z.string().safeParse(5).error as z.ZodError), 'it must be text, not a number')
})

test('didYouMean() is silent where nothing is near, and where the word is long', () => {
  assert.equal(didYouMean('speed', ['baudRate', 'parity']), '')
  assert.equal(didYouMean('baud_rate', ['baudRate']), '; did you mean `baudRate`?')
  assert.equal(didYouMean('a', ['b']), '')
  assert.equal(didYouMean(`${'x'.repeat(100_000)}`, ['x'.repeat(64)]), '')
})

const Site = z.strictObject({
  owner: z.strictObject({ id: z.string(), age: z.int() }),
  tags: z.array(z.string()).max(1).default([]),
  devices: z
    .array(
      z.strictObject({
        id: z.string(),
        profile: z.string().optional(),
        signals: z.array(z.int()).optional(),
      }),
    )
    .max(4),
  ways: z.array(z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('a'), id: z.string() })])),
})

test('readDraft() keeps what is sound and leaves out what is not, and says which is which', () => {
  const draft = readDraft(Site, {
    owner: { id: 'o', age: 'old' },
    tags: ['a', 'b'],
    devices: [
      { id: 'one', signals: [1, 'x', 1.5] },
      { id: 5, profile: 'p', extra: 1 },
      7,
      { id: 'four', signals: 3 },
    ],
    ways: [
      { kind: 'b', id: 'w' },
      { kind: 'a', id: 'v' },
    ],
  })

  assert.deepEqual(draft.sound, {
    owner: { id: 'o', age: undefined },
    tags: undefined,
    devices: [
      { id: 'one', signals: [1, undefined, undefined] },
      { id: undefined, profile: 'p' },
      undefined,
      { id: 'four', signals: undefined },
    ],
    ways: [undefined, { kind: 'a', id: 'v' }],
  })
  assert.equal(draft.isWrong('owner'), true)
  assert.equal(draft.isWrong('owner', 'id'), false)
  assert.equal(draft.isWrong('owner', 'age'), true)
  assert.equal(draft.isWrong('devices', 2, 'id'), true)
  assert.equal(draft.isWrong('devices', 3, 'id'), false)
  assert.equal(draft.isWrong('ways', 0, 'id'), true)
})

test('readDraft() of what is no document at all has nothing sound', () => {
  const draft = readDraft(Site, 'text')

  assert.equal(draft.sound, undefined)
  assert.equal(draft.isWrong('owner', 'id'), true)
})
