// Where the demonstration keeps things, and where its parts listen.

import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** All that the demonstration writes. */
export const DEMO_FOLDER = `${ROOT}data/demo`

/** Who listens where, on loopback. */
export const PLACES = {
  'instrument of pozo-7 (Modbus TCP)': 5507,
  'instrument of pozo-8 (Modbus TCP)': 5508,
  'spare instrument (Modbus TCP)': 5509,
  'DGA (simulated)': 8090,
  'Twin (simulated provider)': 8091,
  collector: 8001,
  compliance: 8002,
  processor: 8003,
  'REST API': 8004,
  analytics: 8005,
  'gateway status': 8010,
  'LAN broker of the gateway (MQTT)': 1883,
  'broker of the cloud (MQTT)': 1884,
} as const

/** The services of the cloud and the gateway, which answer GET /health. */
export const HEALTH_PORTS = [8001, 8002, 8003, 8004, 8005] as const
/** Where the gateway answers GET /health. */
export const GATEWAY_PORT = 8010

/** The places at which somebody else listens. */
export async function takenPorts(): Promise<string[]> {
  const taken: string[] = []
  for (const [name, port] of Object.entries(PLACES)) {
    if (!(await isFree(port))) taken.push(`port ${port} (for ${name})`)
  }
  return taken
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
