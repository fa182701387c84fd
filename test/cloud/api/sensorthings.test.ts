// OGC SensorThings over HTTP: the entities and their links, the options, tables, pages to the end, and who may see what.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fill, NOW } from './content.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const ROUTES = [
  'GET /sta/v1.1',
  'GET /sta/v1.1/{resource}',
  'GET /sta/v1.1/{resource}/{link}',
  'GET /sta/v1.1/{resource}/{link}/{more}',
]
const VALUES = 2_500

describe('/sta/v1.1', () => {
  let api: ApiScene
  let level = 0
  before(async () => {
    api = await openApiScene()
    await fill(api)
    await api.db.query(`update points set latitude = -33.45, longitude = -70.66 where slug = 'pozo-7'`)
    const values = Array.from({ length: VALUES }, (_, n) => (n === 7 ? null : n / 2))
    await api.store('campo.los-aromos.pozo-7', 'level', NOW - 86_400_000, values)
    level = (await get(`Datastreams?$filter=properties/variable eq 'level'`)).body.value[0]['@iot.id']
  })
  after(() => api.close())

  /** Asks by a path below the root, or by a link that was given. */
  const get = (path: string, token = api.tokens['client_reader of campo'] ?? '') => {
    const [segments = '', query] = path
      .replace(/^http:\/\/localhost:8004\/sta\/v1\.1\/?/, '')
      .split(/\?(.*)/s)
    const route = ROUTES[segments === '' ? 0 : segments.split('/').length] ?? ''
    const asked = query === undefined ? '' : `?${encodeURI(decodeURI(query)).replaceAll('+', '%2B')}`
    return api.ask(route, { path: `/sta/v1.1${segments === '' ? '' : `/${segments}`}${asked}`, token })
  }
  const names = async (path: string) => (await get(path)).body.value.map(({ name }: { name: string }) => name)

  test('leads from its root to every entity, by the links that it gives', async () => {
    const { body } = await get('')
    assert.deepEqual(
      body.value.map(({ name }: { name: string }) => name),
      [
        'Things',
        'Locations',
        'HistoricalLocations',
        'Datastreams',
        'Sensors',
        'ObservedProperties',
        'Observations',
        'FeaturesOfInterest',
      ],
    )
    const seen = new Set<string>()
    const left: string[] = body.value.map(({ url }: { url: string }) => `${url}?$top=2`)
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      if (seen.has(next)) continue
      seen.add(next)
      const answer = await get(next)
      if (answer.status === 404) continue
      assert.equal(answer.status, 200, next)
      const entities = answer.body.value ?? [answer.body]
      for (const entity of entities) {
        const links = Object.entries(entity).filter(([name]) => /selfLink|navigationLink/.test(name))
        assert.ok(links.length >= 1, next)
        left.push(...links.map(([, link]) => String(link)).filter(link => link.split('/').length < 9))
      }
    }
    assert.ok(seen.size > 40, `${seen.size}`)
  })

  test('shows a well with its place, what is measured, in which unit, and the newest values within', async () => {
    const asked =
      '$select=name,properties&$expand=Locations,Datastreams($orderby=id;$expand=ObservedProperty,Observations($top=1;$orderby=phenomenonTime desc;$count=true))'
    const { body } = await get(`Things?$filter=name eq 'Pozo 7'&${asked}`)
    const [well] = body.value
    assert.equal(well.properties.key, 'campo.los-aromos.pozo-7')
    assert.deepEqual(well.Locations[0].location, { type: 'Point', coordinates: [-70.66, -33.45] })
    const stream = well.Datastreams.find((one: Record<string, number>) => one['@iot.id'] === level)
    assert.deepEqual([stream.ObservedProperty.name, stream.unitOfMeasurement.symbol], ['level', 'm'])
    assert.equal(stream['Observations@iot.count'], VALUES)
    assert.equal(stream.Observations[0].result, (VALUES - 1) / 2)
    assert.match(stream['Observations@iot.nextLink'], /\$skiptoken=/)
  })

  test('gives every observation once, page by page, in either direction', async () => {
    for (const order of ['asc', 'desc']) {
      const ids: string[] = []
      let next: string | undefined =
        `Datastreams(${level})/Observations?$top=600&$orderby=phenomenonTime ${order}`
      let pages = 0
      while (next !== undefined) {
        const { body }: { body: { value: { '@iot.id': string }[]; '@iot.nextLink'?: string } } =
          await get(next)
        ids.push(...body.value.map(one => one['@iot.id']))
        next = body['@iot.nextLink']
        pages += 1
      }
      assert.equal(pages, 5)
      assert.deepEqual([ids.length, new Set(ids).size], [VALUES, VALUES])
      const times = ids.map(id => Number(id.split('_')[1]))
      assert.deepEqual(
        times,
        times.toSorted((a, b) => (order === 'asc' ? a - b : b - a)),
      )
    }
  })

  test('gives those of several Datastreams in one order, over the pages too', async () => {
    let next: string | undefined = 'Observations?$top=700'
    const seen: [number, number][] = []
    while (next !== undefined) {
      const { body }: { body: { value: { '@iot.id': string }[]; '@iot.nextLink'?: string } } = await get(next)
      seen.push(...body.value.map(one => one['@iot.id'].split('_').map(Number) as [number, number]))
      next = body['@iot.nextLink']
    }
    assert.equal(seen.length, (await get('Observations?$count=true&$top=0')).body['@iot.count'])
    assert.equal(new Set(seen.map(String)).size, seen.length)
    assert.deepEqual(
      seen,
      seen.toSorted(([a, t], [b, u]) => t - u || a - b),
    )
  })

  test('finds by time, by value and by quality, counts, sorts, skips', async () => {
    const of = `Datastreams(${level})/Observations`
    const from = new Date(NOW - 86_400_000 + 5_000).toISOString()
    const to = new Date(NOW - 86_400_000 + 9_000).toISOString()
    const results = async (query: string) =>
      (await get(`${of}?${query}`)).body.value.map(({ result }: { result: number | null }) => result)
    assert.deepEqual(await results(`$filter=phenomenonTime ge ${from} and phenomenonTime lt ${to}`), [
      2.5,
      3,
      null,
      4,
    ])
    assert.deepEqual(
      await results(
        `$filter=phenomenonTime ge ${from} and phenomenonTime lt ${to} and result ne null&$orderby=result desc&$skip=1`,
      ),
      [3, 2.5],
    )
    assert.deepEqual(await results(`$filter=parameters/quality ne 'good'`), [null])
    const counted = await get(`${of}?$filter=result gt 1000&$count=true&$top=1`)
    assert.equal(counted.body['@iot.count'], VALUES - 2_001)
    assert.equal((await get(`Observations('${level}_${NOW - 86_400_000}')`)).body.result, 0)
    assert.equal(
      (await get(`Observations('${level}_${NOW - 86_400_000}')/Datastream`)).body['@iot.id'],
      level,
    )
    assert.equal((await get(`Datastreams(${level})/name/$value`)).body, 'level of campo.los-aromos.pozo-7')
    assert.deepEqual(
      await names(
        `Datastreams?$filter=Thing/name eq 'Pozo 7' and properties/origin eq 'measured'&$orderby=name`,
      ),
      ['flow of campo.los-aromos.pozo-7', 'level of campo.los-aromos.pozo-7'],
    )
  })

  test('gives tables: CSV that no spreadsheet runs, and dataArray', async () => {
    const { headers, body } = await get(
      `Datastreams(${level})/Observations?$top=2&$resultFormat=CSV&$select=phenomenonTime,result,parameters`,
    )
    assert.match(headers.get('content-type') ?? '', /^text\/csv/)
    assert.match(headers.get('link') ?? '', /rel="next"/)
    assert.equal(
      body,
      'phenomenonTime,result,parameters/quality,parameters/timeQuality,parameters/flags\r\n' +
        '2026-01-14T12:00:00.000Z,0,good,synced,\r\n2026-01-14T12:00:01.000Z,0.5,good,synced,\r\n',
    )
    await api.db.query(`update points set name = '=HYPERLINK("http://x")' where slug = 'campo-8'`)
    assert.match((await get('Things?$resultFormat=csv&$select=name')).body, /"'=HYPERLINK\(""http:\/\/x""\)"/)
    const arrays = await get(
      `Observations?$filter=Datastream/id eq ${level}&$top=2&$resultFormat=dataArray&$select=result`,
    )
    assert.deepEqual(arrays.body.value[0].dataArray, [[0], [0.5]])
  })

  test('names the option that is wrong, and says where', async () => {
    const WRONG: Record<string, [string, RegExp]> = {
      'Things?$filter=name eq': ['$filter', /expected a value at 7/],
      'Things?$filter=colour eq 1': ['$filter', /no "colour" in Things/],
      'Things?$orderby=colour': ['$orderby', /no "colour"/],
      'Things?$select=colour': ['$select', /no "colour"/],
      'Things?$expand=Observations': ['$expand', /no "Observations" in Things/],
      'Things?$expand=Datastreams($top=x)': ['$top', /whole number/],
      'Things?$top=10001': ['$top', /10000/],
      'Things?$resultFormat=dataArray': ['$resultFormat', /Observations alone/],
      'Things?$filter=Datastreams/Observations/result gt 1': ['$filter', /cannot look into Observations/],
      'Things?$expand=Datastreams/Thing/Datastreams/Thing/Datastreams': ['$expand', /more than 4 deep/],
    }
    for (const [path, [name, detail]] of Object.entries(WRONG)) {
      const { status, body } = await get(path)
      assert.deepEqual([status, body.errors?.[0]?.name], [400, name], path)
      assert.match(body.errors[0].detail, detail, path)
    }
    for (const path of [
      'Nothing',
      'Things(99999)',
      'Things(1)/colour',
      'Things(1)/Datastreams/x',
      'Observations(1)',
    ]) {
      assert.equal((await get(path)).status, 404, path)
    }
  })

  test('shows nothing of another client, whichever way one comes', async () => {
    for (const kind of (await get('')).body.value.map(({ name }: { name: string }) => name)) {
      assert.doesNotMatch(JSON.stringify((await get(`${kind}?$top=10000`)).body), /otra|987\.25/, kind)
    }
    const all = api.tokens.administrator ?? ''
    const foreign = (await get(`Things?$filter=properties/client eq 'otra'&$expand=Datastreams`, all)).body
      .value
    assert.ok(foreign.length > 0)
    for (const thing of foreign) {
      assert.equal((await get(`Things(${thing['@iot.id']})`)).status, 404)
      for (const stream of thing.Datastreams) {
        assert.equal((await get(`Datastreams(${stream['@iot.id']})/Observations`)).status, 404)
      }
    }
  })
})
