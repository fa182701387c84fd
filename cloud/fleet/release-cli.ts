// smarthydro-cloud fleet release …: which releases there are, bringing one to gateways, and stopping that.

import { Rejected } from '../../protocol/runtime/errors.ts'
import { beginRollout } from '../api/rollouts.ts'
import { Problem } from '../problem.ts'
import { selectMembers, selectReleases, selectRollouts, updateRollout } from '../store/releases.ts'
import { needed, UsageError } from '../usage-error.ts'
import type { FleetCliDeps, FleetOptions } from './cli.ts'
import { instantOf, table } from './text-table.ts'

const SHOWN_MAX = 20
const BY = 'command line'

/** Does what `fleet release …` says. Throws UsageError and Rejected. */
export async function commandRelease(
  deps: FleetCliDeps,
  [what, ...rest]: readonly string[],
  options: FleetOptions,
): Promise<number> {
  if (what === undefined) return list(deps, options)
  if (what === 'halt' && rest.length === 0) return halt(deps, options)
  if (what === 'halt' || rest.length > 0) throw new UsageError('fleet release takes a version, or halt')
  return begin(deps, what)
}

async function list({ db, say }: FleetCliDeps, { json }: FleetOptions): Promise<number> {
  const releases = await selectReleases(db, SHOWN_MAX)
  const rollouts = await selectRollouts(db, SHOWN_MAX)
  const shown = await Promise.all(
    rollouts.map(async ({ id, version, state, stage, reason, createdAt }) => {
      const members = await selectMembers(db, id)
      const settled = members.filter(one => one.state === 'settled').length
      return {
        ...{ version, state, stage, settled, gateways: members.length },
        reason,
        at: instantOf(createdAt),
      }
    }),
  )
  const known = releases.map(({ version, note, createdAt }) => ({ version, note, at: instantOf(createdAt) }))
  if (json) return say(`${JSON.stringify({ releases: known, rollouts: shown }, null, 2)}\n`)
  say(
    table(
      ['release', 'added', ''],
      known.map(({ version, at, note }) => [version, at ?? '', note]),
    ),
  )
  return say(
    `\n${table(
      ['rollout of', 'begun', 'state', 'stage', 'settled', ''],
      shown.map(({ version, at, state, stage, settled, gateways, reason }) => [
        ...[version, at ?? '', state, String(stage + 1), `${settled} of ${gateways}`, reason ?? ''],
      ]),
    )}`,
  )
}

async function begin({ db, clock, say }: FleetCliDeps, version: string): Promise<number> {
  try {
    await beginRollout({ db, clock }, { version, projectId: null, by: BY })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw new Rejected([error.message, error.facts.detail].filter(Boolean).join(': '))
  }
  return say(
    `${version} goes to one gateway in a hundred, then to one in ten, then to all; it halts by itself\n`,
  )
}

async function halt({ db, clock, say }: FleetCliDeps, options: FleetOptions): Promise<number> {
  const reason = needed('reason', options.reason)
  const halted = await db.transaction(async tx => {
    const running = (await selectRollouts(tx, SHOWN_MAX)).find(({ state }) => state === 'running')
    if (running === undefined) throw new Rejected('No rollout runs')
    const { id, stage, version } = running
    await updateRollout(tx, id, { state: 'halted', stage, reason: `${reason} (${BY})` }, clock.now())
    return version
  })
  return say(`no further gateway is asked to take ${halted}; those that have it keep it\n`)
}
