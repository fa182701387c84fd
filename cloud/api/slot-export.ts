// /compliance/slots/export: what was owed and declared, as a table for other programs. The numbers are the very texts that
// were declared.

import { createRoute, z } from '@hono/zod-openapi'
import { TIME_MAX } from '../../protocol/reading.ts'
import { regulatorDate, regulatorTime } from '../compliance/calendar.ts'
import { defuse } from '../csv.ts'
import { findPoint } from '../point-name.ts'
import { type ListedSlot, listSlots } from '../store/compliance.ts'
import type { Database } from '../store/database.ts'
import { InstantQuery, PointParam, toInstantText, toInstantTextOrNull } from './fields.ts'
import { checkedSpan, fromCursor, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'
import { declaredTextsOf, State } from './slot-document.ts'
import { WorkCode } from './slots.ts'

const ROWS_MAX = 10_000

const route = createRoute({
  method: 'get',
  path: '/export',
  tags: ['compliance'],
  summary: 'What was owed and declared, as CSV, newest first',
  description:
    'UTF-8, RFC 4180. `flow`, `total` and `level` are what is written to DGA, to the digit; `*_measured` what was measured. At ' +
    'most 10,000 rows; the header `Link` names the address of the next ones.',
  request: {
    query: z.strictObject({
      point: PointParam.shape.point.optional().openapi({ param: { name: 'point', in: 'query' } }),
      work: WorkCode.optional(),
      state: State.optional(),
      from: InstantQuery.default(0),
      to: InstantQuery.default(TIME_MAX),
      ...pageQuery({ limitMax: ROWS_MAX, limitDefault: ROWS_MAX }),
    }),
  },
  responses: {
    200: { description: 'a table', content: { 'text/csv': { schema: z.string() } } },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

/** `/compliance/slots/export`. */
export function slotExport({ db }: { db: Database }) {
  return openRouter().openapi(route, async context => {
    const { point, work, state, cursor, limit, ...asked } = context.req.valid('query')
    const { from, to } = checkedSpan(asked)
    const clientIds = context.get('clientIds')
    const pointIds = point === undefined ? null : [(await findPoint(db, clientIds, point)).id]
    const after = fromCursor('slots', cursor, 0)
    const rows = await listSlots(db, {
      ...{ pointIds, clientIds, workCode: work, from, to, limit: limit + 1 },
      states: state === undefined ? undefined : [state],
      after: after === 0 ? undefined : after,
    })
    const { items, next } = toPage(rows, { list: 'slots', limit, keyOf: ({ id }) => id })
    const text = [HEADER, ...items.map(toCells)].map(toLine).join('')
    const headers = {
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': 'attachment; filename="declaraciones.csv"',
      ...nextLink(context.req.url, next),
    }
    return context.body(text, 200, headers)
  })
}

const HEADER = [
  ...['point', 'work', 'measured_at', 'regulator_date', 'regulator_time', 'state', 'reason'],
  ...['flow', 'total', 'level', 'flow_measured', 'total_measured', 'level_measured', 'by_person'],
  ...['findings', 'attempts', 'receipt', 'accepted_at', 'verification'],
]

/** A slot as a row of the table. */
export function toCells(slot: ListedSlot): string[] {
  const { client, project, point, workCode, dueAt, state, reason, values, person, findings } = slot
  const { flow, total, level } = declaredTextsOf(slot)
  const measured = [values?.flow, values?.total, values?.level].map(chosen => String(chosen?.value ?? ''))
  return [
    ...[`${client}.${project}.${point}`, workCode, toInstantText(dueAt), regulatorDate(dueAt)],
    ...[regulatorTime(dueAt), state, defuse(reason ?? ''), flow ?? '', total ?? '', level ?? '', ...measured],
    ...[person === null ? '' : defuse(person.by), findings.map(({ code }) => code).join(' ')],
    ...[String(slot.attempts), defuse(slot.receipt ?? ''), toInstantTextOrNull(slot.acceptedAt) ?? ''],
    slot.verification ?? '',
  ]
}

const toLine = (cells: readonly string[]): string =>
  `${cells.map(cell => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\r\n`
