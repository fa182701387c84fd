// What has been typed in the wizard, kept in the browser until the well is made, and what becomes of it.

import type { ConfigurationWithDevice, WellAsked } from '../api/types.ts'
import { keep, kept } from '../kept.ts'
import { toNumber } from '../ui/numbers.ts'

/** A register, as it is typed. */
export interface SignalTyped {
  key: string
  variable: string
  table: string
  address: string
  type: string
  scale: string
}

/** Everything that has been typed, and how far. */
export interface WizardDraft {
  step: number
  gateway: string
  point: string
  name: string
  kind: string
  sensorDepthM: string
  /** `tcp` and `serial` are new ones; else the name of one that is there. */
  bus: string
  host: string
  port: string
  path: string
  baudRate: string
  parity: string
  unit: string
  every: string
  device: string
  /** Empty: the registers are typed. */
  profile: string
  signals: SignalTyped[]
  owes: boolean
  workCode: string
  standard: string
  channel: string
  informant: string
  flowLps: string
  yearlyM3: string
  /** The point, once it is made. */
  made: string | null
}

/** What a new register is, before anybody says otherwise. */
export const newSignal = (): SignalTyped => ({
  ...{ key: crypto.randomUUID(), variable: 'flow', table: 'holding' },
  ...{ address: '', type: 'float32', scale: '' },
})

const FRESH: WizardDraft = {
  ...{ step: 0, gateway: '', point: '', name: '', kind: 'groundwater', sensorDepthM: '' },
  ...{ bus: 'tcp', host: '', port: '502', path: '/dev/ttyUSB0', baudRate: '9600', parity: 'none' },
  ...{ unit: '1', every: '1m', device: '', profile: '', signals: [] },
  ...{ owes: true, workCode: '', standard: 'mayor', channel: 'rest', informant: '' },
  ...{ flowLps: '', yearlyM3: '', made: null },
}

/** Where somebody has left it, or the beginning. */
export function openDraft(): WizardDraft {
  try {
    return { ...FRESH, ...(JSON.parse(kept('wizard') ?? '{}') as Partial<WizardDraft>) }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return FRESH
  }
}

/** Keeps it. */
export const keepDraft = (draft: WizardDraft): void => keep('wizard', JSON.stringify(draft))

/** The beginning. */
export const freshDraft = (): WizardDraft => FRESH

const isSlug = (text: string): boolean => /^[a-z0-9][a-z0-9-]{0,62}$/.test(text)
const isWhole = (text: string, least: number, most: number): boolean =>
  /^\d{1,6}$/.test(text) && Number(text) >= least && Number(text) <= most

/** Whether a step has all that the next one needs. */
export function isComplete(draft: WizardDraft, step: number): boolean {
  if (step === 0) return draft.gateway !== '' && isSlug(draft.point) && draft.name.trim() !== ''
  if (step === 1) {
    const hasBus =
      draft.bus === 'tcp' ? draft.host !== '' && isWhole(draft.port, 1, 65_535) : draft.bus !== ''
    const hasSignals =
      draft.profile !== '' ||
      (draft.signals.length > 0 && draft.signals.every(one => isWhole(one.address, 0, 65_535)))
    return hasBus && hasSignals && isWhole(draft.unit, 0, 255) && isSlug(draft.device)
  }
  if (step === 3) return !draft.owes || (draft.workCode !== '' && draft.informant !== '')
  return true
}

/** The bus and the device, as the gateway's file has them. */
export function deviceOf(draft: WizardDraft): {
  bus?: Record<string, unknown>
  device: Record<string, unknown>
} {
  const { bus: chosen, device: id, unit, every, point, profile } = draft
  const isNew = chosen === 'tcp' || chosen === 'serial'
  const bus = isNew ? `bus-${id}`.slice(0, 63) : chosen
  const link =
    chosen === 'tcp'
      ? { tcp: { host: draft.host.trim(), port: Number(draft.port) } }
      : { serial: { path: draft.path, baudRate: Number(draft.baudRate), parity: draft.parity } }
  const device = {
    ...{ id, bus, unit: Number(unit), point, every },
    ...(profile === '' ? { signals: draft.signals.map(toSignal) } : { profile }),
  }
  return isNew ? { bus: { id: bus, ...link }, device } : { device }
}

function toSignal({ variable, table, address, type, scale }: SignalTyped): object {
  const factor = toNumber(scale)
  return {
    ...{ variable, table, address: Number(address), type },
    ...(factor === undefined ? {} : { scale: factor }),
  }
}

/** The well, as the API makes it. */
export function wellOf(draft: WizardDraft, { document }: ConfigurationWithDevice): WellAsked {
  const flowLps = toNumber(draft.flowLps)
  const yearlyM3 = toNumber(draft.yearlyM3)
  return {
    ...{ gateway: draft.gateway, document, device: draft.device, note: draft.name.trim() },
    point: {
      ...{ id: draft.point, name: draft.name.trim(), kind: draft.kind as never },
      sensorDepthM: toNumber(draft.sensorDepthM) ?? null,
    },
    obligation: draft.owes
      ? {
          ...{ workCode: draft.workCode.trim(), informant: draft.informant },
          ...{ standard: draft.standard as never, channel: draft.channel as never },
          rights: flowLps === undefined ? [] : [{ flowLps, ...(yearlyM3 === undefined ? {} : { yearlyM3 }) }],
        }
      : null,
  }
}
