// Sites by the row: a client, a project, a point, its gateway and what it owes, made where they are not there yet.
//
// S1. A row is made whole or not at all, and the others do not mind.
// S2. A second time changes nothing. What is there stays as it is: a table brings things in, and does not edit them.

import { pathText } from '../../protocol/mistakes.ts'
import { ConfigError } from '../../protocol/runtime/errors.ts'
import { type ProvisionDeps, provision } from '../provision.ts'
import { clientIdOf } from '../store/accounts.ts'
import { atOnce } from '../store/acting.ts'
import type { ClientIds } from '../store/queries.ts'
import { findProject, findProvisionedPoint } from '../store/sites.ts'

/** A row, as it was written; what is empty was not said. */
export interface SiteRow {
  line: number
  client: string
  clientName: string
  clientRut: string
  project: string
  projectName: string
  point: string
  pointName: string
  kind: string
  latitude: string
  longitude: string
  gateway: string
  workCode: string
  standard: string
  channel: string
  informant: string
  from: string
  mode: string
}

/** The fields of a row. */
export type SiteField = Exclude<keyof SiteRow, 'line'>

/** What came of a row. */
export interface SiteOutcome {
  line: number
  /** One for each thing that was made or changed. */
  changes: string[]
  mistakes: { field: SiteField | null; message: string }[]
}

/** Rows that are taken at a time. */
export const ROWS_MAX = 100

class Undone extends Error {}

/** Makes what the rows say, or with `dryRun` says what it would make. Throws Unavailable. */
export async function provisionSites(
  deps: ProvisionDeps,
  rows: readonly SiteRow[],
  { clientIds, dryRun }: { clientIds: ClientIds; dryRun: boolean },
): Promise<SiteOutcome[]> {
  const outcomes: SiteOutcome[] = []
  try {
    await atOnce(deps.db, async () => {
      for (const row of rows) outcomes.push(await provisionRow(deps, row, clientIds))
      if (dryRun) throw new Undone()
    })
  } catch (error) {
    if (!(error instanceof Undone)) throw error
  }
  return outcomes
}

async function provisionRow(deps: ProvisionDeps, row: SiteRow, clientIds: ClientIds): Promise<SiteOutcome> {
  const { line } = row
  const clientId = await clientIdOf(deps.db, row.client)
  if (clientIds !== null && (clientId === undefined || !clientIds.includes(clientId))) {
    const message = 'is no client that you may change'
    return { line, changes: [], mistakes: [{ field: 'client', message }] }
  }
  try {
    const { changes } = await provision(deps, JSON.stringify(await siteOf(deps, row)), `line ${line}`)
    return { line, changes, mistakes: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { line, changes: [], mistakes: error.mistakes.map(toFieldMistake) }
  }
}

/** The site file of a row: what is there already is not said again. */
async function siteOf({ db }: ProvisionDeps, row: SiteRow): Promise<object> {
  const { client, project, point, gateway } = row
  const isThere = {
    client: (await clientIdOf(db, client)) !== undefined,
    project: (await findProject(db, { client, project })) !== undefined,
    point: (await findProvisionedPoint(db, { client, project, point })) !== undefined,
  }
  const number = (text: string) => (text === '' ? {} : toNumber(text))
  return {
    clients: isThere.client
      ? []
      : [
          {
            id: client,
            name: row.clientName || client,
            ...(row.clientRut === '' ? {} : { rut: row.clientRut }),
          },
        ],
    projects: isThere.project ? [] : [{ client, id: project, name: row.projectName || project }],
    points: isThere.point
      ? []
      : [
          {
            ...{ client, project, id: point, name: row.pointName || point, kind: row.kind || 'groundwater' },
            ...(row.latitude === '' ? {} : { latitude: number(row.latitude) }),
            ...(row.longitude === '' ? {} : { longitude: number(row.longitude) }),
          },
        ],
    gateways: gateway === '' ? [] : [{ client, project, id: gateway, enrol: true }],
    obligations: row.workCode === '' ? [] : [obligationOf(row)],
  }
}

/** What is no number stays as it was written, and is told as such. */
function toNumber(text: string): number | string {
  const value = Number(text.replace(',', '.'))
  return Number.isFinite(value) ? value : text
}

function obligationOf({ client, project, point, ...row }: SiteRow): object {
  return {
    point: `${client}.${project}.${point}`,
    ...{ workCode: row.workCode, standard: row.standard, channel: row.channel || 'rest' },
    ...{ informant: row.informant, from: row.from },
    ...(row.mode === '' ? {} : { mode: row.mode }),
  }
}

/** Which field of a row a place of its site file comes from. */
const FIELDS: Readonly<Record<string, SiteField>> = {
  'clients.id': 'client',
  'clients.name': 'clientName',
  'clients.rut': 'clientRut',
  'projects.client': 'client',
  'projects.id': 'project',
  'projects.name': 'projectName',
  'points.client': 'client',
  'points.project': 'project',
  'points.id': 'point',
  'points.name': 'pointName',
  'points.kind': 'kind',
  'points.latitude': 'latitude',
  'points.longitude': 'longitude',
  'gateways.client': 'client',
  'gateways.project': 'project',
  'gateways.id': 'gateway',
  'obligations.point': 'point',
  'obligations.workCode': 'workCode',
  'obligations.standard': 'standard',
  'obligations.channel': 'channel',
  'obligations.informant': 'informant',
  'obligations.from': 'from',
  'obligations.mode': 'mode',
}

function toFieldMistake({
  path,
  message,
}: {
  path: string
  message: string
}): SiteOutcome['mistakes'][number] {
  const place = pathText(path.split('.')).replaceAll(/\[\d+\]/g, '')
  return { field: FIELDS[place] ?? null, message }
}
