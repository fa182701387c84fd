// What a look at a gateway brings, and what the looks share.

import { connect } from 'node:net'
import { z } from 'zod'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import { GatewayHealth } from '../../protocol/status.ts'
import type { ClockAnswer } from '../time-quality.ts'

/** How long one try may take. */
export const TIMEOUT_MS = 5_000
/** One thing that was looked at. `note`: worth knowing, and no cause of silence. */
export interface Finding {
  state: 'ok' | 'note' | 'wrong'
  subject: string
  found: string
  tried: string
  todo?: string
}

/** A finding for a person, on as many lines as it needs. */
export function findingText({ state, subject, found, tried, todo }: Finding): string {
  const first = `${state.padEnd(6)}${subject}: ${found}`
  const more = [`tried: ${tried}`, ...(todo === undefined ? [] : [`do: ${todo}`])]
  return state === 'ok' ? `${first}\n` : `${[first, ...more.map(line => `        ${line}`)].join('\n')}\n`
}

/** What it needs of the machine. */
export interface DoctorDeps {
  clock: Clock
  random: () => number
  askClock: () => Promise<ClockAnswer>
}

/** What a running gateway says of itself. */
export const RunningGateway = GatewayHealth.extend({
  ...{ status: z.string(), reason: z.string().optional(), service: z.string(), timestamp: z.string() },
  ...{ gateway: z.string(), cloud: z.enum(['connected', 'not connected']) },
})

/** What a running gateway says of itself. */
export type RunningGateway = z.infer<typeof RunningGateway>

/** Why a port cannot be reached; `undefined` when it can. */
export async function reach(host: string, port: number): Promise<string | undefined> {
  return await new Promise(resolve => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS })
    const end = (reason?: string) => {
      socket.destroy()
      resolve(reason)
    }
    socket.once('connect', () => end())
    socket.once('timeout', () => end(`no answer in ${TIMEOUT_MS / 1000} s`))
    socket.once('error', error => end(reasonOf(error)))
  })
}
