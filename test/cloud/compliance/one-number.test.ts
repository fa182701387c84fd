// One number: what is measured is rounded once, and the same text is shown, sent, held, compared and exported.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { toSlot } from '../../../cloud/api/slot-document.ts'
import { toCells } from '../../../cloud/api/slot-export.ts'
import {
  buildDeclaration,
  type Chosen,
  type Declaration,
  declaredText,
  type Quantity,
} from '../../../cloud/compliance/declaration.ts'
import type { DgaClient } from '../../../cloud/compliance/dga/client.ts'
import { openRestClient } from '../../../cloud/compliance/dga/rest.ts'
import { openSoapClient } from '../../../cloud/compliance/dga/soap.ts'
import type { WorkKind } from '../../../cloud/compliance/obligation.ts'
import type { ListedSlot } from '../../../cloud/store/compliance.ts'
import type { Variable } from '../../../protocol/variables.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { type Dga, openDga } from '../../doubles/dga/server.ts'

const NOW = Date.parse('2026-01-15T12:30:00Z')
const HOUR = 3_600_000
const RUT = '12345678-5'
const CENTRE = '76543210-3'
const WORKS: Record<WorkKind, string> = {
  ...{ groundwater: 'OB-0602-1', surface_pipe: 'OB-0602-2', surface_channel: 'OB-0602-3' },
}
const { signal } = new AbortController()

interface Measured {
  kind: WorkKind
  flow: number
  total: number
  level: number
  totalRounding: 'truncate' | 'half_away'
}

const measured = fc.record<Measured>({
  kind: fc.constantFrom('groundwater', 'surface_pipe', 'surface_channel'),
  flow: fc.double({ min: 0, max: 5000, noNaN: true }),
  total: fc.double({ min: 0, max: 9e12, noNaN: true }),
  level: fc.double({ min: 0, max: 700, noNaN: true }),
  totalRounding: fc.constantFrom('truncate', 'half_away'),
})

describe('the same number', () => {
  let dga: Dga
  let rest: DgaClient
  let soap: DgaClient
  before(async () => {
    dga = await openDga({ clock: openFakeClock(NOW) }, { strict: true })
    dga.registry.controlCentres.push(CENTRE)
    dga.registry.informants.push({ rut: RUT, password: 'clave' })
    for (const [kind, code] of Object.entries(WORKS) as [WorkKind, string][])
      dga.registry.works.push({ code, kind, informants: [RUT] })
    rest = openRestClient({ fetch }, { url: dga.url })
    soap = await openSoapClient({ fetch }, { url: dga.soapUrl })
  })
  after(() => dga.close())

  let hours = 0

  test('is shown, sent, held, compared and exported, over REST and over SOAP', async () => {
    await fc.assert(
      fc.asyncProperty(measured, fc.boolean(), async (one, overSoap) => {
        hours += 1
        const slot = slotOf(one, NOW - (NOW % HOUR) - hours * HOUR)
        const built = buildDeclaration(slot, { kind: one.kind, levelExempt: false }, slot.values ?? {})
        assert.ok(built.kind === 'built')
        const { declaration } = built
        const client = overSoap && one.kind !== 'surface_pipe' ? soap : rest

        const credentials = { rut: RUT, controlCentreRut: CENTRE, password: 'clave' }
        const { submission, evidence } = await client.submit(declaration, credentials, NOW, signal)
        assert.ok(submission.kind === 'accepted', JSON.stringify(submission))
        const held = dga.holdings.all().find(({ receipt }) => receipt === submission.receipt)
        const { verification } = await client.verify(declaration, submission.receipt, signal)
        assert.equal(verification.kind, 'match')

        const shown = toSlot(slot)
        const cells = toCells(slot)
        for (const [index, quantity] of (['flow', 'total', 'level'] as const).entries()) {
          const text = declaration[quantity]
          if (text === undefined) continue
          assert.equal(shown[quantity]?.declared, text)
          assert.equal(cells[7 + index], text)
          assert.match(evidence.request, new RegExp(`[">]${text.replace('.', '\\.')}["<]`))
          assert.equal(held?.[quantity], Number(text))
        }
      }),
      { numRuns: 60 },
    )
  })

  test('is not what DGA holds when a single digit differs', async () => {
    hours += 1
    const dueAt = NOW - (NOW % HOUR) - hours * HOUR
    const slot = slotOf(
      { kind: 'groundwater', flow: 14.254_9, total: 139_806.9, level: 23.6, totalRounding: 'truncate' },
      dueAt,
    )
    const built = buildDeclaration(slot, { kind: 'groundwater', levelExempt: false }, slot.values ?? {})
    assert.ok(built.kind === 'built')
    const credentials = { rut: RUT, controlCentreRut: CENTRE, password: 'clave' }
    const { submission } = await rest.submit(built.declaration, credentials, NOW, signal)
    assert.ok(submission.kind === 'accepted')
    const others: Partial<Declaration>[] = [{ flow: '14.26' }, { total: '139807' }, { level: '23.61' }]
    for (const other of others) {
      const declaration = { ...built.declaration, ...other }
      const { verification } = await rest.verify(declaration, submission.receipt, signal)
      assert.equal(verification.kind, 'mismatch', JSON.stringify(other))
    }
  })
})

function slotOf(one: Measured, dueAt: number): ListedSlot {
  const choose = (quantity: Quantity, variable: Variable): Chosen => ({
    ...{ variable, seriesId: 1, readAt: dueAt, ageMs: 0, value: one[quantity] },
    text: declaredText(quantity, one[quantity], one),
  })
  const level = choose('level', one.kind === 'surface_channel' ? 'stage' : 'water_table')
  return {
    ...{ id: 1, pointId: 1, client: 'campo', project: 'los-aromos', point: 'pozo-7' },
    ...{ workCode: WORKS[one.kind], channel: 'rest', dueAt, state: 'sent', stateAt: dueAt, reason: null },
    ...{ heldBecause: null, findings: [], person: null, attempts: 1, lastOutcome: null, nextAttemptAt: null },
    ...{ receipt: 'R', recovered: false, acceptedAt: dueAt, verification: null, verifiedAt: null },
    values: { flow: choose('flow', 'flow'), total: choose('total', 'total'), level },
  }
}
