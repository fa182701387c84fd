// What is wrong with a gateway's configuration beyond the form of its parts: names given twice, names of nothing, values
// that come from two places. Looked for in whatever could be read, and told of nothing that has a mistake already.

import { SERIES_MAX } from './batch.ts'
import { lineMistakes } from './bus-config.ts'
import type { Draft, Sound } from './draft.ts'
import type { GatewayConfig, ModbusSignal, ProviderSignal } from './gateway-config.ts'
import { type JsonSignal, jsonMistakes } from './json-provider-config.ts'
import { lanMistakes } from './lan-config.ts'
import { didYouMean, type Place, pathText } from './mistakes.ts'
import { REGISTER_COUNT } from './registers.ts'
import { fits, VARIABLES } from './variables.ts'
import { writableMistakes } from './writable-config.ts'

type GatewayDraft = Draft<GatewayConfig>

/** The signals of a profile; `undefined` where none has that name. */
export type ProfileSignals = (name: string) => readonly ModbusSignal[] | undefined

/** Every mistake of reference. `profileSignals` is known where devices are polled, and nowhere else. */
export function gatewayMistakes(draft: GatewayDraft, profileSignals: ProfileSignals): Place[] {
  const sources = sourcesOf(draft)
  return [
    ...nameMistakes(draft),
    ...choiceMistakes(draft),
    ...busMistakes(draft),
    ...lineMistakes(draft),
    ...sources.flatMap(sourceMistakes),
    ...seriesMistakes(draft, sources, profileSignals),
    ...writableMistakes(draft),
    ...jsonMistakes(draft),
    ...lanMistakes(draft),
  ]
}

function nameMistakes({ sound }: GatewayDraft): Place[] {
  const devices = (sound?.devices ?? []).map((device, index) => ({
    id: device?.id,
    place: ['devices', index],
  }))
  const providers = (sound?.providers ?? []).map((one, index) => ({
    id: one?.id,
    place: ['providers', index],
  }))
  const buses = (sound?.buses ?? []).map((bus, index) => ({ id: bus?.id, place: ['buses', index] }))
  return [...givenTwice(buses), ...givenTwice([...devices, ...providers])]
}

function givenTwice(named: readonly { id: string | undefined; place: PropertyKey[] }[]): Place[] {
  const seen = new Map<string, string>()
  return named.flatMap(({ id, place }) => {
    if (id === undefined) return []
    const before = seen.get(id)
    if (before !== undefined) {
      return [{ path: [...place, 'id'], message: `"${id}" is already the name of ${before}` }]
    }
    seen.set(id, pathText(place))
    return []
  })
}

/** Where one of two keys is needed. A key with a mistake is there. */
function choiceMistakes({ sound, isWrong }: GatewayDraft): Place[] {
  const oneOf = (list: 'buses' | 'devices', one: string, other: string): Place[] =>
    (sound?.[list] ?? []).flatMap((item, index) => {
      const isThere = (key: string) => item !== undefined && (key in item || isWrong(list, index, key))
      if (item === undefined || isThere(one) !== isThere(other)) return []
      return [{ path: [list, index], message: `needs exactly one of ${one} and ${other}` }]
    })
  return [...oneOf('buses', 'tcp', 'serial'), ...oneOf('devices', 'profile', 'signals')]
}

function busMistakes({ sound }: GatewayDraft): Place[] {
  const ids = sound?.buses?.map(bus => bus?.id)
  // A bus whose name cannot be read may be the one that is meant.
  if (ids?.every(id => id !== undefined) !== true) return []
  return (sound?.devices ?? []).flatMap((device, index) => {
    const bus = device?.bus
    if (bus === undefined || ids.includes(bus)) return []
    return [{ path: ['devices', index, 'bus'], message: `no bus has the id "${bus}"${didYouMean(bus, ids)}` }]
  })
}

type AnySignal = ModbusSignal | ProviderSignal | JsonSignal

/** A device or a provider's device. */
interface Source {
  place: PropertyKey[]
  every?: number | undefined
  delay?: number | undefined
  point?: string | undefined
  profile?: string | undefined
  signals?: readonly (Sound<AnySignal> | undefined)[] | undefined
}

function sourcesOf({ sound }: GatewayDraft): Source[] {
  return [
    ...(sound?.devices ?? []).map((device, index) => ({ ...device, place: ['devices', index] })),
    ...(sound?.providers ?? []).map((provider, index) => ({ ...provider, place: ['providers', index] })),
  ]
}

function sourceMistakes({ place, every, delay, signals = [] }: Source): Place[] {
  const tooLate = every !== undefined && delay !== undefined && delay >= every
  return [
    ...(tooLate ? [{ path: [...place, 'delay'], message: 'must be shorter than every' }] : []),
    ...signals.flatMap((signal, index) => signalMistakes(signal ?? {}, [...place, 'signals', index])),
  ]
}

function signalMistakes(signal: Sound<AnySignal>, place: PropertyKey[]): Place[] {
  const mistakes: Place[] = []
  const { variable, unit } = signal
  if (variable !== undefined && unit !== undefined && !fits(unit, variable)) {
    const message = `${unit} cannot become ${VARIABLES[variable].unit}, the unit of ${variable}`
    mistakes.push({ path: [...place, 'unit'], message })
  }
  if (variable !== undefined && VARIABLES[variable].origin === 'derived') {
    const message = `${variable} is computed in the cloud, not measured`
    mistakes.push({ path: [...place, 'variable'], message })
  }
  return 'address' in signal ? [...mistakes, ...registerMistakes(signal, place)] : mistakes
}

function registerMistakes(signal: Sound<ModbusSignal>, place: PropertyKey[]): Place[] {
  const { table, type, plus, bits } = signal
  const mistakes: Place[] = []
  const bitTable = table === 'coil' || table === 'discrete'
  if (table !== undefined && type !== undefined && bitTable !== (type === 'bool')) {
    const message = bitTable
      ? `a ${table} holds one bit: its type must be bool`
      : 'bool needs table coil or discrete'
    mistakes.push({ path: [...place, 'type'], message })
  }
  if (plus !== undefined && (bitTable || plus.type === 'bool')) {
    const path = bitTable ? [...place, 'plus'] : [...place, 'plus', 'type']
    mistakes.push({ path, message: 'bits cannot be added up' })
  }
  mistakes.push(...tooHigh(signal, place), ...(plus === undefined ? [] : tooHigh(plus, [...place, 'plus'])))
  if (bits !== undefined) {
    const path = [...place, 'bits']
    if (type !== undefined && type !== 'uint16') mistakes.push({ path, message: 'needs type uint16' })
    const { from, count } = bits
    if (from !== undefined && count !== undefined && from + count > 16) {
      mistakes.push({ path, message: `bits ${from} to ${from + count - 1} are not in a register` })
    }
  }
  return mistakes
}

function tooHigh(
  { address, type }: Pick<Sound<ModbusSignal>, 'address' | 'type'>,
  place: PropertyKey[],
): Place[] {
  if (address === undefined || type === undefined || address + REGISTER_COUNT[type] <= 65536) return []
  const message = `${type} needs ${REGISTER_COUNT[type]} registers, address ${address} is too high`
  return [{ path: [...place, 'address'], message }]
}

/** Each series comes from one place. A profile's are told together: they are one line of the configuration. */
function seriesMistakes(
  { isWrong }: GatewayDraft,
  sources: readonly Source[],
  profileSignals: ProfileSignals,
): Place[] {
  const owners = new Map<string, string>()
  const mistakes = sources.flatMap(({ place, point: ofAll, profile, signals }): Place[] => {
    const ours = signals ?? (profile === undefined ? undefined : profileSignals(profile)) ?? []
    const twice = ours.flatMap((signal, index) => {
      const wrong = isWrong(...place, 'signals', index, 'point')
      const { variable, point = ofAll } = signal ?? {}
      if (variable === undefined || point === undefined || wrong) return []
      const series = `${point}/${variable}`
      const owner = owners.get(series)
      if (owner === undefined) owners.set(series, pathText([...place, 'signals', index]))
      return owner === undefined ? [] : [{ index, variable, point, owner }]
    })
    const [first] = twice
    if (signals === undefined && first !== undefined) {
      const variables = twice.map(({ variable }) => variable).join(', ')
      const message = `${variables} of ${first.point} already come${twice.length === 1 ? 's' : ''} from ${first.owner}`
      return [{ path: [...place, 'profile'], message }]
    }
    return twice.map(({ index, variable, point, owner }) => ({
      path: [...place, 'signals', index, 'variable'],
      message: `${variable} of ${point} already comes from ${owner}`,
    }))
  })
  if (owners.size <= SERIES_MAX) return mistakes
  const message = `${owners.size} series are more than a gateway may have: ${SERIES_MAX}`
  return [...mistakes, { path: [sources[0]?.place[0] ?? 'devices'], message }]
}
