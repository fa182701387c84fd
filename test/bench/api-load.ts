// Asks one address for a while, so many times at once, from a thread of its own. Tells how long each answer took.

import { Agent, get } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'

/** What is asked. */
export interface Load {
  url: string
  token: string
  atOnce: number
  forMs: number
}

/** What came of it. */
export interface Loaded {
  perSecond: number
  took: number[]
}

const agent = new Agent({ keepAlive: true, maxSockets: 1_000 })

function askOnce({ url, token }: Load): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, headers: { authorization: `Bearer ${token}` } }, response => {
      if (response.statusCode !== 200) reject(new Error(`${url}: ${response.statusCode}`))
      response.resume()
      response.once('end', resolve)
    })
    request.once('error', reject)
  })
}

async function run(load: Load): Promise<Loaded> {
  const took: number[] = []
  const began = clock.monotonic()
  const one = async () => {
    while (clock.monotonic() - began < load.forMs) {
      const asked = clock.monotonic()
      await askOnce(load)
      took.push(clock.monotonic() - asked)
    }
  }
  await Promise.all(Array.from({ length: load.atOnce }, one))
  return { perSecond: (took.length * 1000) / (clock.monotonic() - began), took }
}

parentPort?.postMessage(await run(workerData as Load))
