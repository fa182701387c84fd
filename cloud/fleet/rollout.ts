// A rollout: a release goes to one gateway in a hundred, then to one in ten, then to all, and stops by itself.
//
// Promises:
//   O1. A stage is over when each of its gateways has kept the release and has stood with it for a while; only then does the
//       next one begin.
//   O2. It halts as soon as one gateway of it went back, refused, was lost since it was asked, has readings rejected, or
//       after that while has more devices that fail than before. Nobody is asked any more then.
//   O3. Whoever is not connected waits and halts nothing, and is asked when it comes. The first stages are made of those
//       that are connected.
//   O4. One that could not fetch the release is asked again; if it cannot for long, that is a failure like any other.

import { createHash, randomUUID } from 'node:crypto'
import type { Command } from '../../protocol/command.ts'
import { releaseText } from '../../protocol/release.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Database } from '../store/database.ts'
import { insertCommands } from '../store/gateways.ts'
import {
  type MemberChange,
  type MemberRow,
  markAsked,
  type ReleasableGateway,
  type RolloutRow,
  type RolloutState,
  selectMembers,
  takeRunningRollout,
  updateMembers,
  updateRollout,
} from '../store/releases.ts'
import { keepWorking } from '../work-loop.ts'
import type { FleetSigner } from './signing.ts'

/** The share of the gateways that has the release when a stage is over. */
const STAGES = [0.01, 0.1, 1]
/** How long a gateway stands with a release before it is believed. */
export const SOAK_MS = 600_000
/** A gateway that restarts into a release is away for some seconds; one that is away for so long is lost. */
export const LOST_MS = 900_000
/** How long a gateway may take to keep a release once it was asked, over all tries. */
export const KEPT_WITHIN_MS = 86_400_000
const RETRY_MS = 300_000
const TRIES_MAX = 10
/** So long a gateway may begin with what it is asked; asked again, it goes on where it was. */
const COMMAND_MS = 3_600_000
const LOOK_EVERY_MS = 5_000
/** Gateways that are asked in one look: they all fetch the same bytes from us. */
const ASKED_AT_ONCE_MAX = 50
/** Gateways that may be fetching at the same time. */
const UNDER_WAY_MAX = 200

/** Says in which stage each gateway is: those that are connected first, and the same ones each time for a version. */
export function toStages(
  gateways: readonly ReleasableGateway[],
  version: string,
): { gatewayId: number; stage: number }[] {
  const lot = (gateway: string) => createHash('sha256').update(`${version}/${gateway}`).digest('hex')
  const inOrder = gateways.toSorted(
    (a, b) => Number(b.isConnected) - Number(a.isConnected) || (lot(a.gateway) < lot(b.gateway) ? -1 : 1),
  )
  const ends = STAGES.map(share => Math.max(1, Math.ceil(gateways.length * share)))
  return inOrder.map(({ id }, index) => ({ gatewayId: id, stage: ends.findIndex(end => index < end) }))
}

/** What is to be done in a rollout. */
export interface Verdict {
  changes: MemberChange[]
  ask: MemberRow[]
  state: RolloutState
  stage: number
  reason: string | null
}

/** Judges a rollout by what is known of its gateways. */
export function judge(
  { version, stage }: Pick<RolloutRow, 'version' | 'stage'>,
  members: readonly MemberRow[],
  now: number,
): Verdict {
  const after = members.map(member => ({ member, ...judgeMember(version, member, now) }))
  const changes = after
    .filter(({ member, state }) => state !== member.state)
    .map(({ member, state, reason }) => ({ gatewayId: member.gatewayId, state, reason }))
  const failed = after.find(({ state }) => state === 'failed')
  if (failed !== undefined) {
    const reason = `${failed.member.gateway}: ${failed.reason ?? failed.member.reason ?? 'failed'}`
    return { changes, ask: [], state: 'halted', stage, reason }
  }
  const isOver = (of: number) => after.every(one => one.member.stage > of || one.state === 'settled')
  if (isOver(STAGES.length - 1)) return { changes, ask: [], state: 'done', stage, reason: null }
  const next = isOver(stage) ? stage + 1 : stage
  const underWay = after.filter(({ state }) => state === 'asked').length
  const ask = after
    .filter(({ member, state }) => member.stage <= next && isToBeAsked(member, state, now))
    .map(({ member }) => member)
    .slice(0, Math.min(ASKED_AT_ONCE_MAX, Math.max(0, UNDER_WAY_MAX - underWay)))
  return { changes, ask, state: 'running', stage: next, reason: null }
}

function judgeMember(
  version: string,
  member: MemberRow,
  now: number,
): Pick<MemberChange, 'state' | 'reason'> {
  const { state } = member
  if (state === 'settled' || state === 'failed') return { state }
  if (state === 'waiting') return { state: hasKept(version, member) ? 'settled' : 'waiting' }
  const reason = state === 'asked' ? whyNotKept(version, member, now) : whyWorse(version, member, now)
  if (reason !== undefined) return { state: 'failed', reason }
  if (state === 'asked') return { state: hasKept(version, member) ? 'kept' : 'asked' }
  return { state: now - (member.keptAt ?? now) >= SOAK_MS ? 'settled' : 'kept' }
}

/** Whether a gateway says that it runs the release and is no longer trying it. */
function hasKept(version: string, { release, version: runs }: MemberRow): boolean {
  return release !== null && runs === version && release.trial === undefined
}

/** Why a gateway that was asked will not come to keep the release; `undefined` while it may. */
function whyNotKept(version: string, member: MemberRow, now: number): string | undefined {
  const { release, failedBefore, result, askedAt, tries } = member
  const failed = release?.failed
  if (failed?.version === version && failed.at !== failedBefore) return `went back: ${failed.reason}`
  if (result?.status === 'refused') return `refused: ${result.reason ?? ''}`
  if (result?.status === 'failed' && tries >= TRIES_MAX) return `did not come to it: ${result.reason ?? ''}`
  if (now - (askedAt ?? now) > KEPT_WITHIN_MS) return 'did not keep it within a day'
  return whyLost(member, now)
}

/** Why a gateway that kept the release is worse off with it. */
function whyWorse(version: string, member: MemberRow, now: number): string | undefined {
  const { version: runs, rejected, failing, failingBefore, keptAt } = member
  if (runs !== version) return `went back: it runs ${runs}`
  if (rejected > 0) return `worse: ${rejected} readings were rejected`
  if (now - (keptAt ?? now) >= SOAK_MS && failing > failingBefore) {
    return `worse: ${failing} devices fail, and ${failingBefore} did before`
  }
  return whyLost(member, now)
}

function whyLost({ presence, presenceAt }: MemberRow, now: number): string | undefined {
  const isAway = presence !== 'ready' && presence !== 'init'
  return isAway && now - (presenceAt ?? now) > LOST_MS ? 'was lost since it was asked' : undefined
}

function isToBeAsked({ presence, askedAt, result, commandExpiresAt }: MemberRow, state: string, now: number) {
  if (presence !== 'ready') return false
  if (state === 'waiting') return true
  if (state !== 'asked' || now - (askedAt ?? now) < RETRY_MS) return false
  return result?.status === 'failed' || (result === null && (commandExpiresAt ?? 0) < now)
}

/** What a rollout needs. */
export interface RolloutDeps {
  db: Database
  clock: Clock
  log: Log
  signer: FleetSigner
}

/** Rolls out, until the signal aborts. `publicUrl` is where gateways fetch parts. */
export function runRollouts(
  deps: RolloutDeps,
  { publicUrl }: { publicUrl: string },
  signal: AbortSignal,
): Promise<void> {
  const work = async () => {
    await rollOut(deps, { publicUrl })
    return false
  }
  return keepWorking(deps, { pollMs: LOOK_EVERY_MS }, work, signal)
}

/** One look at the rollout that runs. */
export async function rollOut(deps: RolloutDeps, { publicUrl }: { publicUrl: string }): Promise<void> {
  const { db, clock, log, signer } = deps
  await db.transaction(async tx => {
    const rollout = await takeRunningRollout(tx)
    if (rollout === undefined) return
    const now = clock.now()
    const { version, manifest, id, stage } = rollout
    const verdict = judge(rollout, await selectMembers(tx, id), now)
    if (verdict.changes.length > 0) await updateMembers(tx, id, verdict.changes, now)
    if (verdict.state !== 'running' || verdict.stage !== stage) {
      await updateRollout(tx, id, verdict, now)
      const facts = { version, stage: verdict.stage, reason: verdict.reason }
      if (verdict.state === 'halted') log.error('rollout halted', facts)
      else log.info(verdict.state === 'done' ? 'rollout done' : 'rollout went on', facts)
    }
    if (verdict.ask.length === 0) return
    const signature = Buffer.from(await signer.sign(Buffer.from(releaseText(manifest)))).toString('base64')
    const asked = verdict.ask.map(({ gatewayId, failing, release }) => ({
      ...{ gatewayId, failing, commandId: `update-${randomUUID()}`, failedAt: release?.failed?.at ?? null },
    }))
    const commands = asked.map(({ gatewayId, commandId }) => {
      const envelope = { v: 1, id: commandId, by: `rollout ${id}`, expiresAt: now + COMMAND_MS } as const
      const release = { manifest, signature }
      const document: Command = { ...envelope, kind: 'update', release, from: publicUrl }
      return { gatewayId, id: commandId, document }
    })
    await insertCommands(tx, commands, { now })
    await markAsked(tx, id, asked, now)
    log.info('gateways asked to update', { version, count: asked.length })
  })
}
