// The configuration of a gateway from its rows: one device for each, on the buses that they name.
//
// `bus` is `serial:/dev/ttyUSB0`, `serial:/dev/ttyUSB0:9600:none`, `tcp:192.168.1.20`, `tcp:192.168.1.20:502`, or
// `rtu:192.168.1.20:4001` for a line behind a converter that passes frames on.

import type { Column, TableRow } from './csv.ts'

/** What is wrong with a row, and where. */
export interface RowMistake {
  line: number
  column: Column | undefined
  message: string
}

/** A configuration, as YAML; JSON is YAML. Undefined: its rows say nothing of devices. */
export interface GatewayDocument {
  gateway: string
  document: string
  /** In the order of its devices. */
  lines: number[]
}

type Bus = Record<string, unknown>

/** The configurations of all gateways of which the rows name a bus, and what is wrong with the rows. */
export function toDocuments(
  rows: readonly TableRow[],
  { uplinkUrl }: { uplinkUrl: string },
): { documents: GatewayDocument[]; mistakes: RowMistake[] } {
  const mistakes: RowMistake[] = []
  const wired = rows.filter(({ cells }) => cells.gateway !== '' && cells.bus !== '')
  const byGateway = Map.groupBy(wired, ({ cells }) => cells.gateway)
  const documents = [...byGateway].flatMap(([gateway, its]) => {
    const before = mistakes.length
    const document = documentOf(gateway, its, uplinkUrl, mistakes)
    return mistakes.length > before
      ? []
      : [{ gateway, document: `${JSON.stringify(document, null, 2)}\n`, lines: its.map(({ line }) => line) }]
  })
  return { documents, mistakes }
}

function documentOf(
  gateway: string,
  rows: readonly TableRow[],
  uplinkUrl: string,
  mistakes: RowMistake[],
): object {
  const [first] = rows
  const buses = new Map<string, Bus>()
  const devices = rows.flatMap(({ line, cells }, index) => {
    const miss = (column: Column, message: string) => void mistakes.push({ line, column, message })
    const bus = busOf(cells.bus)
    if (bus === undefined)
      miss('bus', 'must be such as serial:/dev/ttyUSB0:9600:even or tcp:192.168.1.20:502')
    if (!/^\d{1,3}$/.test(cells.unit)) miss('unit', 'must be a number from 1 to 247')
    if (cells.profile === '') miss('profile', 'is empty: which meter is it?')
    const owner = `${cells.client}.${cells.project}`
    if (first !== undefined && owner !== `${first.cells.client}.${first.cells.project}`) {
      miss(
        'gateway',
        `${gateway} is a gateway of ${first.cells.client}.${first.cells.project} in line ${first.line}`,
      )
    }
    if (bus === undefined) return []
    const known = [...buses].find(([, one]) => JSON.stringify(one) === JSON.stringify(bus))?.[0]
    const id = known ?? `bus-${buses.size + 1}`
    buses.set(id, bus)
    const every = cells.every === '' ? '1m' : cells.every
    const device = cells.device === '' ? `device-${index + 1}` : cells.device
    return [
      { id: device, bus: id, unit: Number(cells.unit), profile: cells.profile, point: cells.point, every },
    ]
  })
  return {
    ...{ gateway, client: first?.cells.client, project: first?.cells.project },
    uplink: { url: uplinkUrl, credentials: './identity' },
    buffer: { path: './data/buffer' },
    buses: [...buses].map(([id, bus]) => ({ id, ...bus })),
    devices,
  }
}

function busOf(text: string): Bus | undefined {
  const [kind, place = '', more, last] = text.split(':')
  if (place === '') return undefined
  if (kind === 'serial') {
    const baudRate = more === undefined ? {} : { baudRate: Number(more) }
    return { serial: { path: place, ...baudRate, ...(last === undefined ? {} : { parity: last }) } }
  }
  if ((kind !== 'tcp' && kind !== 'rtu') || last !== undefined) return undefined
  const port = more === undefined ? {} : { port: Number(more) }
  return { tcp: { host: place, ...port, ...(kind === 'rtu' ? { framing: 'rtu' } : {}) } }
}
