// From an instrument to committed rows over nats-server with TLS, natively and by its MQTT port: the real gateway and the
// real cloud as programs, with certificates on both sides, and nats-server killed between them while readings flow.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { openFleetSecrets } from '../../cloud/fleet/authority.ts'
import { wantConfiguration } from '../../cloud/fleet/configurations.ts'
import { openFleetSigner } from '../../cloud/fleet/signing.ts'
import { NATS_COLLECTOR, natsUsers, tokenVariable } from '../../cloud/nats-users.ts'
import type { Database } from '../../cloud/store/database.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { type Authority, openAuthority } from '../doubles/certificates.ts'
import { openTestDatabase, type TestDatabase } from '../doubles/databases.ts'
import { type Instrument, openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { openNatsServer } from '../doubles/nats-server.ts'
import { freePort } from '../doubles/ports.ts'
import { type Program, startProgram } from '../doubles/program.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from '../edge/buffer/folder.ts'
import { makeSite, type Site, statusOf } from '../edge/site.ts'
import { skipWithout } from '../peers.ts'

const COLLECTOR_PASSWORD = 'collector-password'
/** Both sides wait up to a minute before they try again. */
const PATIENT = { timeoutMs: 60_000 }
const SITE = `
clients: [{ id: campo, name: Campo }]
projects: [{ client: campo, id: los-aromos, name: Los Aromos }]
points: [{ client: campo, project: los-aromos, id: pozo-7, name: Pozo 7, kind: groundwater }]
gateways: [{ client: campo, project: los-aromos, id: gw-test }]
`

describe('from an instrument to committed rows over nats-server', {
  skip: skipWithout('nats_server', 'openssl'),
}, () => {
  let instrument: Instrument
  let authority: Authority
  before(async () => {
    const registers = wellRegisters({ clock: systemClock })
    instrument = await openInstrument({ clock: systemClock }, { registers })
    authority = openAuthority('Ours')
  })
  after(async () => {
    authority.close()
    await instrument.close()
  })

  for (const [way, kills] of [
    ['tls', 4],
    ['mqtts', 2],
  ] as const) {
    test(`it is killed again and again under ${way}: each reading is stored once, none is missing, the buffer is empty`, async context => {
      const { db, url } = await ownDatabase(context)
      const [status, port, mqttPort] = [await freePort(), await freePort(), await freePort()]
      const site = makeSite(context, {
        instrument: instrument.port,
        cloudUrl: `${way}://localhost:${way === 'tls' ? port : mqttPort}`,
        more: `clock: trusted\nstatus: { port: ${status} }\n`,
      })
      const environment = {
        DATABASE_URL: url,
        SMARTHYDRO_SECRET_KEY: Buffer.from(SECRET_KEY).toString('base64'),
        ...{ COLLECTOR_PORT: '0', MQTT_PORT: '0' },
        ...natsEnvironment(site, port),
      }
      const token = await provision(site, environment)
      writeIdentity(site, authority, token)
      writeFileSync(identity(site, 'fleet-key.pem'), await signerOf(db).fleetKey())
      const nats = await openNatsServer({
        ...{ port, mqttPort, more: natsUsers(['gw-test'], [], { mqtt: way === 'mqtts' }) },
        tls: { ...authority.issue('DNS:localhost'), ca: authority.ca },
        env: { [NATS_COLLECTOR.variable]: COLLECTOR_PASSWORD, [tokenVariable('gw-test')]: token },
      })
      atEnd(context, () => nats.close())
      const cloud = ['run', '--services', 'collector']
      const collector = keep(context, startProgram('cloud', cloud, { cwd: site.folder, env: environment }))
      const gateway = keep(context, startProgram('edge', ['run', '--config', site.file]))
      await until('readings are stored', async () => (await stored(db)).last >= 40, PATIENT)
      await wantAnother(db, site)
      await until('it runs with what is wanted', async () => (await reportedVersion(db)) === 1, PATIENT)

      for (let kill = 0; kill < kills; kill += 1) {
        const polled = instrument.requests.length
        const connected = connections(gateway, collector)
        await nats.stop()
        await until('more was polled meanwhile', () => instrument.requests.length > polled + 10)
        await nats.start()
        const isBack = () =>
          connections(gateway, collector).every((count, at) => count > (connected[at] ?? 0))
        await until('both are back', isBack, PATIENT)
        const { last } = await stored(db)
        await until('readings flow again', async () => (await stored(db)).last >= last + 40, PATIENT)
      }
      await until('the buffer is empty', async () => {
        const { buffer } = (await statusOf(status)).body as { buffer: { readings: number } }
        return buffer.readings === 0
      })
      gateway.kill('SIGTERM')
      assert.equal(await gateway.exited, 0, gateway.text())

      await until('the goodbye is kept', async () => (await stored(db)).state === 'disconnected')
      const { readings, distinct, last, revisions, letters } = await stored(db)
      assert.deepEqual({ readings, distinct }, { readings: last, distinct: last })
      assert.deepEqual({ revisions, letters }, { revisions: 0, letters: 0 })
    })
  }
})

const SECRET_KEY = new Uint8Array(32).fill(7)

const signerOf = (db: Database) =>
  openFleetSigner({ db, clock: systemClock, secrets: openFleetSecrets(SECRET_KEY, []) })

/** Has the gateway poll a little less often than its file says. */
async function wantAnother(db: Database, site: Site): Promise<void> {
  const [row] = await db.query<{ id: number }>('select id from gateways', [])
  const document = readFileSync(site.file, 'utf8').replace('every: 100ms', 'every: 110ms')
  const wanted = { document, by: 'test', note: '' }
  const gateway = { id: row?.id ?? 0, gateway: 'gw-test' }
  const at = { now: systemClock.now(), seen: () => true }
  await wantConfiguration({ db, signer: signerOf(db) }, gateway, wanted, at)
}

async function reportedVersion(db: Database): Promise<number | undefined> {
  const [row] = await db.query<{ version: number | null }>(
    `select (reported->>'version')::int as version from gateways`,
    [],
  )
  return row?.version ?? undefined
}

async function ownDatabase(context: TestContext): Promise<TestDatabase> {
  const database = await openTestDatabase()
  atEnd(context, () => database.close())
  return database
}

const identity = (site: Site, name: string): string => join(site.folder, 'identity', name)

function natsEnvironment(site: Site, port: number): Record<string, string> {
  return {
    ...{ NATS_URL: `tls://localhost:${port}`, NATS_CA: identity(site, 'ca.pem') },
    ...{ NATS_USER: NATS_COLLECTOR.user, NATS_PASSWORD: COLLECTOR_PASSWORD },
    ...{ NATS_CERT: identity(site, 'cert.pem'), NATS_KEY: identity(site, 'key.pem') },
  }
}

/** Makes the gateway's site in the cloud; returns its token. */
async function provision({ folder }: Site, environment: Record<string, string>): Promise<string> {
  writeFileSync(join(folder, 'site.yaml'), SITE)
  const program = startProgram('cloud', ['provision', 'site.yaml'], { cwd: folder, env: environment })
  assert.equal(await program.exited, 0, program.text())
  return /shg_[\w-]+/.exec(program.text())?.[0] ?? ''
}

function writeIdentity(site: Site, authority: Authority, token: string): void {
  const { cert, key } = authority.issue('DNS:gw-test')
  const files = { token, 'ca.pem': authority.ca, 'cert.pem': cert, 'key.pem': key }
  for (const [name, text] of Object.entries(files)) writeFileSync(identity(site, name), text)
}

function keep(context: TestContext, program: Program): Program {
  atEnd(context, async () => {
    program.kill('SIGKILL')
    await program.exited
  })
  return program
}

/** How often each side has said that it is connected. */
function connections(gateway: Program, collector: Program): number[] {
  const count = (program: Program, event: string) => program.log().filter(line => line.event === event).length
  return [count(gateway, 'cloud connected'), count(collector, 'NATS connected')]
}

async function stored(db: Database) {
  const [row] = await db.query<
    Record<'readings' | 'distinct' | 'last' | 'revisions' | 'letters', number> & { state: string | null }
  >(
    `select count(*)::int as readings, count(distinct (series_id, at))::int as distinct,
            coalesce((select max(last) from batches), 0)::int as last,
            (select count(*) from revisions)::int as revisions,
            (select count(*) from dead_letters)::int as letters,
            (select state->>'state' from gateways) as state
     from readings`,
  )
  assert.ok(row)
  return row
}
