// A fleet from its table to its readings: gateways of real code enrol with their codes, are told what to run with, deliver; one is
// revoked. FLEET_SIMULATED says how many; a few by default.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createToken } from '../../cloud/api/users.ts'
import { openAsk } from '../../deploy/fleet/ask.ts'
import { readTable } from '../../deploy/fleet/csv.ts'
import { bringIn } from '../../deploy/fleet/provision.ts'
import { RELEASE_CHUNK_BYTES } from '../../protocol/release.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { openFleetScene } from '../cloud/fleet/scene.ts'
import { openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { installAsPackage, makeRelease } from '../doubles/releases.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from '../edge/buffer/folder.ts'

const GATEWAYS = Number(process.env.FLEET_SIMULATED ?? 8)
const A_PROCESS = 50
const PROGRAM = new URL('./fleet-process.ts', import.meta.url).pathname
/** Says its version, finds every configuration right, and dies when it is to work. */
const BAD = `
if (process.argv[2] === '--version') console.log('1.1.0')
else if (process.argv[2] !== 'check') process.exit(1)
`
/** A machine that is busy starts a few gateways in a second. */
const PATIENCE = { timeoutMs: 60_000 + GATEWAYS * 2_000 }

test(`${GATEWAYS} gateways enrol, are configured, deliver all they measure, go back from a bad release; a revoked one is cut off within 5 s`, async context => {
  const scene = await openFleetScene([])
  atEnd(context, () => scene.close())
  const instrument = await openInstrument(
    { clock: systemClock },
    { registers: wellRegisters({ clock: systemClock }) },
  )
  atEnd(context, () => instrument.close())
  const token = await createToken(scene.db, {
    ...{
      name: 'fleet',
      role: 'administrator' as const,
      scopes: ['read', 'write'] as const,
      createdBy: 'test',
    },
  })
  const ask = openAsk({ url: scene.url, token })
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-fleet-'))
  atEnd(context, () => rmSync(folder, { recursive: true, force: true }))
  const packaged = join(folder, 'package')
  installAsPackage(makeRelease('1.0.0', ''), packaged)
  const names = Array.from({ length: GATEWAYS }, (_, index) => `gw-${index + 1}`)
  const rows = names.map((name, index) => `campo,main,well-${index + 1},${name}`)
  const table = readTable(['client,project,point,gateway', ...rows].join('\n'), 'sites.csv')
  const options = { url: scene.url, uplinkUrl: undefined, days: 1, dryRun: false, out: join(folder, 'out') }
  const onProgress = () => {}
  assert.deepEqual((await bringIn({ ask, clock: systemClock, onProgress }, table, options)).failures, [])
  const codes: Record<string, string> = JSON.parse(readFileSync(join(options.out, 'codes.json'), 'utf8'))

  const begun = performance.now()
  const took = (what: string) =>
    context.diagnostic(`${what} after ${((performance.now() - begun) / 1000).toFixed(1)} s`)
  const processes: ChildProcess[] = []
  const errors: string[] = []
  for (let at = 0; at < names.length; at += A_PROCESS) {
    const some = names.slice(at, at + A_PROCESS).map(name => {
      mkdirSync(join(folder, name))
      return `${join(folder, name)} ${codes[name]}`
    })
    const child = spawn(process.execPath, [PROGRAM, scene.url, packaged, ...some], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text))
    processes.push(child)
    atEnd(context, async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    })
  }
  const count = async (sql: string) => {
    const [row] = await scene.db.query<{ count: number }>(`select count(*)::int as count from ${sql}`)
    return row?.count ?? 0
  }
  const whole = async (what: string, sql: string) => {
    try {
      await until(what, async () => (await count(sql)) >= GATEWAYS, PATIENCE)
    } catch (error) {
      throw new Error(`${await count(sql)} of ${GATEWAYS}; ${errors.join('').slice(-2_000)}`, {
        cause: error,
      })
    }
    took(what)
  }
  await whole('all are enrolled', 'gateways where enrolled_key is not null')
  await whole('all are heard', `gateways where health is not null`)

  await Promise.all(names.map((name, index) => configure(name, index + 1)))
  took('all are told what to run with')
  assert.deepEqual(
    scene.lines.filter(line => line.includes('request failed')),
    [],
  )
  await whole('all run with it', `gateways where reported->>'version' = '1'`)
  await whole('all have delivered', '(select distinct gateway_id from batches) as b')

  // A release that answers every question and dies of its work: it comes no further than its first stage.
  const stage = await rollOutBad()
  took('the rollout halted')
  await whole(
    'all run the release of before',
    `gateways where health->>'version' = '1.0.0' and health->'release'->>'trial' is null`,
  )
  const tried = await count(`gateways where health->'release'->'failed'->>'version' = '1.1.0'`)
  assert.ok(tried >= 1 && tried <= stage, `${tried} tried it, and the first stage has ${stage}`)
  const [{ last = 0 } = {}] = await scene.db.query<{ last: number }>(
    'select max(id)::int as last from batches',
  )
  await whole('all deliver again', `(select distinct gateway_id from batches where id > ${last}) as b`)

  const [first = ''] = names
  const asked = performance.now()
  await ask('POST', `/gateways/${first}/revocation`, { body: { reason: 'test' } })
  await until('it is cut off', () =>
    scene.lines.some(line => line.includes('gateway cut off') && line.includes(first)),
  )
  const cutMs = performance.now() - asked
  context.diagnostic(`cut off after ${Math.round(cutMs)} ms`)
  assert.ok(cutMs < 5_000)

  for (const child of processes) {
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  }
  // Every number came once: there is no gap below the last one that was committed.
  const gaps = await scene.db.query(
    `select g.slug, b.epoch, max(b.last) as last, sum(b.last - b.first + 1) as numbers
     from batches b join gateways g on g.id = b.gateway_id group by 1, 2 having sum(b.last - b.first + 1) <> max(b.last)`,
  )
  assert.deepEqual(gaps, [])

  /** Returns how many gateways its first stage has. */
  async function rollOutBad(): Promise<number> {
    const bad = makeRelease('1.1.0', BAD)
    const added = await ask('POST', '/releases', { body: { manifest: JSON.stringify(bad.manifest) } })
    for (const { part, place } of added.body.missing) {
      const bytes = bad.parts
        .get(part)
        ?.subarray(place * RELEASE_CHUNK_BYTES, (place + 1) * RELEASE_CHUNK_BYTES)
      const path = `${scene.url}/api/v1/releases/parts/${part}/chunks/${place}`
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' }
      const sent = await fetch(path, { method: 'PUT', headers, body: new Uint8Array(bytes ?? []) })
      assert.equal(sent.status, 204)
    }
    await ask('POST', '/rollouts', { body: { version: '1.1.0' } })
    await until('it halts', async () => (await count(`rollouts where state = 'halted'`)) === 1, PATIENCE)
    const [row] = await scene.db.query<{ reason: string }>('select reason from rollouts')
    assert.match(row?.reason ?? '', /went back: It was started 3 times and ended each time/)
    assert.equal(await count(`rollout_gateways where stage > 0 and state <> 'waiting'`), 0)
    return count('rollout_gateways where stage = 0')
  }

  async function configure(gateway: string, well: number): Promise<void> {
    const signals = [
      { variable: 'flow', address: 0, type: 'float32', decimals: 2 },
      { variable: 'level', address: 6, type: 'float32', decimals: 2 },
    ]
    const uplink = { url: scene.mqttsUrl, credentials: './identity', minReadings: 8, maxDelay: '1s' }
    const buses = [{ id: 'plant', tcp: { host: '127.0.0.1', port: instrument.port } }]
    const device = { id: 'meter', bus: 'plant', point: `well-${well}`, every: '5s', signals }
    const document = JSON.stringify({
      ...{ gateway, client: 'campo', project: 'main', uplink, buses, devices: [device] },
      ...{ buffer: { path: './buffer', maxBytes: '16MiB' }, clock: 'trusted' },
    })
    await ask('PUT', `/gateways/${gateway}/configuration`, {
      body: { document },
      headers: { 'if-match': '"0"' },
    })
  }
})
