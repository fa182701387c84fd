// The provisioning script over the real API and database: what is wrong is told by line and column, a second time changes
// nothing, and what was interrupted goes on. FLEET_GATEWAYS says how many gateways the long one brings in.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createToken } from '../../cloud/api/users.ts'
import { type Ask, openAsk } from '../../deploy/fleet/ask.ts'
import { readTable } from '../../deploy/fleet/csv.ts'
import { bringIn, type FleetOptions } from '../../deploy/fleet/provision.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { ConfigError } from '../../protocol/runtime/errors.ts'
import { type FleetScene, openFleetScene } from '../cloud/fleet/scene.ts'

const GATEWAYS = Number(process.env.FLEET_GATEWAYS ?? 40)

const HEAD = 'client,project,point,kind,gateway,profile,bus,unit'

describe('npm run fleet', () => {
  let scene: FleetScene
  let ask: Ask
  before(async () => {
    scene = await openFleetScene([])
    const token = await createToken(scene.db, {
      ...{ name: 'fleet', role: 'operator', scopes: ['read', 'write'], createdBy: 'test' },
    })
    ask = openAsk({ url: scene.url, token })
  })
  after(() => scene.close())

  const optionsFor = async (more: Partial<FleetOptions> = {}): Promise<FleetOptions> => ({
    ...{ url: 'https://cloud.example', uplinkUrl: undefined, days: 30, dryRun: false },
    out: await scene.folder(),
    ...more,
  })
  const run = (text: string, options: FleetOptions, asking = ask) =>
    bringIn({ ask: asking, clock: systemClock, onProgress: () => {} }, readTable(text, 'sites.csv'), options)
  const rowsOf = (name: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${name},main,well-${index + 1},,${name}-gw-${index + 1},,,`)
  const counted = async () => {
    const [row] = await scene.db.query<Record<string, number>>(
      `select (select count(*)::int from points) as points, (select count(*)::int from gateways) as gateways,
         (select count(*)::int from fleet_claims) as claims`,
    )
    return row
  }

  test('makes what the table says, tells what it cannot by line and column, and changes nothing the second time', async () => {
    const options = await optionsFor()
    const text = [
      HEAD,
      ...rowsOf('uno', 3),
      'uno,main,well-9,lake,uno-gw-9,,,',
      'uno,Main,well-8,,uno-gw-8,,,',
      '',
    ].join('\n')

    const first = await run(text, options)
    const made = await counted()
    const second = await run(text, options)

    assert.deepEqual([first.gateways, first.claimed], [3, 3])
    assert.deepEqual(
      first.failures.map(({ line, column }) => `${line}:${column}`),
      ['5:kind', '6:project', '6:project', '6:project'],
    )
    assert.deepEqual([second.changes, second.claimed, second.configured], [[], 0, 0])
    assert.deepEqual(await counted(), made)
    assert.equal(statSync(join(options.out, 'codes.json')).mode & 0o777, 0o600)
    assert.match(readFileSync(join(options.out, 'labels.pdf'), 'latin1'), /^%PDF-1\.\d/)
    const codes = JSON.parse(readFileSync(join(options.out, 'codes.json'), 'utf8'))
    const { identity } = await scene.enrol('uno-gw-2', { code: codes['uno-gw-2'] })
    assert.deepEqual([identity.gateway, identity.client], ['uno-gw-2', 'uno'])
  })

  test('says to each gateway what to run with, once; what is wrong with it is told by line', async () => {
    const options = await optionsFor({ uplinkUrl: 'mqtts://cloud.example:8883' })
    const wired = (well: number, gateway: string, rest: string) =>
      `cable,main,well-${well},,${gateway},${rest}`
    const text = [
      HEAD,
      wired(1, 'cable-gw-1', 'siemens-mag-6000,serial:/dev/ttyUSB0:9600:even,1'),
      wired(2, 'cable-gw-1', 'tuf-2000m,serial:/dev/ttyUSB0:9600:even,2'),
      wired(3, 'cable-gw-2', 'no-such-meter,tcp:10.0.0.1:502,1'),
      wired(4, 'cable-gw-3', 'tuf-2000m,usb,x'),
    ].join('\n')

    const first = await run(text, options)
    const second = await run(text, options)

    assert.equal(first.configured, 1)
    assert.equal(second.configured, 0)
    assert.deepEqual(
      first.failures.map(({ line, column }) => `${line}:${column}`),
      ['4:undefined', '5:bus', '5:unit'],
    )
    assert.match(first.failures[0]?.message ?? '', /no profile is named "no-such-meter"/)
    const { body } = await scene.ask('GET', '/gateways/cable-gw-1/configuration')
    assert.match(JSON.stringify(body), /siemens-mag-6000/)
  })

  test('says what it would make, and makes nothing', async () => {
    const before = await counted()
    const options = await optionsFor({ dryRun: true })

    const { changes, claimed } = await run([HEAD, ...rowsOf('nada', 2)].join('\n'), options)

    assert.ok(changes.includes('point nada.main.well-2: created'), changes.join())
    assert.deepEqual([claimed, await counted()], [0, before])
    assert.equal(existsSync(join(options.out, 'codes.json')), false)
  })

  test('goes on where it was interrupted: also where codes were drawn that nobody has seen', async () => {
    const text = [HEAD, ...rowsOf('dos', 60)].join('\n')
    const options = await optionsFor()
    const dying =
      (when: (path: string, count: number) => boolean): Ask =>
      async (...asked) => {
        asks += 1
        const answer = await ask(...asked)
        if (when(asked[1], asks)) throw new Error('The plug was pulled')
        return answer
      }
    let asks = 0
    await assert.rejects(
      run(
        text,
        options,
        dying((_, count) => count === 2),
      ),
      /plug/,
    )
    await assert.rejects(
      run(
        text,
        options,
        dying(path => path === '/fleet/claims'),
      ),
      /plug/,
    )

    const third = await run(text, options)

    assert.deepEqual([third.changes, third.claimed, third.failures], [[], 60, []])
    const codes = JSON.parse(readFileSync(join(options.out, 'codes.json'), 'utf8'))
    assert.equal(Object.keys(codes).length, 60)
    await scene.enrol('dos-gw-60', { code: codes['dos-gw-60'] })
    assert.equal((await run(text, options)).claimed, 0)
  })

  test('a table that is none is refused before anything is asked', () => {
    const mistakesOf = (text: string) => {
      try {
        readTable(text, 'sites.csv')
      } catch (error) {
        assert.ok(error instanceof ConfigError)
        return error.mistakes.map(({ line, path, message }) => `${line ?? ''}:${path}: ${message}`)
      }
      return assert.fail('It was read')
    }

    assert.deepEqual(mistakesOf('client;project;pont\na;b;c\n'), [
      '1:point: there is no such column',
      '1:pont: is no column; did you mean point?',
      '2:point: is empty',
    ])
    assert.match(mistakesOf('client,project,point\na,b\n').join(), /Record Length|columns/i)
    assert.deepEqual(mistakesOf('client,project,point\n'), [':: has no rows'])
  })

  test(`brings in ${GATEWAYS} gateways, with a code and a label each`, async context => {
    const text = [HEAD, ...rowsOf('many', GATEWAYS)].join('\n')
    const options = await optionsFor()

    const begun = performance.now()
    const { claimed, failures } = await run(text, options)
    const seconds = (performance.now() - begun) / 1000

    context.diagnostic(`${GATEWAYS} gateways in ${seconds.toFixed(1)} s`)
    assert.deepEqual([claimed, failures], [GATEWAYS, []])
  })
})
