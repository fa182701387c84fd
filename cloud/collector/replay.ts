// Takes a batch in again that was set aside: by a version that could not read it, or by a database that refused it or some
// of its readings.

import { Rejected } from '../../protocol/runtime/errors.ts'
import { parseGatewayTopic } from '../../protocol/topics.ts'
import { type Committed, commitWithoutPoison, type StoreDeps } from '../store/batches.ts'
import { findGateway, findLetter, markReplayed } from '../store/gateways.ts'
import { readBatch } from './read-batch.ts'

/**
 * Commits what a dead letter holds, as if it came now; again, it changes nothing. Says how many readings it has and what
 * became of them; `undefined` when there is no such letter. Throws Rejected, with the reason, when it still cannot be used, and DatabaseRefused.
 */
export async function replayLetter(
  deps: StoreDeps,
  letterId: number,
): Promise<{ readings: number; committed: Committed } | undefined> {
  const { db, clock } = deps
  const letter = await findLetter(db, letterId)
  if (letter === undefined) return undefined
  const topic = parseGatewayTopic(letter.topic)
  if (topic?.kind !== 'up')
    throw new Rejected(`Only batches are taken again, and ${letter.topic} brings none`)
  const gateway = await findGateway(db, topic.gateway)
  if (gateway === undefined || gateway.id !== letter.gatewayId)
    throw new Rejected(`There is no gateway ${topic.gateway} any more that it could be of`)
  const decoded = await readBatch(db, gateway, new Map(), letter.bytes)
  if (decoded.kind === 'table-unknown')
    throw new Rejected('The gateway never sent the table that it refers to')
  const { batch, tableId: id, tableBytes: bytes } = decoded
  const committed = await commitWithoutPoison(deps, {
    ...{ gatewayId: gateway.id, projectId: gateway.projectId, lane: topic.lane, batch },
    ...(bytes === undefined ? {} : { table: { id, bytes } }),
  })
  const isWhole = committed.kind === 'repeated' || committed.rejected.length === 0
  if (isWhole) await markReplayed(db, letterId, clock.now())
  return { readings: batch.readings.length, committed }
}
