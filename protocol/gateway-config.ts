// The gateway's configuration: one YAML document, from a file or from the cloud.
//
// parseGatewayConfig() reads it strictly: every mistake is listed at once, with its path and its line. What it
// returns needs no further checks: references resolve, identifiers are unique, units fit their variables.

import { z } from 'zod'
import { Bus, lineMistakes } from './bus-config.ts'
import { ByteSize, Duration, Secret } from './config-fields.ts'
import { Slug } from './ids.ts'
import { LanBroker, lanMistakes } from './lan-config.ts'
import { Uplink } from './uplink-config.ts'
import { fits, type Unit, unitOf, VARIABLE_NAMES, VARIABLES } from './variables.ts'
import { type Place, parseYaml, pathText } from './yaml.ts'

const UnitName = z.string().transform((text, context): Unit => {
  const unit = unitOf(text)
  if (unit !== undefined) return unit
  context.addIssue({ code: 'custom', message: `unknown unit "${text}"` })
  return z.NEVER
})

/**
 * How a number lies in registers. Word orders are of 16-bit words, as a device's manual calls them. `ascii` is a decimal
 * number that is written out: a reading is a number, and other text is none.
 */
export const REGISTER_TYPES = [
  'bool',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float16',
  'float32',
  'float64',
  'bcd16',
  'bcd32',
  'bcd64',
  'mod10k32',
  'mod10k48',
  'mod10k64',
  'ubcd16',
  'ubcd32',
  'ubcd64',
  'ascii32',
  'ascii64',
  'ascii96',
  'ascii128',
] as const

/** How a number lies in registers. */
export type RegisterType = (typeof REGISTER_TYPES)[number]

/** How many registers each type takes. */
export const REGISTER_COUNT: Record<RegisterType, number> = {
  bool: 1,
  int16: 1,
  uint16: 1,
  int32: 2,
  uint32: 2,
  int64: 4,
  uint64: 4,
  float16: 1,
  float32: 2,
  float64: 4,
  bcd16: 1,
  bcd32: 2,
  bcd64: 4,
  mod10k32: 2,
  mod10k48: 3,
  mod10k64: 4,
  ubcd16: 1,
  ubcd32: 2,
  ubcd64: 4,
  ascii32: 2,
  ascii64: 4,
  ascii96: 6,
  ascii128: 8,
}

/** Byte orders: A is the most significant byte. For 64 bits, the same idea over four words. */
export const WORD_ORDERS = ['ABCD', 'CDAB', 'BADC', 'DCBA'] as const

/** Byte orders. */
export type WordOrder = (typeof WORD_ORDERS)[number]

/** The four tables of Modbus. */
export const REGISTER_TABLES = ['coil', 'discrete', 'holding', 'input'] as const

/** The four tables of Modbus. */
export type RegisterTable = (typeof REGISTER_TABLES)[number]

const scaling = {
  /** Multiplies what was decoded. */
  scale: z
    .number()
    .refine(value => value !== 0, 'must not be 0')
    .default(1),
  /** Added after the scale, before the conversion to the variable's unit. */
  offset: z.number().default(0),
  /** What the instrument gives; the variable's own unit when absent. */
  unit: UnitName.optional(),
  /** How many decimals the instrument's value really has; it is rounded to them after scale and offset. */
  decimals: z.int().min(0).max(12).optional(),
  /** Decoded values that mean "no value": −32768, −3200, 9999 … */
  sentinels: z.array(z.number()).max(32).default([]),
}

/** One value that a Modbus device gives. */
export const ModbusSignal = z.strictObject({
  variable: z.enum(VARIABLE_NAMES),
  /** Where the value belongs, when not to the device's point. */
  point: Slug.optional(),
  table: z.enum(REGISTER_TABLES).default('holding'),
  /** 0-based, as on the wire. */
  address: z.int().min(0).max(65535),
  type: z.enum(REGISTER_TYPES),
  order: z.enum(WORD_ORDERS).default('ABCD'),
  /** Only these bits of a 16-bit register, lowest first: `{ from: 4, count: 3 }`. */
  bits: z.strictObject({ from: z.int().min(0).max(15), count: z.int().min(1).max(16) }).optional(),
  /** A second number that is added to the first after its own scale: the decimals of a total kept apart. */
  plus: z
    .strictObject({
      address: z.int().min(0).max(65535),
      type: z.enum(REGISTER_TYPES),
      order: z.enum(WORD_ORDERS).default('ABCD'),
      scale: z.number(),
    })
    .optional(),
  ...scaling,
})

/** One value that a Modbus device gives. */
export type ModbusSignal = z.infer<typeof ModbusSignal>

/** One value that a provider gives for a device, under the provider's own key. */
export const ProviderSignal = z.strictObject({
  variable: z.enum(VARIABLE_NAMES),
  point: Slug.optional(),
  key: z.string().min(1).max(100),
  ...scaling,
})

/** One value that a provider gives. */
export type ProviderSignal = z.infer<typeof ProviderSignal>

/** How the registers of a device are asked for. */
const Reads = z.strictObject({
  /** Most registers in one request. */
  maxRegisters: z.int().min(1).max(125).default(125),
  /** Most registers nobody asked for that a request may read over to join two others; 0 joins only neighbours. */
  maxGap: z.int().min(0).max(124).default(16),
  /** Registers that must not be read, because the device answers with an exception or worse. */
  holes: z
    .array(
      z.strictObject({
        table: z.enum(REGISTER_TABLES),
        address: z.int().min(0),
        count: z.int().min(1).default(1),
      }),
    )
    .max(64)
    .default([]),
  /** Registers that belong to one instant: what is read of them is read in one request. */
  together: z
    .array(
      z.strictObject({
        table: z.enum(REGISTER_TABLES),
        address: z.int().min(0),
        count: z.int().min(2).max(2000),
      }),
    )
    .max(64)
    .optional(),
})

const Device = z
  .strictObject({
    id: Slug,
    bus: Slug,
    /** The device's address on its bus. */
    unit: z.int().min(0).max(255).default(1),
    point: Slug,
    every: Duration,
    /** How long after each due instant the poll starts, to spread devices or to let a provider publish. */
    delay: Duration.default(0),
    /** How long the line must be silent after this device has answered; the silence of Modbus when that is longer. */
    turnaround: Duration.optional(),
    profile: Slug.optional(),
    signals: z.array(ModbusSignal).min(1).max(256).optional(),
    reads: Reads.prefault({}),
  })
  .refine(({ profile, signals }) => (profile === undefined) !== (signals === undefined), {
    message: 'needs exactly one of profile and signals',
  })

/** An instrument on a bus. */
export type DeviceConfig = z.infer<typeof Device>

const providerCommon = {
  id: Slug,
  point: Slug,
  every: Duration,
  delay: Duration.default(0),
  /** How long a request may take. */
  timeout: Duration.default(15_000),
  baseUrl: z.url({ protocol: /^https?$/ }).optional(),
  signals: z.array(ProviderSignal).min(1).max(256),
}

const Provider = z.discriminatedUnion('provider', [
  z.strictObject({
    ...providerCommon,
    provider: z.literal('twin'),
    device: Secret,
    username: Secret,
    password: Secret,
  }),
  z.strictObject({ ...providerCommon, provider: z.literal('nettra'), thing: Secret }),
  z.strictObject({ ...providerCommon, provider: z.literal('novus'), token: Secret }),
])

/** A device that is read through its provider's API. */
export type ProviderConfig = z.infer<typeof Provider>

const Document = z
  .strictObject({
    gateway: Slug,
    client: Slug,
    project: Slug,
    uplink: Uplink,
    buffer: z.strictObject({ path: z.string().min(1), maxBytes: ByteSize.default(4 * 2 ** 30) }),
    lanBroker: LanBroker.optional(),
    /** Where `GET /health` and `/metrics` are served. */
    status: z
      .strictObject({
        host: z.string().min(1).default('127.0.0.1'),
        port: z.int().min(0).max(65535).default(8010),
      })
      .optional(),
    /**
     * `system` asks systemd whether the clock is synchronised. `trusted` takes it as synchronised: for a container or a
     * virtual machine whose host keeps the time, where nobody inside can know.
     */
    clock: z.enum(['system', 'trusted']).default('system'),
    buses: z.array(Bus).max(64).default([]),
    devices: z.array(Device).max(512).default([]),
    providers: z.array(Provider).max(512).default([]),
  })
  .superRefine((config, context) => {
    const mistakes = [
      ...crossMistakes(config),
      ...(config.lanBroker ? lanMistakes(config.lanBroker, config) : []),
    ]
    for (const { path, message } of mistakes) context.addIssue({ code: 'custom', path, message })
  })

/** A gateway's configuration, read and checked. Durations are milliseconds, sizes are bytes. */
export type GatewayConfig = z.infer<typeof Document>

/**
 * Reads a configuration. `source` names it in messages. `check` finds mistakes that only the machine it runs on can
 * know. Throws ConfigError with every mistake at once.
 */
export function parseGatewayConfig(
  text: string,
  source: string,
  check: (config: GatewayConfig) => readonly Place[] = () => [],
): GatewayConfig {
  const schema = Document.superRefine((config, context) => {
    for (const { path, message } of check(config)) context.addIssue({ code: 'custom', path, message })
  })
  return parseYaml(text, source, schema)
}

type Parsed = z.output<
  z.ZodObject<{
    buses: z.ZodArray<typeof Bus>
    devices: z.ZodArray<typeof Device>
    providers: z.ZodArray<typeof Provider>
  }>
>

function crossMistakes({ buses, devices, providers }: Parsed): Place[] {
  const mistakes: Place[] = []
  const seen = new Map<string, string>()
  const unique = (kind: string, id: string, path: PropertyKey[]) => {
    const before = seen.get(`${kind}/${id}`)
    if (before !== undefined) mistakes.push({ path, message: `"${id}" is already the name of ${before}` })
    else seen.set(`${kind}/${id}`, pathText(path.slice(0, -1)))
  }
  const series = new Map<string, string>()
  const owned = (point: string, variable: string, path: PropertyKey[]) => {
    const before = series.get(`${point}/${variable}`)
    if (before !== undefined)
      mistakes.push({ path, message: `${variable} of ${point} already comes from ${before}` })
    else series.set(`${point}/${variable}`, pathText(path.slice(0, -1)))
  }
  const signalMistakes = (
    signals: readonly (ModbusSignal | ProviderSignal)[],
    point: string,
    path: PropertyKey[],
  ) => {
    for (const [index, signal] of signals.entries()) {
      const place = [...path, 'signals', index]
      owned(signal.point ?? point, signal.variable, [...place, 'variable'])
      if (signal.unit !== undefined && !fits(signal.unit, signal.variable)) {
        const message = `${signal.unit} cannot become ${VARIABLES[signal.variable].unit}, the unit of ${signal.variable}`
        mistakes.push({ path: [...place, 'unit'], message })
      }
      if (VARIABLES[signal.variable].origin === 'derived') {
        mistakes.push({
          path: [...place, 'variable'],
          message: `${signal.variable} is computed in the cloud, not measured`,
        })
      }
      if ('address' in signal) mistakes.push(...registerMistakes(signal, place))
    }
  }
  for (const [index, { id }] of buses.entries()) unique('bus', id, ['buses', index, 'id'])
  const busIds = new Set(buses.map(({ id }) => id))
  mistakes.push(...lineMistakes(buses, devices))
  for (const [index, device] of devices.entries()) {
    unique('device', device.id, ['devices', index, 'id'])
    if (!busIds.has(device.bus)) {
      mistakes.push({ path: ['devices', index, 'bus'], message: `no bus has the id "${device.bus}"` })
    }
    if (device.delay >= device.every) {
      mistakes.push({ path: ['devices', index, 'delay'], message: 'must be shorter than every' })
    }
    signalMistakes(device.signals ?? [], device.point, ['devices', index])
  }
  for (const [index, provider] of providers.entries()) {
    unique('device', provider.id, ['providers', index, 'id'])
    if (provider.delay >= provider.every) {
      mistakes.push({ path: ['providers', index, 'delay'], message: 'must be shorter than every' })
    }
    signalMistakes(provider.signals, provider.point, ['providers', index])
  }
  return mistakes
}

function registerMistakes(signal: ModbusSignal, place: PropertyKey[]): Place[] {
  const mistakes: Place[] = []
  const bitTable = signal.table === 'coil' || signal.table === 'discrete'
  if (bitTable !== (signal.type === 'bool')) {
    const message = bitTable
      ? `a ${signal.table} holds one bit: its type must be bool`
      : 'bool needs table coil or discrete'
    mistakes.push({ path: [...place, 'type'], message })
  }
  if (signal.plus !== undefined && (bitTable || signal.plus.type === 'bool')) {
    const path = bitTable ? [...place, 'plus'] : [...place, 'plus', 'type']
    mistakes.push({ path, message: 'bits cannot be added up' })
  }
  for (const part of [signal, ...(signal.plus === undefined ? [] : [signal.plus])]) {
    if (part.address + REGISTER_COUNT[part.type] > 65536) {
      const message = `${part.type} needs ${REGISTER_COUNT[part.type]} registers, address ${part.address} is too high`
      mistakes.push({
        path: part === signal ? [...place, 'address'] : [...place, 'plus', 'address'],
        message,
      })
    }
  }
  if (signal.bits !== undefined) {
    const { from, count } = signal.bits
    if (signal.type !== 'uint16') mistakes.push({ path: [...place, 'bits'], message: 'needs type uint16' })
    if (from + count > 16)
      mistakes.push({
        path: [...place, 'bits'],
        message: `bits ${from} to ${from + count - 1} are not in a register`,
      })
  }
  return mistakes
}
