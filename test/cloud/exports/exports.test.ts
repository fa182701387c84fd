// Exports over HTTP in every format: each value once, gone on with to the byte, broken off when values change.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { parquetReadObjects } from 'hyparquet'
import { planExport, readPieces } from '../../../cloud/exports/plan.ts'
import { cut, readRange } from '../../../cloud/exports/range.ts'
import { toXlsx } from '../../../cloud/exports/xlsx.ts'
import { selectSeries } from '../../../cloud/store/exports.ts'
import { type ApiScene, openApiScene } from '../api/scene.ts'

const POINT = 'campo.los-aromos.pozo-7'
const FROM = Date.parse('2026-01-10T05:59:59Z')
const VALUES = 60_000
const FORMATS = ['csv', 'xlsx', 'parquet'] as const
const ASKED = 'from=2026-01-10T00:00:00Z&to=2026-01-12T00:00:00Z'

/** The parts of a ZIP, by name. */
function unzip(bytes: Buffer): Record<string, string> {
  const end = bytes.lastIndexOf(Buffer.from('504b0506', 'hex'))
  let at = bytes.readUInt32LE(end + 16)
  const parts: Record<string, string> = {}
  for (let n = bytes.readUInt16LE(end + 10); n > 0; n -= 1) {
    const [size, nameLength, extra, comment, start] = [
      ...[bytes.readUInt32LE(at + 20), bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30)],
      ...[bytes.readUInt16LE(at + 32), bytes.readUInt32LE(at + 42)],
    ] as [number, number, number, number, number]
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength)
    const data = start + 30 + bytes.readUInt16LE(start + 26) + bytes.readUInt16LE(start + 28)
    const held = bytes.subarray(data, data + size)
    parts[name] = (bytes.readUInt16LE(at + 10) === 8 ? inflateRawSync(held) : held).toString('utf8')
    at += 46 + nameLength + extra + comment
  }
  return parts
}

/** The cells of a sheet, as numbers and texts. */
function cellsOf(sheet: string, strings: readonly string[]): (string | number | undefined)[][] {
  return [...sheet.matchAll(/<row>(.*?)<\/row>/g)].map(([, row = '']) =>
    [...row.matchAll(/<c([^>]*?)(?:\/>|><v>(.*?)<\/v><\/c>)/g)].map(([, kind, value]) => {
      if (value === undefined) return undefined
      return kind === ' t="s"' ? strings[Number(value)] : Number(value)
    }),
  )
}

const stringsOf = (parts: Record<string, string>): string[] =>
  [...(parts['xl/sharedStrings.xml'] ?? '').matchAll(/<t>(.*?)<\/t>/g)].map(([, text = '']) => text)

describe('/points/{point}/export in every format', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    const values = Array.from({ length: VALUES }, (_, n) => (n % 1_000 === 7 ? null : n / 4))
    for (let first = 0; first < VALUES; first += 10_000) {
      await api.store(POINT, 'flow', FROM + first * 1_000, values.slice(first, first + 10_000))
    }
    await api.store(POINT, 'total', FROM + 1_000, [1000.5])
  })
  after(() => api.close())

  const ask = (format: string, headers: Record<string, string> = {}, asked = ASKED) =>
    fetch(`${api.url}/api/v1/points/${POINT}/export?${asked}&format=${format}`, {
      headers: { authorization: `Bearer ${api.tokens.operator}`, ...headers },
    })
  const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer())

  test('CSV has each instant once, in order', async () => {
    const lines = (await bytesOf(await ask('csv'))).toString('utf8').split('\r\n').slice(1, -1)
    assert.equal(lines.length, VALUES)
    assert.ok(lines.every((line, n) => line.startsWith(new Date(FROM + n * 1_000).toISOString())))
    assert.equal(lines[7], '2026-01-10T06:00:06.000Z,2026-01-10 03:00:06,,no_answer,,')
  })

  test('a workbook has numbers and dates, and begins another sheet when one is full', async () => {
    const answer = await ask('xlsx')
    assert.match(answer.headers.get('content-disposition') ?? '', /\.xlsx"$/)
    const parts = unzip(await bytesOf(answer))
    const rows = cellsOf(parts['xl/worksheets/sheet1.xml'] ?? '', stringsOf(parts))
    assert.equal(rows.length, VALUES + 1)
    assert.deepEqual(rows[0], ['utc', 'local', 'flow (L/s)', 'flow quality', 'total (m³)', 'total quality'])
    const [utc = 0, local = 0, ...cells] = rows[2] ?? []
    assert.deepEqual(cells, [0.25, 'good', 1000.5, 'good'])
    assert.equal(Math.round((Number(utc) - 25_569) * 86_400_000), FROM + 1_000)
    assert.equal(Math.round((Number(utc) - Number(local)) * 24), 3)
    assert.deepEqual(rows[8]?.slice(2, 4), [undefined, 'no_answer'])

    const [point] = await api.db.query<{ id: number }>(`select point_id as id from series limit 1`)
    const series = await selectSeries(api.db, point?.id ?? 0)
    const ids = series.map(({ id }) => id)
    const plan = await planExport(api.db, ids, { from: FROM, to: FROM + 2_500_000 })
    const columns = series.map(({ id }) => ({ id, variable: 'flow' as const, unit: 'L/s' }))
    const small = { columns, nameOf: () => 'good', qualities: ['good'], sheetRowsMax: 1_001 }
    const several = unzip(Buffer.concat(await Array.fromAsync(toXlsx(readPieces(api.db, ids, plan), small))))
    const sheets = [1, 2, 3].map(n =>
      cellsOf(several[`xl/worksheets/sheet${n}.xml`] ?? '', stringsOf(several)),
    )
    assert.deepEqual(
      sheets.map(sheet => sheet.length - 1),
      [1_000, 1_000, 500],
    )
    assert.equal([...(several['xl/workbook.xml'] ?? '').matchAll(/<sheet /g)].length, 3)
  })

  test('Parquet has a column for each variable and its quality', async () => {
    const bytes = await bytesOf(await ask('parquet'))
    const file = new Uint8Array(bytes).buffer
    const rows = await parquetReadObjects({ file })
    assert.equal(rows.length, VALUES)
    assert.deepEqual(rows[1], {
      ...{
        time: new Date(FROM + 1_000),
        flow: 0.25,
        flow_quality: 'good',
        total: 1000.5,
        total_quality: 'good',
      },
    })
    assert.deepEqual([rows[7]?.flow, rows[7]?.flow_quality], [null, 'no_answer'])
  })

  test('X1: what broke off is gone on with to the byte, in every format', async () => {
    for (const format of FORMATS) {
      const answer = await ask(format)
      const tag = answer.headers.get('etag') ?? ''
      const whole = await bytesOf(answer)
      for (const at of [0, 1, 1_234, Math.floor(whole.length / 2), whole.length - 1]) {
        const rest = await ask(format, { range: `bytes=${at}-`, 'if-range': tag })
        assert.equal(rest.status, 206, format)
        assert.equal(rest.headers.get('content-range'), `bytes ${at}-${whole.length - 1}/${whole.length}`)
        assert.ok(whole.subarray(at).equals(await bytesOf(rest)), `${format} from ${at}`)
      }
      const part = await ask(format, { range: 'bytes=100-199' })
      assert.ok(whole.subarray(100, 200).equals(await bytesOf(part)))
      assert.equal((await ask(format, { range: `bytes=${whole.length}-` })).status, 416)
      assert.equal((await ask(format, { 'if-none-match': tag })).status, 304)
    }
  })

  test('is another one when any value is another, and whoever goes on with the former gets it whole', async () => {
    const asked = 'from=2026-01-10T00:00:00Z&to=2026-01-10T07:00:00Z'
    const former = (await ask('csv', {}, asked)).headers.get('etag') ?? ''
    assert.equal((await ask('csv', {}, asked)).headers.get('etag'), former)
    await api.store(POINT, 'level', FROM + 500, [3.5])
    const again = await ask('csv', { range: 'bytes=100-', 'if-range': former }, asked)
    assert.equal(again.status, 200)
    assert.notEqual(again.headers.get('etag'), former)
    assert.match((await bytesOf(again)).toString('utf8'), /3\.5,good/)
  })

  test('X2: breaks off when values change while it is written', async () => {
    const [series] = await api.db.query<{ id: number }>(`select id from series where variable = 1 limit 1`)
    const ids = [series?.id ?? 0]
    const span = { from: FROM, to: FROM + VALUES * 1_000 }
    const plan = await planExport(api.db, ids, span)
    assert.ok(plan.pieces.length > 2)
    await api.db.query(
      `update readings set value = -1 where series_id = $1 and at = to_timestamp($2::float8 / 1000)`,
      [ids[0] ?? 0, FROM + (VALUES - 5) * 1_000],
    )
    const read = async () => {
      let count = 0
      for await (const rows of readPieces(api.db, ids, plan)) count += rows.length
      return count
    }
    await assert.rejects(read(), { name: 'ExportChanged' })
  })
})

describe('readRange(), cut()', () => {
  test('understand what RFC 9110 says of one part', () => {
    assert.deepEqual(readRange('bytes=0-', 10), { first: 0, last: 9 })
    assert.deepEqual(readRange('bytes=3-5', 10), { first: 3, last: 5 })
    assert.deepEqual(readRange('bytes=3-99', 10), { first: 3, last: 9 })
    assert.deepEqual(readRange('bytes=-4', 10), { first: 6, last: 9 })
    assert.equal(readRange('bytes=10-', 10), 'beyond')
    assert.equal(readRange('bytes=-0', 10), 'beyond')
    for (const wrong of ['bytes=-', 'bytes=5-3', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=x-', '']) {
      assert.equal(readRange(wrong, 10), undefined, wrong)
    }
  })

  test('give the same part however the bytes came', async () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 9 })
    await fc.assert(
      fc.asyncProperty(pieces, fc.nat(), fc.nat(), async (all, a, b) => {
        const whole = Buffer.concat(all)
        const [first = 0, last = 0] = [a % whole.length, b % whole.length].sort((x, y) => x - y)
        async function* come() {
          yield* all
        }
        const part = Buffer.concat(await Array.fromAsync(cut(come(), { first, last })))
        assert.ok(part.equals(whole.subarray(first, last + 1)))
      }),
    )
  })
})
