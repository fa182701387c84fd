// What a gateway says of itself besides batches: its state, its health, its configuration, what came of commands.
//
// What was said last stands: messages of one gateway are kept one after the other. A message that is none of ours, or
// that the database cannot hold, is set aside, and the gateway goes on. While it would refuse
// whatever came, nothing is taken.

import { CommandResult } from '../../protocol/command.ts'
import { ReportedConfig } from '../../protocol/configuration.ts'
import { reasonsOf } from '../../protocol/mistakes.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { GatewayHealth, GatewayState } from '../../protocol/status.ts'
import { type GatewayTopic, stateTopic } from '../../protocol/topics.ts'
import { saveReported } from '../store/configurations.ts'
import { type Database, DatabaseRefused } from '../store/database.ts'
import {
  type GatewayRow,
  type JudgedGateway,
  saveCommandResult,
  saveGatewayStatus,
} from '../store/gateways.ts'
import { noteInstance } from '../store/instances.ts'
import { saveLedgerDays } from '../store/ledger.ts'
import type { Message } from './intake.ts'
import { keepLetter } from './letters.ts'
import type { Way } from './post.ts'

/** A topic that does not carry a batch. */
export type StatusTopic = Exclude<GatewayTopic, { kind: 'up' }>

/** Keeps what gateways say of themselves. */
export interface StatusKeeper {
  /**
   * Resolves when the database has it. Throws Unavailable when the database is not there, and DatabaseRefused when it
   * would refuse whatever came.
   */
  take(gateway: GatewayRow, topic: StatusTopic, message: Message, way: Way): Promise<void>
}

const SCHEMAS = {
  state: GatewayState,
  health: GatewayHealth,
  reported: ReportedConfig,
  result: CommandResult,
}

/** Opens a keeper. */
export function openStatusKeeper(deps: { db: Database; log: Log; metrics: Metrics }): StatusKeeper {
  const turns = new Map<number, Promise<void>>()

  const keep = async (
    gateway: GatewayRow,
    topic: StatusTopic,
    { topic: name, payload }: Message,
    way: Way,
  ) => {
    try {
      await save(deps, gateway.id, topic, parse(topic, payload), way)
    } catch (error) {
      if (!(error instanceof Unreadable) && !isRefusalOfData(error)) throw error
      const reason = `Cannot read ${topic.kind}: ${error.message}`
      await keepLetter(deps, { gatewayId: gateway.id, topic: name, bytes: payload, reason })
    }
  }

  return {
    take(gateway, topic, message, way) {
      const kept = (turns.get(gateway.id) ?? Promise.resolve()).then(() => keep(gateway, topic, message, way))
      turns.set(
        gateway.id,
        kept.catch(() => {}),
      )
      return kept
    },
  }
}

class Unreadable extends Error {}

const isRefusalOfData = (error: unknown): error is DatabaseRefused =>
  error instanceof DatabaseRefused && error.isAboutData

function parse(topic: StatusTopic, payload: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(payload)
    return SCHEMAS[topic.kind].parse(JSON.parse(text))
  } catch (cause) {
    throw new Unreadable(reasonsOf(cause), { cause })
  }
}

async function save(
  deps: { db: Database; log: Log; metrics: Metrics },
  gatewayId: number,
  topic: StatusTopic,
  document: unknown,
  way: Way,
): Promise<void> {
  const { db } = deps
  if (topic.kind === 'result') await saveCommandResult(db, gatewayId, topic.id, document)
  else if (topic.kind === 'reported') await saveReport(deps, gatewayId, document as ReportedConfig, way)
  else if (topic.kind === 'health') await saveHealth(db, gatewayId, document as GatewayHealth, way)
  else await saveGatewayStatus(db, gatewayId, topic.kind, document, way)
}

/** A refusal is counted and logged once, however often its gateway says it. */
async function saveReport(
  { db, log, metrics }: { db: Database; log: Log; metrics: Metrics },
  gatewayId: number,
  reported: ReportedConfig,
  way: Way,
): Promise<void> {
  const isNews = await db.transaction(tx => saveReported(tx, gatewayId, reported, way))
  const { refused } = reported
  if (!isNews || refused === undefined) return
  const { kind, version, reason } = refused
  metrics.count('collector_configurations_refused_total', { kind })
  log.warn('gateway refused a configuration', { gatewayId, kind, version, reason })
}

async function saveHealth(db: Database, gatewayId: number, health: GatewayHealth, way: Way): Promise<void> {
  await db.transaction(async tx => {
    await saveGatewayStatus(tx, gatewayId, 'health', health, way)
    await noteInstance(tx, { gatewayId, startedAt: health.startedAt, at: health.at })
    if (health.ledger !== undefined) await saveLedgerDays(tx, gatewayId, health.ledger)
  })
}

/** The states that a filter names: one gateway's, or all. */
export function statesFor(
  states: readonly JudgedGateway[],
  filter: string,
): { topic: string; payload: string }[] {
  return states
    .map(({ slug, state }) => ({ topic: stateTopic(slug), payload: JSON.stringify(state) }))
    .filter(({ topic }) => filter === topic || filter === stateTopic('+'))
}
