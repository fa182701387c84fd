// smarthydro-cloud health: whether the services of this machine say that they are well. For supervisors and containers.

import { reasonOf } from '../protocol/runtime/errors.ts'
import type { ServiceName } from './service.ts'

/** Where services listen. */
export interface HealthPlaces {
  host: string
  ports: Readonly<Record<ServiceName, number>>
}

const TIMEOUT_MS = 10_000

/** Asks each service and says what it answers. Returns the exit status: 0 when all are healthy. */
export async function tellHealth(
  services: readonly ServiceName[],
  { host, ports }: HealthPlaces,
  say: (line: string) => void,
): Promise<number> {
  const answers = await Promise.all(
    services.map(name => ask(`http://${reachable(host)}:${ports[name]}/health`)),
  )
  for (const [index, name] of services.entries()) say(`${name}: ${answers[index]}`)
  return answers.every(answer => answer === 'healthy') ? 0 : 1
}

/** Who listens everywhere is reached on loopback. */
const reachable = (host: string): string => (/^(0\.0\.0\.0|::|\[::\])$/.test(host) ? '127.0.0.1' : host)

async function ask(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    const { status, parts } = (await response.json()) as { status: string; parts?: Record<string, Part> }
    const wrong = Object.entries(parts ?? {}).filter(([, part]) => part.status !== 'healthy')
    return [status, ...wrong.map(([part, { reason = '' }]) => `${part}: ${reason}`)].join('; ')
  } catch (error) {
    return `no answer: ${reasonOf(error)}`
  }
}

interface Part {
  status: string
  reason?: string
}
