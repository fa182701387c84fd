// What is wrong with a YAML document as such: in plain words, with its line, and together with all that can still be read.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { ConfigError } from '../../protocol/runtime/errors.ts'
import { parseYaml } from '../../protocol/yaml.ts'

const Pump = z.strictObject({
  id: z.string(),
  depth: z.number().optional(),
  tags: z.array(z.string()).optional(),
})

function mistakesOf(text: string): string[] {
  try {
    parseYaml(text, 'pump.yaml', Pump)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.mistakes.map(({ line, path, message }) => `${line}: ${path}: ${message}`)
  }
  return []
}

const list = (of: string) => Array.from({ length: 20 }, () => of).join(', ')

const CASES: readonly [string, string, string[]][] = [
  ['nothing, where nothing is wrong', 'id: &name p\ntags: [*name]\n', []],
  [
    'a key that is written twice, together with what else is wrong',
    'id: p\ndepth: deep\nid: q\n',
    ['2: depth: must be a number, not text', '3: : key `id` is written twice'],
  ],
  [
    'a list that does not end',
    'id: p\ntags: [a\n',
    ['3: : ] is missing, or what it closes is indented too little'],
  ],
  ...['[', '{a: ', '- '].flatMap(open =>
    [101, 700, 2_000, 20_000].map((times): [string, string, string[]] => [
      `${times} times \`${open}\` as one mistake`,
      `# deep\n${open.repeat(times)}`,
      ['2: : is nested too deeply'],
    ]),
  ),
  [
    'parts that are deep enough',
    `id: p\ntags: ${'['.repeat(98)}${']'.repeat(98)}\n`,
    ['2: tags[0]: must be text, not a list'],
  ],
  ['a tab', 'id:\n\tdepth: 1\n', ['2: : is indented with a tab: use spaces']],
  ['a second document', 'id: p\n---\nid: q\n', ['2: : a second document begins: there must be one']],
  ['an alias of nothing', 'id: p\ntags: [*well]\n', ['2: : *well stands for nothing: no &well is before it']],
  [
    'aliases that grow without end',
    `id: p\na: &a [1]\nb: &b [${list('*a')}]\ntags: [${list('*b')}]\n`,
    ['undefined: : its aliases stand for more than 100 parts'],
  ],
  ['a list instead of keys', '- id\n', ['1: : must be keys with values, not a list']],
]

for (const [what, text, expected] of CASES) {
  test(`parseYaml() tells ${what}`, () => {
    assert.deepEqual(mistakesOf(text), expected)
  })
}
