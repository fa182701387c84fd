// protocol/README.md against the code: what a person reads who writes the other side must be what runs.

import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import {
  Ack,
  BATCH_BYTES_MAX,
  BATCH_READINGS_MAX,
  SERIES_MAX,
  TABLE_BYTES_MAX,
} from '../../protocol/batch.ts'
import { COMMAND_BYTES_MAX, CommandRequest, SCAN_UNITS_MAX } from '../../protocol/command.ts'
import { QUALITIES, QUALITY_NAMES, TIME_MAX, TIME_QUALITIES } from '../../protocol/reading.ts'
import { GatewayHealth, GatewayState } from '../../protocol/status.ts'
import * as topics from '../../protocol/topics.ts'
import { VARIABLE_NAMES, VARIABLES } from '../../protocol/variables.ts'

const page = readFileSync(new URL('../../protocol/README.md', import.meta.url), 'utf8')

const section = (name: string): string => {
  const [, text] = new RegExp(`\n## ${name}\n([\\s\\S]*?)(?=\n## |$)`).exec(page) ?? []
  assert.ok(text !== undefined, `There is no section ${name}`)
  return text
}

test('the page lists every variable with its code and unit', () => {
  const listed = [...section('A reading').matchAll(/`([a-z_]+)` (\d+)(?: \([^)]*\))? *\| ([^|\n]+?) *\|/g)]
    .filter(([, name = '']) => Object.hasOwn(VARIABLES, name))
    .map(([, name, code, unit]) => [name, Number(code), unit])

  assert.deepEqual(
    listed.toSorted((a, b) => Number(a[1]) - Number(b[1])),
    VARIABLE_NAMES.map(name => [name, VARIABLES[name].code, VARIABLES[name].unit]),
  )
})

test('the page lists every quality with its code and whether it has a value, and every time quality', () => {
  const qualities = [...section('A reading').matchAll(/`([a-z_]+)` (\d+) +\| (yes|no) /g)]
  const times = [...section('A reading').matchAll(/^\| `([a-z]+)` (\d) +\| [^|]+\|$/gm)]

  assert.deepEqual(
    qualities.map(([, name, code, has]) => [name, Number(code), has === 'yes']),
    QUALITY_NAMES.map(name => [name, QUALITIES[name].code, QUALITIES[name].hasValue]),
  )
  assert.deepEqual(Object.fromEntries(times.map(([, name, code]) => [name, Number(code)])), TIME_QUALITIES)
})

test('the page lists every topic', () => {
  const all = [
    topics.upTopic('{gateway}', 'live'),
    topics.upTopic('{gateway}', 'backlog'),
    topics.ackTopic('{gateway}'),
    topics.stateTopic('{gateway}'),
    topics.healthTopic('{gateway}'),
    topics.desiredTopic('{gateway}'),
    topics.reportedTopic('{gateway}'),
    topics.commandTopic('{gateway}', '{id}'),
    topics.commandResultTopic('{gateway}', '{id}'),
  ]

  for (const topic of all) assert.ok(section('Identifiers and topics').includes(`\`${topic}\``), topic)
})

test('the page has every state, ack status, kind of command and field of the health message', () => {
  const named = (text: string, words: readonly string[]) =>
    words.filter(word => !new RegExp(`[\`.]${word}\``).test(text))
  const fieldsOf = (schema: z.core.JSONSchema.BaseSchema): string[] =>
    Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
      const shape = inner as z.core.JSONSchema.BaseSchema
      const below = fieldsOf((shape.items as z.core.JSONSchema.BaseSchema | undefined) ?? shape)
      return below.length === 0 ? [key] : below
    })
  const state = section('State, health, configuration')

  assert.deepEqual(named(state, GatewayState.shape.state.options), [])
  assert.deepEqual(named(section('Acks'), Ack.shape.status.options), [])
  assert.deepEqual(
    named(
      section('Commands'),
      CommandRequest.options.map(({ shape }) => [...shape.kind.values][0] as string),
    ),
    [],
  )
  assert.deepEqual(named(state, fieldsOf(z.toJSONSchema(GatewayHealth))), [])
})

test('the page’s limits are those of the code', () => {
  const limits = section('Limits')
  const packet = BATCH_BYTES_MAX + TABLE_BYTES_MAX + 1024
  for (const limit of [
    ...[BATCH_READINGS_MAX, SERIES_MAX, BATCH_BYTES_MAX, TABLE_BYTES_MAX, packet],
    ...[COMMAND_BYTES_MAX, TIME_MAX],
  ]) {
    assert.match(limits, new RegExp(`\\b${limit}\\b`))
  }
  assert.match(section('Commands'), new RegExp(`≤ ${SCAN_UNITS_MAX} units`))
})

test('what a page links to is there', () => {
  const anchorsOf = (text: string): Set<string> =>
    new Set(
      [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^\p{L}\p{N}\- ]/gu, '')
          .replaceAll(' ', '-'),
      ),
    )
  const broken = globSync('{*.md,docs/*.md,protocol/*.md}').flatMap(file =>
    [...readFileSync(file, 'utf8').matchAll(/\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]+))?\)/g)]
      .filter(([, path = '', anchor]) => {
        const target = path === '' ? file : join(dirname(file), path)
        if (!existsSync(target)) return true
        return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).has(anchor)
      })
      .map(([link]) => `${file}: ${link}`),
  )

  assert.deepEqual(broken, [])
})
