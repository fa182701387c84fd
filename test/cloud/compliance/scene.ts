// One test's scene: an authority that knows one informant, an installation that declares to it, a clock to move.

import type { Database } from '../../../cloud/store/database.ts'
import { type FakeClock, openFakeClock } from '../../doubles/clock.ts'
import { type Dga, openDga } from '../../doubles/dga/server.ts'
import { CENTRE, type Installation, openInstallation, PASSWORD, RUT } from './installation.ts'

/** A minute. */
export const MINUTE = 60_000
/** An hour. */
export const HOUR = 60 * MINUTE
/** A day. */
export const DAY = 24 * HOUR

/** What a test plays with. */
export interface Scene {
  clock: FakeClock
  dga: Dga
  site: Installation
  /** Registers a work at DGA and makes its point and its obligation. */
  register(work: string, settings?: Record<string, unknown>): Promise<number>
  /** Moves to the next full hour and measures wells there. */
  toNextHour(...pointIds: number[]): Promise<void>
  /** States of slots, oldest first. */
  statesOf(pointId?: number): Promise<string[]>
  /** Empties the database for the next scene. */
  close(): Promise<void>
}

/** What a scene is told: the seed of what goes wrong at the authority, and how it waits when it is slow. */
export interface SceneOptions {
  seed?: number
  sleep?: FakeClock['sleep']
}

/** Opens a scene on a database that has none. */
export async function openScene(db: Database, { seed = 1, sleep }: SceneOptions = {}): Promise<Scene> {
  const clock = openFakeClock(Date.parse('2026-01-15T12:30:00Z'))
  const dga = await openDga(
    { clock: { ...clock, ...(sleep === undefined ? {} : { sleep }) } },
    { strict: true, seed },
  )
  dga.registry.controlCentres.push(CENTRE)
  dga.registry.informants.push({ rut: RUT, password: PASSWORD })
  const site = await openInstallation({ db, clock }, { restUrl: dga.url, soapUrl: dga.soapUrl })
  return {
    ...{ clock, dga, site },
    async register(work, settings = {}) {
      dga.registry.works.push({ code: work, kind: 'groundwater', informants: [RUT] })
      return site.addWork(work, settings)
    },
    async toNextHour(...pointIds) {
      await clock.advance(HOUR - (clock.now() % HOUR))
      for (const pointId of pointIds) await site.measureWell(pointId, clock.now())
    },
    statesOf: async pointId => (await site.slots(pointId)).map(({ state }) => state),
    async close() {
      await dga.close()
      await db.transaction(async tx => {
        // What guards the evidence of a real installation sleeps, for this transaction.
        await tx.query('set local session_replication_role = replica')
        await tx.query(
          'truncate sending_turns, submissions, evidence_heads, slots, obligations, works, informants, readings, derived, series, points cascade',
        )
      })
      await db.query('update compliance_switch set sending = true, reason = null')
    },
  }
}
