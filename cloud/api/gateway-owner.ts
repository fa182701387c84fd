// A gateway that may be seen, and whose it is: what is needed to look at a configuration of it.

import type { Owner } from '../fleet/configurations.ts'
import { Problem } from '../problem.ts'
import { pointsBeside } from '../store/configurations.ts'
import type { Database } from '../store/database.ts'
import { type ClientIds, selectGateway } from '../store/queries.ts'

/** A gateway with the points beside it. */
export interface Found extends Owner {
  id: number
}

/** The gateway of that name. Throws Problem 404 where there is none that may be seen. */
export async function findOwner(db: Database, clientIds: ClientIds, slug: string): Promise<Found> {
  const row = await selectGateway(db, clientIds, slug)
  if (row === undefined) throw new Problem(404, 'Gateway not found')
  const { id, gateway, client, project } = row
  return { id, gateway, client, project, points: await pointsBeside(db, id) }
}
