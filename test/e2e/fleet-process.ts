// Many gateways in one process, each as `smarthydro-edge enroll` and `launch` would have it: arguments are a cloud's address, the
// folder of the package that is installed, and `folder code` for each.
//
// What takes a process's place in life begins again here; a release on trial is a process of its own in both.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openConfiguration } from '../../edge/configuration.ts'
import { enroll } from '../../edge/enrolment/enroll.ts'
import { runGateway } from '../../edge/gateway.ts'
import { openReleases } from '../../edge/release/releases.ts'
import { openShelf } from '../../edge/release/shelf.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { openLog } from '../../protocol/runtime/log.ts'
import { HERE } from '../doubles/releases.ts'

const [url = '', packagedFolder = '', ...gateways] = process.argv.slice(2)
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort(new Error('SIGTERM')))

async function live(folder: string, code: string): Promise<void> {
  const file = join(folder, 'gateway.yaml')
  if (!existsSync(file)) {
    const { gateway, client, project, uplinkUrl } = await enroll({
      url,
      code,
      folder: join(folder, 'identity'),
    })
    const uplink = { url: uplinkUrl, credentials: './identity', minReadings: 8, maxDelay: '1s' }
    const buffer = { path: './buffer', maxBytes: '16MiB' }
    writeFileSync(file, JSON.stringify({ gateway, client, project, uplink, buffer, clock: 'trusted' }))
  }
  const log = openLog({ clock, write: line => process.stderr.write(`${line}\n`) }, { level: 'warn' })
  const configuration = await openConfiguration({ clock, log }, { path: file, environment: {} })
  const shelf = await openShelf({ clock, log }, { folder: join(folder, 'releases'), packagedFolder })
  const { version } = shelf.packaged
  const shelved = { version, configFile: file, architecture: HERE }
  const releases = openReleases({ clock, log, random: Math.random, shelf }, shelved)
  const deps = { clock, log, random: Math.random, configuration, releases, askClock: async () => true }
  while (!stop.signal.aborted) {
    const chosen = await shelf.next()
    if (!chosen.isTrial) await runGateway(deps, configuration.config(), { version }, stop.signal)
    else {
      const [node, program] = [
        join(chosen.folder, 'runtime/bin/node'),
        join(chosen.folder, 'program/lib/cli.js'),
      ]
      await once(spawn(node, [program, 'run', '--config', file], { stdio: 'inherit' }), 'close')
    }
  }
}

await Promise.all(
  gateways.map(one => {
    const [folder = '', code = ''] = one.split(' ')
    return live(folder, code)
  }),
)
