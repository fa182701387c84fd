// Many gateways in one process, each as `smarthydro-edge enroll` and `run` would have it: arguments are a cloud's address and
// `folder code` for each. Says a line when one is enrolled.

import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openConfiguration } from '../../edge/configuration.ts'
import { enroll } from '../../edge/enrolment/enroll.ts'
import { type Ended, runGateway } from '../../edge/gateway.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { openLog } from '../../protocol/runtime/log.ts'

const [url = '', ...gateways] = process.argv.slice(2)
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
    process.stdout.write(`enrolled ${gateway}\n`)
  }
  const log = openLog({ clock, write: line => process.stderr.write(`${line}\n`) }, { level: 'warn' })
  const configuration = await openConfiguration({ clock, log }, { path: file, environment: {} })
  const deps = { clock, log, random: Math.random, configuration, askClock: async () => true }
  for (let ended: Ended = 'again'; ended === 'again' && !stop.signal.aborted; ) {
    ended = await runGateway(deps, configuration.config(), { version: '0.0.0' }, stop.signal)
  }
}

await Promise.all(
  gateways.map(one => {
    const [folder = '', code = ''] = one.split(' ')
    return live(folder, code)
  }),
)
