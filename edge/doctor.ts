// Why a well is silent, in plain words: each thing that must work is tried, and what does not says what to do.
//
// Promises:
//   D1. It disturbs nothing: where the gateway runs, it is asked, and neither its lines nor its session are touched.
//   D2. Every finding says what was tried; every one that is wrong says what to do.
//   D3. Each try has an end.

import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { reasonOf } from '../protocol/runtime/errors.ts'
import { overloads } from './check.ts'
import type { RunnableConfig } from './config.ts'
import { examineCloud } from './doctor/cloud.ts'
import { adviceOn, examineBus, examineDevice } from './doctor/devices.ts'
import { type DoctorDeps, type Finding, RunningGateway, TIMEOUT_MS } from './doctor/finding.ts'
import { examineProvider, providerAdviceOn } from './doctor/providers.ts'

/** Below this, the next hour may be the one in which nothing can be written any more. */
const FREE_BYTES_MIN = 64 * 2 ** 20
const FULL = 0.95
/** The outage that a site must be able to stand. */
const DAYS_LEFT_MIN = 30

/** Looks at everything, in the order in which a reading travels. */
export async function* examine(
  deps: DoctorDeps,
  config: RunnableConfig,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const { running, finding } = await askGateway(config, signal)
  yield finding
  yield await examineClock(deps, config, running)
  for (const { index, ...more } of overloads(config)) {
    const subject = `bus ${config.buses[index]?.id}`
    yield { state: 'wrong', subject, tried: 'adding up what its devices are asked, as `check` does', ...more }
  }
  if (running === undefined) {
    for (const bus of config.buses) yield* examineBus(deps, bus, config.devices, signal)
    for (const provider of config.providers) yield await examineProvider(deps, provider, signal)
  } else {
    for (const { id } of config.devices) yield examineDevice(id, running, adviceOn)
    for (const { id } of config.providers) yield examineDevice(id, running, providerAdviceOn)
  }
  yield await examineDisk(config)
  if (running !== undefined) yield examineBuffer(running)
  yield await examineCloud(deps, config, running, signal)
}

/** Asks the gateway's own port. */
async function askGateway(
  { gateway, status }: RunnableConfig,
  signal: AbortSignal,
): Promise<{ running: RunningGateway | undefined; finding: Finding }> {
  const subject = 'gateway'
  const none = (state: 'note' | 'wrong', found: string, tried: string, todo: string) => ({
    running: undefined,
    finding: { state, subject, found, tried, todo },
  })
  if (status === undefined) {
    const todo =
      'add `status: {}` to the configuration, so that it can be asked how it is; stop the gateway before the doctor'
    return none('note', 'nobody can say whether it runs', 'the configuration has no status port', todo)
  }
  const host = status.host === '0.0.0.0' || status.host === '::' ? '127.0.0.1' : status.host
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${status.port}/health`
  const tried = `GET ${url}`
  let answer: unknown
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) })
    answer = await response.json()
  } catch (error) {
    const todo = 'start it, and look at the end of its log when it does not stay up'
    return none('wrong', `does not run (${causeOf(error)})`, tried, todo)
  }
  const parsed = RunningGateway.safeParse(answer)
  if (!parsed.success || parsed.data.gateway !== gateway) {
    const todo = 'give `status` another port, or stop the program that has this one'
    return none('wrong', `another program answers on its port`, tried, todo)
  }
  const running = parsed.data
  if (running.reason === undefined) {
    const found = `runs since ${new Date(running.startedAt).toISOString()}, version ${running.version}`
    return { running, finding: { state: 'ok', subject, found, tried } }
  }
  const todo = 'free or replace the disk; until then what is measured is lost'
  const found = `runs and cannot store readings: ${running.reason}`
  return { running, finding: { state: 'wrong', subject, found, tried, todo } }
}

async function examineClock(
  { askClock }: DoctorDeps,
  config: RunnableConfig,
  running: RunningGateway | undefined,
): Promise<Finding> {
  const subject = 'clock'
  if (config.clock === 'trusted') {
    return { state: 'ok', subject, found: 'trusted, as the configuration says', tried: 'clock: trusted' }
  }
  if (running?.clock.quality === 'synced') {
    return { state: 'ok', subject, found: 'synchronised', tried: 'the running gateway' }
  }
  // The gateway says that it does not know it to be; whether anybody could tell, the machine says.
  const tried = 'chronyc tracking, timedatectl show -p NTPSynchronized'
  const answer = await askClock()
  const synced = typeof answer === 'object' ? answer.synced : answer
  if (synced === true && running === undefined) return { state: 'ok', subject, found: 'synchronised', tried }
  if (synced === true) {
    const todo =
      'wait half a minute and look again; if it stays, let the gateway’s user run chronyc or timedatectl'
    return { state: 'note', subject, found: 'synchronised, which the gateway does not know yet', tried, todo }
  }
  const found = synced === undefined ? 'nobody can say whether it is synchronised' : 'not synchronised'
  const todo =
    synced === undefined
      ? 'install systemd-timesyncd or chrony; in a container whose host keeps the time, say `clock: trusted`'
      : 'let UDP port 123 out to a time server, or give the site one; until then nothing can be declared to DGA'
  return { state: 'wrong', subject, found, tried, todo }
}

async function examineDisk({ buffer }: RunnableConfig): Promise<Finding> {
  const subject = 'disk'
  let folder = buffer.path
  while ((await stat(folder).catch(() => undefined)) === undefined && dirname(folder) !== folder)
    folder = dirname(folder)
  const tried = `writing to ${folder}, and its free space`
  try {
    await access(folder, constants.W_OK)
  } catch {
    const todo = 'give the folder to the user that runs the gateway'
    return { state: 'wrong', subject, found: 'this user may not write there', tried, todo }
  }
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const found = `${toMib(free)} MiB free`
  if (free < FREE_BYTES_MIN)
    return { state: 'wrong', subject, found, tried, todo: 'delete what is not needed on this disk' }
  if (free < buffer.maxBytes) {
    const todo = `an outage may fill the disk before buffer.maxBytes (${toMib(buffer.maxBytes)} MiB): lower it, or make space`
    return { state: 'note', subject, found, tried, todo }
  }
  return { state: 'ok', subject, found, tried }
}

const toMib = (bytes: number) => Math.floor(bytes / 2 ** 20)

function examineBuffer({ buffer }: RunningGateway): Finding {
  const { readings, bytes, maxBytes, evicted, daysLeft } = buffer
  const subject = 'buffer'
  const tried = 'the running gateway'
  const full = `${((bytes / maxBytes) * 100).toFixed(1)} % full`
  const left = daysLeft === undefined ? '' : `, ${Math.floor(daysLeft)} days left without the cloud`
  const found = `${readings} readings wait, ${full}, ${evicted} given up${left}`
  if (bytes >= maxBytes * FULL || evicted > 0) {
    const todo =
      'readings are given up, what no authority asks for first: bring the cloud back (below), and raise buffer.maxBytes if the disk allows'
    return { state: 'wrong', subject, found, tried, todo }
  }
  if (daysLeft !== undefined && daysLeft < DAYS_LEFT_MIN) {
    const todo = `an outage of ${DAYS_LEFT_MIN} days would fill it: raise buffer.maxBytes, or make space on the disk`
    return { state: 'note', subject, found, tried, todo }
  }
  return { state: 'ok', subject, found, tried }
}

/** fetch() says only that it failed; why is in the cause. */
function causeOf(error: unknown): string {
  return reasonOf(error instanceof Error && error.cause instanceof Error ? error.cause : error)
}
