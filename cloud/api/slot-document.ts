// A slot as the API's document has it.

import { z } from '@hono/zod-openapi'
import { CHECK_CODES, SEVERITIES } from '../compliance/checks.ts'
import type { Chosen } from '../compliance/declaration.ts'
import type { PersonValues } from '../compliance/review.ts'
import { type ListedSlot, SLOT_OUTCOMES, SLOT_STATES } from '../store/compliance.ts'
import {
  InstantText,
  orNull,
  PointKey,
  toInstantText,
  toInstantTextOrNull,
  unitOfVariable,
  VariableName,
} from './fields.ts'

/** Where a slot stands. */
export const State = z
  .enum(SLOT_STATES)
  .openapi('SlotState', { description: 'docs/dga.md says what ends each' })

/** The code of a check. */
export const Code = z
  .enum(CHECK_CODES)
  .openapi('CheckCode', { description: 'docs/dga.md says what each looks for' })

const Part = z.strictObject({
  seriesId: z.int(),
  readAt: InstantText,
  ageMs: z.int().openapi({ description: 'how long before its slot it was read; negative: after' }),
  value: z.number(),
})

const Declared = z
  .strictObject({
    variable: orNull(VariableName),
    unit: z.string().nullable(),
    value: z.number().nullable().openapi({
      description: 'as it was measured or computed; null when a person gave it and nothing was',
    }),
    declared: z.string().openapi({ description: 'as it is written to DGA', example: '14.25' }),
    readAt: orNull(InstantText).openapi({ description: 'when it was measured' }),
    ageMs: z.int().nullable().openapi({ description: 'how long before its slot; negative: after' }),
    parts: z.array(Part).openapi({
      description: 'the very readings: a series and an instant name one. One for each point of the work',
    }),
    mean: orNull(
      z.strictObject({ from: InstantText, to: InstantText, count: z.int(), coverage: z.number() }),
    ).openapi({
      description: 'what a mean was taken over, and of what part of that time something is known',
    }),
    byPerson: z
      .boolean()
      .openapi({ description: 'a person gave what is declared; `value` is what was measured' }),
  })
  .nullable()

/** A doubt about what was measured. */
export const FindingText = z
  .strictObject({
    code: Code,
    severity: z.enum(SEVERITIES),
    quantity: z.enum(['flow', 'total', 'level']).nullable(),
    message: z.string(),
    saw: z.record(z.string(), z.union([z.number(), z.string()]).nullable()).openapi({
      description: 'the numbers that it was found by',
      example: { beforeM3: 91755, nowM3: 9175 },
    }),
  })
  .openapi('Finding')

const Person = z
  .strictObject({ by: z.string(), at: InstantText, reason: z.string() })
  .openapi('SlotPerson', { description: 'who gave values instead of what was measured, and why' })

const LastOutcome = z
  .strictObject({
    attempt: z.int(),
    at: InstantText,
    outcome: z.enum(SLOT_OUTCOMES).openapi({
      description: '`abandoned`: the process that was sending ended, and nobody knows',
    }),
    message: z.string().nullable().openapi({ description: 'what DGA said, or why it was not heard' }),
  })
  .nullable()

/** A slot. */
export const Slot = z
  .strictObject({
    id: z.int(),
    point: PointKey,
    workCode: z.string().openapi({ description: 'código de obra', example: 'OB-0602-7' }),
    channel: z.enum(['rest', 'soap']),
    measuredAt: InstantText.openapi({ description: 'the instant that it is due for, and is declared with' }),
    state: State,
    stateAt: InstantText,
    reason: z.string().nullable().openapi({ description: 'why it is not declared, or not yet' }),
    heldBecause: z.string().nullable().openapi({
      description: 'why all sending, its work or its informant is stopped; null when nothing holds it',
    }),
    flow: Declared,
    total: Declared,
    level: Declared,
    findings: z
      .array(FindingText)
      .openapi({ description: 'every doubt about the values, also where it is declared' }),
    person: orNull(Person),
    attempts: z.int().openapi({
      description:
        'those that count: not one that did not arrive, nor one that was refused for who declares or for the work',
    }),
    lastOutcome: LastOutcome.openapi({ description: 'what came of the last attempt; null before the first' }),
    nextAttemptAt: orNull(InstantText),
    receipt: z.string().nullable().openapi({ description: 'número de comprobante' }),
    recovered: z.boolean().openapi({ description: 'the receipt came with the answer to a second attempt' }),
    acceptedAt: orNull(InstantText),
    verification: z.enum(['match', 'mismatch', 'not_found', 'no_answer']).nullable(),
    verifiedAt: orNull(InstantText),
  })
  .openapi('Slot')

/** A row as a slot. */
export function toSlot(row: ListedSlot): z.infer<typeof Slot> {
  const { pointId: _, client, project, point, dueAt, values, lastOutcome, person, ...slot } = row
  return {
    ...slot,
    point: `${client}.${project}.${point}`,
    measuredAt: toInstantText(dueAt),
    stateAt: toInstantText(slot.stateAt),
    flow: toDeclared(values?.flow, person?.values.flow),
    total: toDeclared(values?.total, person?.values.total),
    level: toDeclared(values?.level, person?.values.level),
    person: person === null ? null : { by: person.by, at: toInstantText(person.at), reason: person.reason },
    lastOutcome: lastOutcome === null ? null : { ...lastOutcome, at: toInstantText(lastOutcome.at) },
    nextAttemptAt: toInstantTextOrNull(slot.nextAttemptAt),
    acceptedAt: toInstantTextOrNull(slot.acceptedAt),
    verifiedAt: toInstantTextOrNull(slot.verifiedAt),
  }
}

/** What is declared of each quantity: what a person gave, else what was measured. */
export function declaredTextsOf({
  values,
  person,
}: Pick<ListedSlot, 'values' | 'person'>): Partial<Record<'flow' | 'total' | 'level', string | undefined>> {
  const of = (quantity: 'flow' | 'total' | 'level') =>
    person?.values[quantity]?.text ?? values?.[quantity]?.text
  return { flow: of('flow'), total: of('total'), level: of('level') }
}

type Given = PersonValues['values']['flow']

function toDeclared(chosen: Chosen | undefined, given: Given): z.infer<typeof Declared> {
  const text = given?.text ?? chosen?.text
  if (text === undefined) return null
  const { parts = [], mean } = chosen ?? {}
  return {
    ...{
      variable: chosen?.variable ?? null,
      unit: chosen === undefined ? null : unitOfVariable(chosen.variable),
    },
    ...{ value: chosen?.value ?? null, declared: text, byPerson: given !== undefined },
    readAt: toInstantTextOrNull(chosen?.readAt ?? null),
    ageMs: chosen?.ageMs ?? null,
    parts: parts.map(({ seriesId, readAt, ageMs, value }) => {
      return { seriesId, readAt: toInstantText(readAt), ageMs, value }
    }),
    mean: mean === undefined ? null : { ...mean, from: toInstantText(mean.from), to: toInstantText(mean.to) },
  }
}
