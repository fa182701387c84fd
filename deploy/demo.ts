// `npm start`: the whole of SmartHydro on this machine, with a simulated site.
//
// Simulated, in this process: instruments on Modbus TCP, a telemetry provider, DGA. Real, in processes of their own as on
// any site: the gateway, and the cloud with its database. All is kept below data/demo; the next start goes on there.

import { mkdirSync } from 'node:fs'
import { claimFolder } from '../cloud/store/embedded-owner.ts'
import { systemClock } from '../protocol/runtime/clock.ts'
import { Rejected, reasonOf } from '../protocol/runtime/errors.ts'
import { type Closable, openScope } from '../protocol/runtime/scope.ts'
import { openCredentials } from './demo/credentials.ts'
import { DEMO_FOLDER, takenPorts } from './demo/places.ts'
import { openPrograms } from './demo/programs.ts'
import { greet, showForEver } from './demo/show.ts'
import { openSimulation } from './demo/simulation.ts'
import { buildWeb } from './web.ts'

/** npm passes on a Ctrl-C that the terminal has sent us already: a second one counts only after a while. */
const SECOND_SIGNAL_AFTER_MS = 1_500

const stop = new AbortController()
const programs = openPrograms({ clock: systemClock })

function onSignal(): void {
  if (!stop.signal.aborted) {
    stop.abort(new Error('Stopped'))
    const force = () => programs.kill()
    const later = setTimeout(() => {
      for (const name of SIGNALS) process.on(name, force)
    }, SECOND_SIGNAL_AFTER_MS)
    later.unref()
    console.log('\nStopping the gateway, then the cloud …')
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
for (const name of SIGNALS) process.on(name, onSignal)

/** Throws while another start runs: only what a start left behind that is gone may be ended. */
async function claim(): Promise<Closable> {
  try {
    return await claimFolder(DEMO_FOLDER)
  } catch (error) {
    throw error instanceof Rejected ? new Error(`npm start runs already: ${error.message}`) : error
  }
}

async function run(): Promise<void> {
  mkdirSync(DEMO_FOLDER, { recursive: true, mode: 0o700 })
  await using scope = openScope(stop.signal)
  scope.use(await claim())
  await programs.endLeftovers()
  const taken = await takenPorts()
  if (taken.length > 0) throw new Error(`in use on this machine: ${taken.join(', ')}`)
  console.log('Starting a simulated site, the cloud and a gateway …')
  const credentials = openCredentials()
  await buildWeb()
  await openSimulation(scope, { clock: systemClock }, credentials)
  scope.use(programs)
  await programs.startCloud(credentials)
  await programs.startGateway(credentials)
  greet(credentials)
  scope.run(signal => showForEver({ clock: systemClock }, credentials, signal))
  scope.run(programs.watch)
  await scope.finished()
}

try {
  await run()
} catch (error) {
  if (!stop.signal.aborted) {
    console.error(`Cannot go on: ${reasonOf(error)}`)
    process.exitCode = 1
  }
}
