// A gateway that takes commands for one bus, over a real connection to an instrument, through the memory on disk.

import type { TestContext } from 'node:test'
import { type Executed, openCommands } from '../../edge/commands.ts'
import { executor } from '../../edge/executor.ts'
import { GATEWAY_METRICS } from '../../edge/health.ts'
import { type Bus, openBus } from '../../edge/modbus/bus.ts'
import { Command, CommandResult } from '../../protocol/command.ts'
import { parseGatewayConfig } from '../../protocol/gateway-config.ts'
import type { TimeQuality } from '../../protocol/reading.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import type { GatewayHealth } from '../../protocol/status.ts'
import { type Instrument, openInstrument, type Registers, type TakeRegister } from '../doubles/instrument.ts'
import { atEnd, keptLog, temporaryFolder } from './buffer/folder.ts'

/** A gateway that takes commands. */
export interface CommandStage {
  bus: Bus
  said: ReturnType<typeof keptLog>['said']
  /** Sends a command and waits for its result. */
  send(id: string, fields: object): Promise<CommandResult>
  /** Executes a command at once, whatever others wait for the disk. */
  execute(id: string, fields: object): Promise<Executed>
  /** Forgets everything but what is on disk. */
  restart(): Promise<void>
  /** What health tells of the last write. */
  lastWrite(): GatewayHealth['lastWrite']
  /** What is known of the clock from now on. */
  know(quality: TimeQuality): void
}

/** Opens a gateway over an instrument with these registers; `devices` is the YAML of its devices, on the bus `plant`. */
export async function openInstrumentStage(
  context: TestContext,
  { devices, registers, take }: { devices: string; registers: Registers; take?: TakeRegister },
): Promise<CommandStage & { instrument: Instrument }> {
  const instrument = await openInstrument(
    { clock: systemClock },
    { registers, ...(take === undefined ? {} : { take }) },
  )
  atEnd(context, () => instrument.close())
  const bus = `{ id: plant, tcp: { host: 127.0.0.1, port: ${instrument.port} }, timeout: 200ms }`
  return { ...(await openCommandStage(context, { bus, devices })), instrument }
}

/** Opens a gateway; `bus` and `devices` are YAML, the bus is `plant`. */
export async function openCommandStage(
  context: TestContext,
  { bus: busYaml, devices: devicesYaml }: { bus: string; devices: string },
): Promise<CommandStage> {
  const clock = systemClock
  const config = parseGatewayConfig(
    `gateway: gw-1
client: campo
project: p
uplink: { url: "mqtt://127.0.0.1:1", credentials: x }
buffer: { path: x }
buses: [${busYaml}]
devices:${devicesYaml}`,
    'test',
  )
  const devices = config.devices.map(device => ({ ...device, signals: device.signals ?? [] }))
  const bus = openBus({ clock, log: silentLog, random: () => 0.5 }, config.buses[0] as never)
  atEnd(context, () => bus.close())
  const folder = await temporaryFolder(context)
  const { log, said } = keptLog()
  let quality: TimeQuality = 'synced'
  let lastWrite: GatewayHealth['lastWrite']
  const execute = executor(
    {
      ...{
        clock,
        log,
        clockState: () => ({ quality }),
        site: { lines: [], buses: [bus], devices, busLike: () => bus },
      },
      restart: () => {},
      onWrite: write => {
        lastWrite = write
      },
    },
    new AbortController().signal,
  )
  const open = () =>
    openCommands(
      { clock, log, metrics: openMetrics(GATEWAY_METRICS), execute },
      { gateway: 'gw-1', path: folder },
    )
  let commands = await open()
  const commandOf = (id: string, fields: object) => ({
    ...{ v: 1, id, expiresAt: clock.now() + 600_000, by: 'ana' },
    ...fields,
  })
  return {
    bus,
    said,
    lastWrite: () => lastWrite,
    execute: (id, fields) => execute(Command.parse(commandOf(id, fields))),
    async send(id, fields) {
      const payload = new TextEncoder().encode(JSON.stringify(commandOf(id, fields)))
      const answer = await commands.handle({ topic: `gw/v1/gw-1/cmd/${id}`, payload })
      return CommandResult.parse(JSON.parse(answer?.payload ?? ''))
    },
    async restart() {
      commands = await open()
    },
    know(other) {
      quality = other
    },
  }
}
