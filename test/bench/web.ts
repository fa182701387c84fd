// What people wait for in the web application, in Debian's Chromium: the overview of 1,000 points, and a year that moves under
// the hand. Script is counted as it travels, compressed.
//
// The overview is held against asking for the same document without a browser, frames against the 60 a second of a screen.

import { openDoor } from '../../cloud/api/door.ts'
import { API_METRICS, startApi } from '../../cloud/api/service.ts'
import { createUser } from '../../cloud/api/users.ts'
import { openAuthority, openFleetSecrets } from '../../cloud/fleet/authority.ts'
import type { Database } from '../../cloud/store/database.ts'
import { buildWeb } from '../../deploy/web.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openTestDatabase } from '../doubles/databases.ts'
import { freePort } from '../doubles/ports.ts'
import { type Person, weightOf, withBrowser } from '../e2e/browser.ts'
import { type Figure, median, quantile } from './figure.ts'

const NO_UPLINK = { url: undefined, ca: undefined }

const POINTS = 1_000
const MINUTES = 60 * 24 * 60
const HOURS = 3 * 365 * 24
const EMAIL = 'bench@example.cl'
const PASSWORD = 'una-clave-de-medir'
const POINT = '/points/campo.los-aromos.pozo-1'

/** The overview of 1,000 points, and moving over a year and a month of one. */
export async function benchWeb(): Promise<Figure[]> {
  await buildWeb()
  const database = await openTestDatabase()
  const { db } = database
  await fill(db)
  const port = await freePort()
  const publicUrl = `http://localhost:${port}`
  const door = openDoor({ db, clock, log: silentLog }, { secretKey: new Uint8Array(32), publicUrl })
  const secrets = openFleetSecrets(new Uint8Array(32), [])
  const authority = openAuthority({ db, clock, secrets })
  const service = await startApi(
    { db, clock, log: silentLog, ...door, authority, metrics: openMetrics(API_METRICS) },
    { host: '127.0.0.1', port, version: '0.0.0', publicUrl, trustedProxies: [], uplink: NO_UPLINK },
  )
  await createUser(db, { email: EMAIL, name: 'Bench', role: 'administrator', password: PASSWORD })
  const figures: Figure[] = []
  try {
    await withBrowser('desk', { url: publicUrl, email: EMAIL, password: PASSWORD }, async person => {
      figures.push(...(await measureOverview(person)))
      for (const range of ['Mes', 'Año']) figures.push(...(await measureMoving(person, range)))
    })
    return figures
  } finally {
    await service.close()
    await database.close()
  }
}

async function measureOverview({ page }: Person): Promise<Figure[]> {
  await page.goto('/')
  await page.getByLabel('Correo electrónico').fill(EMAIL)
  await page.getByLabel('Contraseña', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Ingresar', exact: true }).click()
  await page.locator('.point-table').waitFor()
  const drawn: number[] = []
  const painted: number[] = []
  let [asked, scriptBytes] = [0, 0]
  for (let round = 0; round < 5; round += 1) {
    const requests: string[] = []
    const note = (request: { url(): string }) => requests.push(new URL(request.url()).pathname)
    page.on('request', note)
    await page.goto('/', { waitUntil: 'commit' })
    await page.locator('.point-table tbody tr').nth(20).waitFor()
    await page.locator('.marker, .marker-group').first().waitFor()
    drawn.push((await page.evaluate('performance.now()')) as number)
    page.off('request', note)
    asked = requests.filter(path => path === '/api/v1/overview').length
    const weight = await weightOf(page)
    painted.push(weight.firstPaintMs)
    scriptBytes = weight.scriptBytes
  }
  const bare = (await page.evaluate(`(async () => {
    const begun = performance.now()
    await (await fetch('/api/v1/overview')).json()
    return performance.now() - begun
  })()`)) as number
  const drawnMs = median(drawn)
  return [
    {
      ...{ name: `overview of ${POINTS} points, table and map drawn`, value: drawnMs, unit: 'ms' },
      ...{ ratio: drawnMs / bare, peer: 'asking for the document alone' },
    },
    { name: 'overview, requests for it', value: asked, unit: '' },
    { name: 'overview, first paint', value: median(painted), unit: 'ms' },
    { name: 'overview, script compressed', value: scriptBytes / 1000, unit: 'kB' },
  ]
}

/** Drags a chart to and fro for a few seconds and counts the frames. */
async function measureMoving({ page }: Person, range: string): Promise<Figure[]> {
  await page.goto(POINT)
  await page.getByRole('group', { name: 'Período' }).getByRole('radio', { name: range }).check()
  await page.locator('.series-summary').first().waitFor()
  const box = await page.locator('.series-frame').first().boundingBox()
  if (box === null) throw new Error('There is no chart')
  const [left, right, y] = [box.x + 120, box.x + box.width - 60, box.y + box.height / 2]
  await page.mouse.move(right, y)
  await page.mouse.down()
  await page.evaluate(`{
    window.frames_ = []
    let last = performance.now()
    const step = () => { const now = performance.now(); window.frames_.push(now - last); last = now; requestAnimationFrame(step) }
    requestAnimationFrame(step)
  }`)
  for (let sweep = 0; sweep < 4; sweep += 1) {
    await page.mouse.move(sweep % 2 === 0 ? left : right, y, { steps: 60 })
  }
  const frames = (await page.evaluate('window.frames_.slice(1)')) as number[]
  await page.mouse.up()
  const seconds = frames.reduce((total, one) => total + one, 0) / 1000
  return [
    {
      ...{ name: `${range}: frames a second while it moves`, value: frames.length / seconds, unit: '1/s' },
      ...{ ratio: frames.length / seconds / 60, peer: 'the 60 of a screen' },
    },
    { name: `${range}: 19 frames of 20 come within`, value: quantile(frames, 0.95), unit: 'ms' },
  ]
}

/** Three variables, newest values and slots of 1,000 points; of the first, minutes of two months and hours of three years. */
async function fill(db: Database): Promise<void> {
  const now = Math.floor(clock.now() / 3_600_000) * 3_600_000
  await db.query(`insert into clients (slug, name) values ('campo', 'Campo')`)
  await db.query(
    `insert into projects (client_id, slug, name) select id, 'los-aromos', 'Los Aromos' from clients`,
  )
  await db.query(
    `insert into points (project_id, slug, name, latitude, longitude, well_depth_m, sensor_depth_m)
     select p.id, 'pozo-' || n, 'Pozo ' || n, -20 - 25 * (n * 0.618 % 1), -71.2 + 0.8 * (n * 0.414 % 1), 120, 80
     from projects p, generate_series(1, $1) as n`,
    [POINTS],
  )
  await db.query(
    `insert into series (point_id, variable) select p.id, v from points p, unnest(array[1, 2, 3, 64, 65]) as v`,
  )
  await db.query(
    `insert into latest (series_id, at, value, quality, time_quality, good_at, good_value)
     select id, now(), 10 + id % 90, 0, 0, now(), 10 + id % 90 from series`,
  )
  await db.query(
    `insert into readings (at, value, batch_id, series_id, quality, time_quality)
     select to_timestamp($1::float8 / 1000) - make_interval(mins => m), 12 + sin(m / 40.0) + (m % 7) / 10.0, 1, s.id, 0, 0
     from series s, generate_series(0, $2 - 1) as m where s.point_id = (select min(id) from points) and s.variable = 1`,
    [now, MINUTES],
  )
  await db.query(
    `insert into rollups_hour (series_id, at, count, valid, minutes, min, max, mean, last, last_at, worst_quality)
     select s.id, t, 60, 60, 60, 10 + sin(h / 30.0), 14 + sin(h / 30.0), 12 + sin(h / 30.0), 12, t, 0
     from series s, generate_series(0, $2 - 1) as h, lateral (select to_timestamp($1::float8 / 1000) - make_interval(hours => h) as t)
     where s.point_id = (select min(id) from points)`,
    [now, HOURS],
  )
  await db.query('analyze')
}
