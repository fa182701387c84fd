// Executes what the cloud asks, on the lines and buses of the running gateway.

import type { ClockState } from '../protocol/batch.ts'
import type { Command, CommandResult } from '../protocol/command.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { Rejected, Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { GatewayHealth } from '../protocol/status.ts'
import { VARIABLES } from '../protocol/variables.ts'
import type { Execute, Executed } from './commands.ts'
import type { RunnableConfig } from './config.ts'
import { openBus } from './modbus/bus.ts'
import { pollDevice, toPolledDevice } from './modbus/poll.ts'
import { failureText } from './modbus/request.ts'
import { scanBus } from './modbus/scan.ts'
import { checkOrder, writeOrder } from './modbus/write.ts'
import type { Updater } from './release/update.ts'
import type { Site } from './site.ts'

interface ExecutorDeps {
  clock: Clock
  log: Log
  clockState: () => ClockState
  /** What is measured now. */
  site: Pick<Site, 'lines' | 'buses' | 'devices' | 'busLike'>
  /** What a configuration would be here; refused where the fleet has not signed it. Absent: nothing is tried. */
  readTrial?: (trial: CommandOf<'try'>) => RunnableConfig
  random?: () => number
  /** Told what came of each command to write. */
  onWrite?: (write: NonNullable<GatewayHealth['lastWrite']>) => void
  /** Takes releases, where the gateway was started so that it can. */
  updater?: Updater | undefined
  /** Ends the gateway, whose supervisor starts it again. */
  restart: () => void
}

type CommandOf<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>

/** Opens the executor. Whatever it asks of a bus takes its turn there. */
export function executor(deps: ExecutorDeps, signal: AbortSignal): Execute {
  const inTurn = openTurns()
  return async command => {
    switch (command.kind) {
      case 'collect':
        return await collect(deps, command, signal)
      case 'read':
        return await read(deps, command, signal)
      case 'scan':
        return await scan(deps, command, signal)
      case 'write':
        return await inTurn(placeOf(deps, command.device), () => write(deps, command, signal))
      case 'try':
        return await tryDevice(deps, command, signal)
      case 'restart':
        restartSoon(deps)
        return {}
      case 'update':
        return await update(deps, command, signal)
    }
  }
}

/** After the result has had time to leave. */
function restartSoon({ clock, restart }: ExecutorDeps): void {
  void clock.sleep(1_000).then(restart)
}

async function update(
  deps: ExecutorDeps,
  { id, by, release, from }: CommandOf<'update'>,
  signal: AbortSignal,
): Promise<Executed> {
  const { log, updater } = deps
  if (updater === undefined)
    throw new Rejected('This gateway takes no releases: its package did not start it')
  try {
    const became = await updater.update(release, from, signal)
    if (became === 'running') return { reason: 'It runs already' }
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    log.error('release refused', { id, by, reason: error.message })
    return { status: 'refused', reason: error.message }
  }
  restartSoon(deps)
  return {}
}

async function collect(
  { site: { lines } }: ExecutorDeps,
  { devices, provider }: CommandOf<'collect'>,
  signal: AbortSignal,
): Promise<{ readings: number }> {
  const chosen = lines.flatMap(line =>
    line.sources
      .filter(source => provider === undefined || source.provider === provider)
      .filter(({ id }) => devices === undefined || devices.includes(id))
      .map(source => () => line.poll(source, signal)),
  )
  if (chosen.length === 0) throw new Rejected(nothingChosen(provider, devices))
  let readings = 0
  for (const poll of chosen) readings += await poll()
  return { readings }
}

function nothingChosen(provider: string | undefined, devices: readonly string[] | undefined): string {
  const conditions = [
    ...(provider === undefined ? [] : [`read through ${provider}`]),
    ...(devices === undefined ? [] : [`named ${devices.join(' or ')}`]),
  ]
  return conditions.length === 0
    ? 'This gateway has no device'
    : `No device of this gateway is ${conditions.join(' and ')}`
}

/** What a device is on its bus: two names may be those of one. */
function placeOf({ site: { devices } }: ExecutorDeps, id: string): string {
  const device = devices.find(one => one.id === id)
  return `${device?.bus} ${device?.unit}`
}

/** Lets what is done to one device be done one after the other, so that each reads back what it wrote itself. */
function openTurns(): <Value>(place: string, doing: () => Promise<Value>) => Promise<Value> {
  const turns = new Map<string, Promise<unknown>>()
  return (place, doing) => {
    const mine = (turns.get(place) ?? Promise.resolve()).then(doing)
    const over = mine.catch(() => {}).then(() => void (turns.get(place) === over && turns.delete(place)))
    turns.set(place, over)
    return mine
  }
}

/** Holes are not read for a command either: some devices fall silent when they are. */
async function read(
  { site: { buses, devices } }: ExecutorDeps,
  { device: id, table, address, count }: CommandOf<'read'>,
  signal: AbortSignal,
): Promise<{ values: number[] }> {
  const device = devices.find(one => one.id === id)
  const bus = buses.find(one => one.id === device?.bus)
  if (device === undefined || bus === undefined) throw new Rejected(`No device on a bus is named ${id}`)
  const end = address + count
  const hole = device.reads?.holes.find(
    one => one.table === table && one.address < end && address < one.address + one.count,
  )
  if (hole !== undefined) {
    throw new Rejected(`${table} ${hole.address} of ${id} must not be read, as its configuration says`)
  }
  const request = { unit: device.unit, table, address, count, turnaroundMs: device.turnaround ?? 0 }
  const outcome = await bus.read(request, signal)
  if (outcome.kind !== 'values') throw new Unavailable(failureText(bus.id, request, outcome))
  return { values: [...outcome.values] }
}

/** Says in the log who has written what, and who has not and why. */
async function write(
  deps: ExecutorDeps,
  command: CommandOf<'write'>,
  signal: AbortSignal,
): Promise<Executed> {
  const { id, by, device, name, value: asked } = command
  const who = { id, by, device, name, asked }
  const { clock, log, onWrite = () => {} } = deps
  const tell = (status: CommandResult['status'], found?: number | null) =>
    onWrite({ at: clock.now(), by, device, name, asked, status, ...(found === undefined ? {} : { found }) })
  try {
    const { written, failure, remark } = await writeAllowed(deps, command, signal)
    if (failure === undefined) log.info('value written', { ...who, ...written })
    else log.warn('value not written', { ...who, ...written, reason: failure })
    const reason = failure ?? remark
    const status = failure === undefined ? 'done' : 'failed'
    tell(status, written.found)
    return { status, written, ...(reason === undefined ? {} : { reason }) }
  } catch (error) {
    const isRefused = error instanceof Rejected
    if (!isRefused && !(error instanceof Unavailable)) throw error
    log.warn('value not written', { ...who, reason: error.message })
    const status = isRefused ? 'refused' : 'failed'
    tell(status)
    return { status, reason: error.message }
  }
}

async function writeAllowed(
  { site: { buses, devices }, clock, clockState }: ExecutorDeps,
  command: CommandOf<'write'>,
  signal: AbortSignal,
) {
  const { device: id, name, value: asked, expiresAt } = command
  const device = devices.find(one => one.id === id)
  const bus = buses.find(one => one.id === device?.bus)
  if (device === undefined || bus === undefined) throw new Rejected(`No device on a bus is named ${id}`)
  const order = checkOrder(device, command)
  if (clockState().quality === 'unsynced') {
    throw new Rejected('The clock was never synchronised: nobody can say whether the command has expired')
  }
  const wrote = await writeOrder({ bus, clock }, device, order, { notAfter: expiresAt }, signal)
  const { before, found, acknowledged, failure, remark } = wrote
  const { unit } = order.writable
  const written = {
    ...{ device: id, name, asked, before, acknowledged },
    ...(unit === undefined ? {} : { unit }),
    ...(found === undefined ? {} : { found }),
  }
  return { written, failure, remark }
}

/** Over the bus that is there where it is the same, in turn with its polls; else over one that is opened for it. */
async function tryDevice(
  { site, clock, log, random = Math.random, readTrial }: ExecutorDeps,
  command: CommandOf<'try'>,
  signal: AbortSignal,
): Promise<Executed> {
  if (readTrial === undefined) throw new Rejected('This gateway tries nothing')
  const config = readTrial(command)
  const device = config.devices.find(({ id }) => id === command.device)
  const settings = config.buses.find(({ id }) => id === device?.bus)
  if (device === undefined || settings === undefined)
    throw new Rejected(`No device on a bus is named ${command.device}`)
  const running = site.busLike(settings)
  const bus = running ?? openBus({ clock, log, random }, settings)
  try {
    const polled = toPolledDevice(device, device.signals, device.reads, bus.timing)
    const { measurements, failure } = await pollDevice({ bus, clock }, polled, 'synced', signal)
    const measured = measurements.map(({ variable, point, value, quality }) => {
      return { variable, point, value, unit: VARIABLES[variable].unit, quality }
    })
    return { measured, ...(failure === undefined ? {} : { reason: failure }) }
  } finally {
    if (running === undefined) await bus.close()
  }
}

async function scan(
  { site: { buses, devices } }: ExecutorDeps,
  { bus: id, first, last }: CommandOf<'scan'>,
  signal: AbortSignal,
): Promise<{ units: { unit: number; answer: string }[] }> {
  const bus = buses.find(one => one.id === id)
  if (bus === undefined) throw new Rejected(`No bus is named ${id}`)
  const units: { unit: number; answer: string }[] = []
  for await (const { unit, answers, text } of scanBus({ bus }, devices, { first, last }, signal)) {
    if (answers) units.push({ unit, answer: text.slice(0, 300) })
  }
  return { units }
}
