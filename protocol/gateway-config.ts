// The gateway's configuration: one YAML document, from a file or from the cloud.
//
// parseGatewayConfig() reads it strictly: every mistake is listed at once, with its path and its line. What it
// returns needs no further checks: references resolve, identifiers are unique, units fit their variables.

import { z } from 'zod'
import { Bus } from './bus-config.ts'
import { ByteSize, Duration, SiteSecret } from './config-fields.ts'
import type { Draft } from './draft.ts'
import { gatewayMistakes, type ProfileSignals } from './gateway-mistakes.ts'
import { Slug } from './ids.ts'
import { jsonFields } from './json-provider-config.ts'
import { LanBroker } from './lan-config.ts'
import type { Place } from './mistakes.ts'
import { VariableName } from './reading.ts'
import { REGISTER_TABLES, REGISTER_TYPES, WORD_ORDERS } from './registers.ts'
import { scaling } from './scaling-fields.ts'
import { Uplink } from './uplink-config.ts'
import { REGULATORY } from './variables.ts'
import { Writable } from './writable-config.ts'
import { readYaml } from './yaml.ts'

/** One value that a Modbus device gives. */
export const ModbusSignal = z.strictObject({
  variable: VariableName,
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
  variable: VariableName,
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

const Device = z.strictObject({
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
  /** What commands may write; nothing else can be written. */
  writable: z.array(Writable).max(256).default([]),
})

/** An instrument on a bus. */
export type DeviceConfig = z.infer<typeof Device>

const remote = {
  id: Slug,
  point: Slug,
  every: Duration,
  delay: Duration.default(0),
  /** How long a request may take. */
  timeout: Duration.default(15_000),
}

const providerCommon = {
  ...remote,
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
    .optional(),
  signals: z.array(ProviderSignal).min(1).max(256),
}

const Provider = z.discriminatedUnion('provider', [
  z.strictObject({
    ...providerCommon,
    provider: z.literal('twin'),
    device: SiteSecret,
    username: SiteSecret,
    password: SiteSecret,
  }),
  z.strictObject({ ...providerCommon, provider: z.literal('nettra'), thing: SiteSecret }),
  z.strictObject({ ...providerCommon, provider: z.literal('novus'), token: SiteSecret }),
  z.strictObject({ ...remote, provider: z.literal('json'), ...jsonFields }),
])

/** A device that is read through its provider's API. */
export type ProviderConfig = z.infer<typeof Provider>

const Document = z.strictObject({
  gateway: Slug,
  client: Slug,
  project: Slug,
  uplink: Uplink,
  buffer: z.strictObject({
    path: z.string().min(1),
    maxBytes: ByteSize.default(4 * 2 ** 30),
    /** Variables whose readings a full buffer gives up last. */
    evictLast: z.array(VariableName).default([...REGULATORY]),
  }),
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

/** A gateway's configuration, read and checked. Durations are milliseconds, sizes are bytes. */
export type GatewayConfig = z.infer<typeof Document>

/** A gateway's configuration as far as it could be read. */
export type GatewayDraft = Draft<GatewayConfig>

/** What only the machine knows that a configuration is for. */
export interface Machine {
  profileSignals: ProfileSignals
  /** Further mistakes. */
  check(draft: GatewayDraft): readonly Place[]
}

/** Reads a configuration. `source` names it in messages. Throws ConfigError with every mistake at once. */
export function parseGatewayConfig(
  text: string,
  source: string,
  { profileSignals = () => undefined, check = () => [] }: Partial<Machine> = {},
): GatewayConfig {
  const draft = readYaml(text, source, Document)
  return draft.settle([...gatewayMistakes(draft, profileSignals), ...check(draft)])
}
