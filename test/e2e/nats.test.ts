// From an instrument to committed rows over NATS with TLS: the real gateway and the real cloud as programs, the real
// nats-server between them, which is killed while readings flow.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { NATS_COLLECTOR, natsUsers, tokenVariable } from '../../cloud/nats-users.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { type Authority, openAuthority } from '../doubles/certificates.ts'
import { openTestDatabase, type TestDatabase } from '../doubles/databases.ts'
import { type Instrument, openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { type NatsServer, openNatsServer } from '../doubles/nats-server.ts'
import { freePort } from '../doubles/ports.ts'
import { type Program, startProgram } from '../doubles/program.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from '../edge/buffer/folder.ts'
import { makeSite, statusOf } from '../edge/site.ts'
import { skipWithout } from '../peers.ts'

const KILLS = 4
const COLLECTOR_PASSWORD = 'collector-password'
/** Both wait up to a minute before they try again. */
const PATIENT = { timeoutMs: 60_000 }
const SITE = `
clients: [{ id: campo, name: Campo }]
projects: [{ client: campo, id: los-aromos, name: Los Aromos }]
points: [{ client: campo, project: los-aromos, id: pozo-7, name: Pozo 7, kind: groundwater }]
gateways: [{ client: campo, project: los-aromos, id: gw-test }]
`

describe('from an instrument to committed rows over NATS', {
  skip: skipWithout('nats_server', 'openssl'),
}, () => {
  let database: TestDatabase
  let instrument: Instrument
  let authority: Authority
  before(async () => {
    database = await openTestDatabase()
    const registers = wellRegisters({ clock: systemClock })
    instrument = await openInstrument({ clock: systemClock }, { registers })
    authority = openAuthority('Ours')
  })
  after(async () => {
    authority.close()
    await instrument.close()
    await database.close()
  })

  test('nats-server is killed again and again: each reading is stored once, none is missing, and the buffer is empty', async context => {
    const status = await freePort()
    const natsPort = await freePort()
    const site = makeSite(context, {
      ...{ instrument: instrument.port, cloudUrl: `tls://localhost:${natsPort}` },
      more: `clock: trusted\nstatus: { port: ${status} }\n`,
    })
    const identity = (name: string) => join(site.folder, 'identity', name)
    const keep = (program: Program) => {
      atEnd(context, async () => {
        program.kill('SIGKILL')
        await program.exited
      })
      return program
    }
    const cloudEnvironment = {
      DATABASE_URL: database.url,
      SMARTHYDRO_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
    }
    writeFileSync(join(site.folder, 'site.yaml'), SITE)
    const provisioning = startProgram('cloud', ['provision', 'site.yaml'], {
      ...{ cwd: site.folder, env: cloudEnvironment },
    })
    assert.equal(await provisioning.exited, 0, provisioning.text())
    const token = /shg_[\w-]+/.exec(provisioning.text())?.[0] ?? ''
    const nats = await openServer(natsPort, token)
    atEnd(context, () => nats.close())

    const ours = authority.issue('DNS:gw-test')
    writeFileSync(identity('token'), token)
    writeFileSync(identity('ca.pem'), authority.ca)
    writeFileSync(identity('cert.pem'), ours.cert)
    writeFileSync(identity('key.pem'), ours.key)
    const collector = keep(
      startProgram('cloud', ['run', '--services', 'collector'], {
        cwd: site.folder,
        env: {
          ...cloudEnvironment,
          ...{ COLLECTOR_PORT: '0', MQTT_PORT: '0' },
          ...{
            NATS_URL: `tls://localhost:${natsPort}`,
            NATS_USER: NATS_COLLECTOR.user,
            NATS_PASSWORD: COLLECTOR_PASSWORD,
          },
          ...{ NATS_CA: identity('ca.pem'), NATS_CERT: identity('cert.pem'), NATS_KEY: identity('key.pem') },
        },
      }),
    )
    const gateway = keep(startProgram('edge', ['run', '--config', site.file]))
    await until('readings are stored', async () => (await stored(database)).readings >= 40)

    for (let kill = 1; kill <= KILLS; kill += 1) {
      const polled = instrument.requests.length
      const connected = [said(gateway, 'cloud connected'), said(collector, 'NATS connected')] as const
      await nats.stop()
      await until('more was polled meanwhile', () => instrument.requests.length > polled + 10)
      await nats.start()
      await until(
        'both are back',
        () => {
          return (
            said(gateway, 'cloud connected') > connected[0] &&
            said(collector, 'NATS connected') > connected[1]
          )
        },
        PATIENT,
      )
      const { last } = await stored(database)
      await until('readings flow again', async () => (await stored(database)).last >= last + 40, PATIENT)
    }
    await until('the buffer is empty', async () => {
      const { buffer } = (await statusOf(status)).body as { buffer: { readings: number } }
      return buffer.readings === 0
    })
    gateway.kill('SIGTERM')
    assert.equal(await gateway.exited, 0, gateway.text())

    const { readings, distinct, last, revisions } = await stored(database)
    assert.deepEqual({ readings, distinct, revisions }, { readings: last, distinct: last, revisions: 0 })
    await until('the goodbye is kept', async () => {
      const [row] = await database.db.query<{ state: { state: string } | null }>('select state from gateways')
      return row?.state?.state === 'disconnected'
    })
    assert.equal((await database.db.query('select 1 from dead_letters')).length, 0)
  })

  const openServer = (port: number, token: string): Promise<NatsServer> =>
    openNatsServer({
      port,
      tls: { ...authority.issue('DNS:localhost'), ca: authority.ca },
      more: natsUsers(['gw-test'], { mqtt: false }),
      env: { [NATS_COLLECTOR.variable]: COLLECTOR_PASSWORD, [tokenVariable('gw-test')]: token },
    })
})

async function stored({ db }: TestDatabase) {
  const [row] = await db.query<{ readings: number; distinct: number; last: number; revisions: number }>(
    `select count(*)::int as readings, count(distinct (series_id, at))::int as distinct,
            coalesce((select max(last) from batches), 0)::int as last,
            (select count(*) from revisions)::int as revisions
     from readings`,
  )
  assert.ok(row)
  return row
}

const said = (program: Program, event: string): number =>
  program.log().filter(line => line.event === event).length
