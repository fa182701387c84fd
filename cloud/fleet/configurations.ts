// What gateways should run with: looked at with their own eyes, signed, written.

import { documentHash, signedText } from '../../protocol/configuration.ts'
import { type GatewayConfig, type GatewayDraft, parseGatewayConfig } from '../../protocol/gateway-config.ts'
import { didYouMean, type Place } from '../../protocol/mistakes.ts'
import { MODBUS_MACHINE } from '../../protocol/modbus/machine.ts'
import { ConfigError, type ConfigMistake } from '../../protocol/runtime/errors.ts'
import { literalSecrets } from '../../protocol/sealed.ts'
import {
  type ConfigurationRow,
  insertConfiguration,
  lockConfigurations,
  selectConfiguration,
} from '../store/configurations.ts'
import type { Database, Sql } from '../store/database.ts'
import type { FleetSigner } from './signing.ts'

/** Whose configuration it is to be. */
export interface Owner {
  gateway: string
  client: string
  project: string
  /** Points of the project: readings of others would be rejected. */
  points: readonly string[]
}

/** A document that was looked at. */
export type Checked = { config: GatewayConfig } | { mistakes: readonly ConfigMistake[] }

/** Looks at a document as its gateway will. What only the site knows, the gateway says when it comes. */
export function checkDocument(document: string, owner: Owner): Checked {
  try {
    const check = (draft: GatewayDraft) => [
      ...MODBUS_MACHINE.check(draft),
      ...literalSecrets(draft),
      ...ownerMistakes(draft, owner),
    ]
    return { config: parseGatewayConfig(document, owner.gateway, { ...MODBUS_MACHINE, check }) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { mistakes: error.mistakes }
  }
}

function ownerMistakes({ sound }: GatewayDraft, owner: Owner): Place[] {
  const same = (key: 'gateway' | 'client' | 'project'): Place[] =>
    sound?.[key] === undefined || sound[key] === owner[key]
      ? []
      : [{ path: [key], message: `must be ${owner[key]}` }]
  const unknown = (path: PropertyKey[], point: string | undefined): Place[] =>
    point === undefined || owner.points.includes(point)
      ? []
      : [{ path, message: `${owner.project} has no point "${point}"${didYouMean(point, owner.points)}` }]
  const sources = (['devices', 'providers'] as const).flatMap(list =>
    (sound?.[list] ?? []).flatMap((one, index) => [
      ...unknown([list, index, 'point'], one?.point),
      ...(one?.signals ?? []).flatMap((signal, at) =>
        unknown([list, index, 'signals', at, 'point'], signal?.point),
      ),
    ]),
  )
  return [...same('gateway'), ...same('client'), ...same('project'), ...sources]
}

/** What a change comes to on site. */
export interface Effect {
  /** Buses and devices at providers, by what becomes of them. */
  opened: string[]
  closed: string[]
  kept: string[]
  /** The gateway begins anew: for some seconds it measures nothing. */
  restarts: boolean
}

/** What a change comes to, as `edge/site.ts` and `edge/gateway.ts` apply it. */
export function effectOf(before: GatewayConfig | undefined, after: GatewayConfig): Effect {
  const was = before === undefined ? new Map<string, string>() : partsOf(before)
  const is = partsOf(after)
  return {
    opened: [...is.keys()].filter(name => was.get(name) !== is.get(name)),
    closed: [...was.keys()].filter(name => !is.has(name)),
    kept: [...is.keys()].filter(name => was.get(name) === is.get(name)),
    restarts: before !== undefined && coreOf(before) !== coreOf(after),
  }
}

function partsOf({ buses, devices, providers }: GatewayConfig): Map<string, string> {
  return new Map([
    ...buses.map(bus => {
      const ours = devices.filter(device => device.bus === bus.id)
      return [`bus ${bus.id}`, JSON.stringify([bus, ours])] as const
    }),
    ...providers.map(one => [`provider ${one.id}`, JSON.stringify(one)] as const),
  ])
}

function coreOf({ buses: _, devices: __, providers: ___, lanBroker: ____, ...core }: GatewayConfig): string {
  return JSON.stringify(core)
}

/** What is wanted, by whom, and why. */
export type Wanted = Pick<ConfigurationRow, 'document' | 'by' | 'note'> &
  Partial<Pick<ConfigurationRow, 'copyOf' | 'isAdopted'>>

/**
 * Signs a document and writes it as the next version of its gateway, when `isStill` says of the newest one that it is the
 * one that was seen. Returns what is written; `undefined` when it is another.
 */
export async function wantConfiguration(
  { db, signer }: { db: Database; signer: FleetSigner },
  { id, gateway }: { id: number; gateway: string },
  { copyOf = null, isAdopted = false, ...wanted }: Wanted,
  { now, seen }: { now: number; seen: (newest: number) => boolean },
): Promise<ConfigurationRow | undefined> {
  // Drawn before the transaction: the key of a fleet that has none is written in one of its own.
  await signer.fleetKey()
  return db.transaction(async (tx: Sql) => {
    await lockConfigurations(tx, id)
    const newest = (await selectConfiguration(tx, id))?.version ?? 0
    if (!seen(newest)) return undefined
    const version = newest + 1
    const signature = await signer.sign(signedText({ gateway, version, document: wanted.document }))
    const row = { ...wanted, version, copyOf, isAdopted, hash: documentHash(wanted.document), createdAt: now }
    await insertConfiguration(tx, id, { ...row, signature: Buffer.from(signature).toString('base64') })
    return row
  })
}
