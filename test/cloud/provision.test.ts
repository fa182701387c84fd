// Bringing a site in: all of it or nothing, and twice is once.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { giveGatewayToken, provision } from '../../cloud/provision.ts'
import { ConfigError, Rejected } from '../../protocol/runtime/errors.ts'
import { openFakeClock } from '../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../doubles/databases.ts'

const DEMO = readFileSync(new URL('../../deploy/demo/site.yaml', import.meta.url), 'utf8')
const ENVIRONMENT = { DEMO_GATEWAY_TOKEN: 'a-token-of-enough-length', DEMO_DGA_PASSWORD: 'clave-secreta' }

describe('provision()', () => {
  let database: TestDatabase
  before(async () => {
    database = await openTestDatabase()
  })
  after(() => database.close())

  const bring = (text: string, environment: Record<string, string> = ENVIRONMENT) =>
    provision(
      { db: database.db, clock: openFakeClock(), secretKey: new Uint8Array(32), environment },
      text,
      'site.yaml',
    )
  const count = async (table: string): Promise<number> => {
    const [row] = await database.db.query<{ count: number }>(`select count(*) from ${table}`)
    return row?.count ?? -1
  }
  const mistakesOf = async (
    text: string,
    environment?: Record<string, string>,
    how?: 'with lines',
  ): Promise<string[]> => {
    try {
      await bring(text, environment)
    } catch (error) {
      if (error instanceof ConfigError)
        return error.mistakes.map(
          ({ path, line, message }) => `${how === undefined ? '' : `${line}: `}${path}: ${message}`,
        )
      throw error
    }
    return []
  }

  test('makes nothing when anything is wrong, and says all of it', async () => {
    const wrong = `${DEMO}
  - point: campo.los-aromos.pozo-99
    from: "2026-01-01T00:00:00Z"
    standard: mayor
    channel: rest
    workCode: OB-0602-99
    informant: 11111111-1
  - point: campo.los-aromos.pozo-7
    from: "2026-01-01T00:00:00Z"
    standard: mayor
    channel: rest
    workCode: OB-0602-98
    informant: 11111111-1
`
    const mistakes = await mistakesOf(wrong, {})
    assert.deepEqual(mistakes, [
      'gateways[0].token: the environment has no DEMO_GATEWAY_TOKEN',
      'informants[0].password: the environment has no DEMO_DGA_PASSWORD',
      'obligations[2].point: there is no point campo.los-aromos.pozo-99',
      'obligations[2].informant: client campo has no informant 11111111-1',
      'obligations[3].informant: client campo has no informant 11111111-1',
    ])
    for (const table of ['clients', 'points', 'gateways', 'obligations', 'works']) {
      assert.equal(await count(table), 0, table)
    }
  })

  test('says where the text itself is wrong, line by line', async () => {
    await assert.rejects(
      bring(
        'clients:\n  - { id: campo, name: Campo, rut: 76543210-0 }\nobligations:\n  - { point: pozo-7 }\n',
      ),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, /site\.yaml:2: clients\[0\]\.rut: has a wrong check digit/)
        assert.match(error.message, /site\.yaml:4: obligations\[0\]\.point: must be a point such as/)
        assert.match(error.message, /site\.yaml:4: obligations\[0\]\.workCode: /)
        return true
      },
    )
  })

  test('lists mistakes of shape and of reference in one round, and no consequences', async () => {
    const site = `
clients:
  - { id: campo, name: Campo, rut: 76543210-0 }
  - { id: valle, nombre: Valle }
projects:
  - { client: campo, id: los-aromos, name: "" }
  - { client: vale, id: p, name: "P\\0" }
  - { client: campo, id: los-aromos, name: Other }
points:
  - { client: campo, project: los-aromos, id: pozo-7, name: Pozo 7, kind: underground, latitud: -33 }
  - { client: campo, project: los-almos, id: pozo-8, name: Pozo 8, kind: groundwater, latitude: -133 }
gateways:
  - { client: campo, project: los-aromos, id: gw-1, token: short }
  - { client: campo, project: nowhere, id: Gw 2, token: { env: GW_TOKEN } }
calibrations:
  - { point: campo.los-aromos.pozo-7, rule: pulses_to_volumes, from: "2026-01-01T00:00:00Z" }
  - { point: campo.los-aromos.pozo-9, rule: pulses_to_volume, from: 2026-01-01, litresPerPulse: 0 }
informants:
  - { client: campo, rut: 12.345.678-5, name: Ana, controlCentreRut: 76543210-3, password: { env: DGA_PASSWORD } }
obligations:
  - { point: campo.los-aromos.pozo-9, from: "2026-01-01T00:00:00Z", standard: mayor, channel: soap, kind: surface_pipe,
      levelExempt: true, workCode: OB-0602-7, informant: 12345678-5, every: montly }
  - { point: campo.los-aromos.pozo-7, from: "2026-01-01T00:00:00Z", standard: grande, channel: rest, every: 7m,
      workCode: OB-0602, informant: 11111111-1, rights: [{ flowLps: 0 }], to: "2025-12-31T00:00:00Z" }
`
    assert.deepEqual(await mistakesOf(site, {}, 'with lines'), [
      '3: clients[0].rut: has a wrong check digit',
      '4: clients[1].name: is missing',
      '4: clients[1].nombre: unknown key `nombre`',
      '6: projects[0].name: must not be empty',
      '7: projects[1].name: must have no control characters',
      '7: projects[1].client: there is no client vale',
      '8: projects[2]: campo.los-aromos is already said by projects[0]',
      '10: points[0].kind: is not one of groundwater, surface_pipe, surface_channel',
      '10: points[0].latitud: unknown key `latitud`; did you mean `latitude`?',
      '11: points[1].latitude: must be at least -90',
      '11: points[1].project: there is no project campo.los-almos',
      '13: gateways[0].token: must have 20 characters or more',
      '14: gateways[1].id: must be 1 to 63 characters of a-z, 0-9 and "-", and must not start with "-"',
      '14: gateways[1].project: there is no project campo.nowhere',
      '14: gateways[1].token: the environment has no GW_TOKEN',
      '16: calibrations[0].rule: is not one of pulses_to_volume, total_to_volume, level_to_water_table, unit_conversion, checks, low_flow_cut_off, volume_to_flow; did you mean `pulses_to_volume`?',
      '17: calibrations[1].from: must be an instant such as 2026-01-31T12:00:00Z',
      '17: calibrations[1].litresPerPulse: must be more than 0',
      '17: calibrations[1].point: there is no point campo.los-aromos.pozo-9',
      '19: informants[0].password: the environment has no DGA_PASSWORD',
      '21: obligations[0].channel: cannot be soap with levelExempt: the schema demands a level',
      '21: obligations[0].point: there is no point campo.los-aromos.pozo-9',
      '22: obligations[0].every: must be a duration such as 1h or 1d, month, half_year, year, or a frequency',
      '23: obligations[1].standard: is not one of mayor, medio, menor, caudales_muy_pequenos, custom',
      '23: obligations[1].every: must be at least 1m and divide a day into equal parts',
      '24: obligations[1].workCode: must be a work code such as OB-0602-7',
      '24: obligations[1].rights[0].flowLps: must be more than 0',
      '24: obligations[1].informant: client campo has no informant 11111111-1',
      '24: obligations[1].to: must be after from',
    ])
  })

  test('makes what is described, and a second time nothing', async () => {
    const { changes, tokens } = await bring(DEMO)
    assert.ok(changes.includes('obligation OB-0602-8: created'))
    assert.deepEqual(tokens, [])
    assert.deepEqual((await bring(DEMO)).changes, [])
    const [gateway] = await database.db.query<{ hash: Uint8Array }>('select token_hash as hash from gateways')
    const expected = createHash('sha256').update(ENVIRONMENT.DEMO_GATEWAY_TOKEN).digest()
    assert.deepEqual(Buffer.from(gateway?.hash ?? []), expected)
    const [informant] = await database.db.query<{ secret: Uint8Array }>('select secret from informants')
    assert.ok(!Buffer.from(informant?.secret ?? []).includes('clave-secreta'))
  })

  test('changes what differs and nothing else', async () => {
    const renamed = DEMO.replace('name: "Pozo 8"', 'name: "Pozo ocho"').replace(
      'workCode: OB-0602-7\n',
      'workCode: OB-0602-7\n    mode: shadow\n',
    )
    assert.deepEqual((await bring(renamed)).changes, [
      'point campo.los-aromos.pozo-8: changed',
      'obligation OB-0602-7: changed',
    ])
    const rotated = { ...ENVIRONMENT, DEMO_DGA_PASSWORD: 'otra-clave' }
    assert.deepEqual((await bring(renamed, rotated)).changes, ['informant 12345678-5: changed'])
  })

  test('never changes a calibration that values were computed with', async () => {
    const other = DEMO.replace('litresPerPulse: 100', 'litresPerPulse: 1000')
    assert.match(
      (await mistakesOf(other)).join(),
      /calibrations\[3\]: another one is valid from the same instant/,
    )
  })

  test('brings in rules of series and meter events, each once, with who made them', async () => {
    const of = 'point: campo.los-aromos.pozo-8, from: "2026-02-01T00:00:00Z"'
    const site = `calibrations:
  - { ${of}, rule: checks, variable: level, range: { max: 60 }, rate: { maxPerMinute: 2 } }
  - { ${of}, rule: checks, variable: flow, stuck: { afterMinutes: 60, except: [0] } }
  - { ${of}, rule: unit_conversion, variable: flow, unit: m³/h }
  - { ${of}, rule: low_flow_cut_off, belowLps: 0.5 }
  - { ${of}, rule: volume_to_flow }
meterEvents:
  - { point: campo.los-aromos.pozo-8, at: "2026-01-10T12:00:00Z", kind: replacement, beforeCount: 900, afterCount: 0, note: worn }
`
    assert.deepEqual((await bring(site)).changes, [
      'calibration checks of level of campo.los-aromos.pozo-8: created',
      'calibration checks of flow of campo.los-aromos.pozo-8: created',
      'calibration unit_conversion of flow of campo.los-aromos.pozo-8: created',
      'calibration low_flow_cut_off of flow of campo.los-aromos.pozo-8: created',
      'calibration volume_to_flow of campo.los-aromos.pozo-8: created',
      'meter event replacement of campo.los-aromos.pozo-8: created',
    ])
    assert.deepEqual((await bring(site)).changes, [])
    assert.deepEqual(await mistakesOf(site.replace('beforeCount: 900', 'beforeCount: 901')), [
      'meterEvents[0].at: another meter event stands at the same instant: withdraw it first',
    ])
    assert.deepEqual(await mistakesOf(site.replace(' afterCount: 0,', '')), [
      'meterEvents[0].afterCount: is missing: what the new meter showed first',
    ])
    assert.deepEqual(await mistakesOf(site.replace('unit: m³/h', 'unit: bar')), [
      'calibrations[2].unit: is no unit of flow',
    ])
    const changes = await database.db.query(
      `select what, changed_by as by from processing_changes where valid_from >= '2026-01-10' order by id`,
    )
    assert.deepEqual(changes.at(-1), { what: 'meter_event', by: 'provisioning' })
    assert.equal(changes.length, 6)
  })

  test('draws a token for a gateway that has none given, once', async () => {
    const site = 'gateways: [{ client: campo, project: los-aromos, id: gw-2 }]'
    const { tokens } = await bring(site)
    assert.match(tokens[0]?.token ?? '', /^shg_[\w-]{43}$/)
    assert.deepEqual((await bring(site)).tokens, [])
    assert.notEqual(await giveGatewayToken(database.db, 'gw-2'), tokens[0]?.token)
    await assert.rejects(giveGatewayToken(database.db, 'gw-3'), Rejected)
  })

  test('takes a token of 20 characters and none of 19', async () => {
    const site =
      'gateways: [{ client: campo, project: los-aromos, id: gw-short, token: { env: GATEWAY_TOKEN } }]'

    assert.deepEqual(await mistakesOf(site, { GATEWAY_TOKEN: 'x'.repeat(19) }), [
      'gateways[0].token: must have 20 characters or more',
    ])
    assert.deepEqual((await bring(site, { GATEWAY_TOKEN: 'x'.repeat(20) })).changes, [
      'gateway gw-short: created',
    ])
  })

  test('takes no gateway from another project, and no work from another client', async () => {
    const site = `
clients: [{ id: otra, name: Otra }]
projects: [{ client: otra, id: p, name: P }]
points: [{ client: otra, project: p, id: pozo-7, name: Pozo, kind: groundwater }]
gateways: [{ client: otra, project: p, id: gw-campo-01 }]
informants: [{ client: otra, rut: 12345678-5, name: A, controlCentreRut: 76543210-3, password: x }]
obligations:
  - { point: otra.p.pozo-7, from: "2026-01-01T00:00:00Z", standard: mayor, channel: rest, workCode: OB-0602-7, informant: 12345678-5 }
`
    assert.deepEqual(await mistakesOf(site), [
      'gateways[0].id: gw-campo-01 is a gateway of another project',
      'obligations[0]: Work OB-0602-7 belongs to another client',
    ])
    assert.equal(await count('clients'), 1)
  })

  const third = (more: string) => `${DEMO}
  - point: campo.los-aromos.pozo-9
    from: "2026-01-01T00:00:00Z"
    standard: custom
    channel: rest
    workCode: OB-0602-97
    informant: 12345678-5
${more}`

  test('takes what a resolution says, several points as one work, and what is doubted of it', async () => {
    await bring(
      third(`    resolution: Res. Ex. 55
    every: { kind: weeks, weekday: 1, minute: 480 }
    maxLag: 10d
    select: { mean: 1h }
    alsoPoints: [campo.los-aromos.pozo-8]
    levelPoint: campo.los-aromos.pozo-8
    rights: [{ flowLps: 20, yearlyM3: 100000 }, { flowLps: 5, yearlyM3: 30000 }]
    exemptions: [{ quantity: level, from: "2026-02-01T04:00:00Z", reason: sin piezómetro }]
    checks: { severity: { stuck: note }, stuckAfter: 6h, maxM3PerHour: 800 }
`),
    )
    const [row] = await database.db.query<{ terms: Record<string, unknown> }>(
      `select terms from obligations where work_code = 'OB-0602-97'`,
    )
    const { frequency, selection, maxLagMs, checks, alsoPointIds, levelPointId } = row?.terms ?? {}
    assert.deepEqual(frequency, { kind: 'weeks', weekday: 1, minute: 480 })
    assert.deepEqual(selection, { kind: 'mean', overMs: 3_600_000, coverage: 0.75, withinMs: 300_000 })
    assert.deepEqual(
      [maxLagMs, checks],
      [864_000_000, { severity: { stuck: 'note' }, stuckAfter: 21_600_000, maxM3PerHour: 800 }],
    )
    assert.deepEqual(alsoPointIds, [levelPointId])
  })

  test('says of such an obligation what is missing, and what nobody may let pass', async () => {
    assert.deepEqual(await mistakesOf(third('    checks: { severity: { negative: note, stuk: off } }\n')), [
      'obligations[2].every: is needed with standard custom: nothing else says how often',
      'obligations[2].maxLag: is needed with standard custom: nothing else says how late',
      'obligations[2].resolution: is needed with standard custom: it is what the rest follows from',
      'obligations[2].checks.severity.stuk: unknown key `stuk`',
      'obligations[2].checks.severity.negative: must be block or review',
    ])
    const elsewhere = third(`    resolution: Res. Ex. 55
    every: 1d
    maxLag: 10d
    alsoPoints: [campo.los-aromos.pozo-99]
`)
    assert.deepEqual(await mistakesOf(elsewhere), [
      'obligations[2]: Cannot declare OB-0602-97: no point campo.los-aromos.pozo-99 of this client',
    ])
  })
})
