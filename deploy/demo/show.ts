// What the demonstration says on the terminal: where everything is, then what is measured and what DGA has confirmed.

import { z } from 'zod'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { ADMINISTRATOR, type Credentials } from './credentials.ts'
import { PLACES } from './places.ts'

const API = `http://127.0.0.1:${PLACES['REST API']}/api/v1`
const POINTS = ['pozo-7', 'pozo-8', 'pozo-9'] as const
const EVERY_MS = 5_000

/** Says where everything listens, and how to try it. */
export function greet({ adminPassword, apiToken }: Credentials): void {
  const places = Object.entries(PLACES).map(([name, port]) => `  ${String(port).padEnd(6)}${name}`)
  console.log(`
SmartHydro runs, all of it on 127.0.0.1:

${places.join('\n')}

  web             http://localhost:${PLACES['REST API']}
  API reference   http://localhost:${PLACES['REST API']}/docs
  administrator   ${ADMINISTRATOR}   password ${adminPassword}
  API token       ${apiToken}

Try, in another terminal:

  curl -H 'Authorization: Bearer ${apiToken}' ${API}/points/pozo-7/latest
  curl -H 'Authorization: Bearer ${apiToken}' ${API}/compliance/slots
  curl -H 'Authorization: Bearer ${apiToken}' -X POST http://127.0.0.1:${PLACES.collector}/collect/twin
  mosquitto_sub -p 1883 -t 'raw/v1/#' -v
  mosquitto_sub -p 1884 -u demo -P ${apiToken} -t 'raw/v1/#' -v

Ctrl-C stops everything; the next npm start goes on where this one stopped. Logs: data/demo/*.log
`)
}

const Latest = z.object({
  latest: z.array(
    z.object({ variable: z.string(), value: z.number().nullable(), unit: z.string(), quality: z.string() }),
  ),
})

const Slots = z.object({
  items: z.array(
    z.object({
      id: z.unknown(),
      workCode: z.string(),
      channel: z.string(),
      measuredAt: z.string(),
      state: z.string(),
      receipt: z.string().nullable(),
    }),
  ),
})

/** Shows readings every few seconds, and each receipt once. */
export async function showForEver(
  { clock }: { clock: Clock },
  { apiToken = '' }: Credentials,
  signal: AbortSignal,
): Promise<void> {
  const shown = new Set<string>()
  for (;;) {
    for (const point of POINTS) {
      const answer = await ask(`${API}/points/${point}/latest`, apiToken)
      const { latest } = Latest.parse(answer ?? { latest: [] })
      const values = latest.map(({ variable, value, unit, quality }) =>
        value === null ? `${variable} (${quality})` : `${variable} ${value} ${unit}`,
      )
      if (values.length > 0) console.log(`${time(clock)}  ${point}  ${values.join(' · ')}`)
    }
    const { items } = Slots.parse(
      (await ask(`${API}/compliance/slots?state=sent`, apiToken)) ?? { items: [] },
    )
    for (const { workCode, channel, measuredAt, receipt } of items.reverse()) {
      const line = `DGA confirmed ${workCode} of ${measuredAt} over ${channel}: receipt ${receipt}`
      if (receipt !== null && !shown.has(line)) console.log(`${time(clock)}  ${line}`)
      shown.add(line)
    }
    await clock.sleep(EVERY_MS, signal)
  }
}

const time = (clock: Clock): string => new Date(clock.now()).toISOString().slice(11, 19)

async function ask(url: string, token: string): Promise<unknown> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  return answer.ok ? answer.json() : undefined
}
