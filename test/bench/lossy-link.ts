// A mobile link at its worst: 300 ms of round trip, and 1 % of packets lost in each direction.
//
// As root on Linux with gcc it is below the kernel's own TCP (lossy_link.c), so that everything TCP does about it is in
// what is measured. Elsewhere it is a model of it above TCP, in this process (test/doubles/network.ts), which is harder
// than TCP in one way and softer in another: each lost segment holds up everything behind it for the shortest
// retransmission timeout, 200 ms, and a round trip, though a fast retransmission would repair most; and what TCP itself
// makes small messages wait for at such a round trip is not in it. It is as wide as WIDTH_BYTES_PER_SECOND.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import type { Closable } from '../../protocol/runtime/scope.ts'
import { openNetwork, SEGMENT_BYTES } from '../doubles/network.ts'
import { randomFrom } from '../doubles/random.ts'
import { compile } from '../peers/modbus.ts'
import { isHere } from '../peers.ts'

/** How long a packet takes there and back, without what is before it. */
export const ROUND_TRIP_MS = 300
/** Which part of all packets is lost. */
export const LOST = 0.01
/**
 * What a TCP that halves its window at each loss carries on average: MSS · 1.22 / (RTT · √p), 59 kB/s. Mathis, Semke,
 * Mahdavi, Ott: "The Macroscopic Behavior of the TCP Congestion Avoidance Algorithm", 1997.
 */
export const WIDTH_BYTES_PER_SECOND = (SEGMENT_BYTES * 1.22) / ((ROUND_TRIP_MS / 1000) * Math.sqrt(LOST))

const SEED = 1
const RTO_MS = 200 + ROUND_TRIP_MS

/** A link. */
export interface LossyLink extends Closable {
  kind: 'below TCP' | 'a model'
  /** Where a server has to listen to be reached over it. */
  serverHost: string
  /** Where to connect to reach the server that listens on this port. */
  reach(port: number): Promise<{ host: string; port: number }>
}

/** Opens the link: below TCP where that can be. */
export async function openLossyLink(): Promise<LossyLink> {
  return (await openBelowTcp()) ?? openModel()
}

async function openBelowTcp(): Promise<LossyLink | undefined> {
  const isRoot = process.getuid?.() === 0
  if (!isRoot || !isHere('gcc') || !isHere('libc') || !existsSync('/dev/net/tun')) return undefined
  const program = await compile('test/bench/lossy_link.c', [])
  const child = spawn(program.path, [String(ROUND_TRIP_MS / 2), String(LOST), String(SEED)], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const exited = once(child, 'exit').then(() => 'exited' as const)
  const close = async () => {
    child.stdin.end()
    await exited
    await program.close()
  }
  if ((await Promise.race([once(child.stdout, 'data'), exited])) === 'exited') {
    await close()
    return undefined
  }
  const reach = async (port: number) => ({ host: '198.18.0.2', port })
  return { kind: 'below TCP', serverHost: '198.18.0.1', reach, close }
}

function openModel(): LossyLink {
  const networks: Closable[] = []
  return {
    kind: 'a model',
    serverHost: '127.0.0.1',
    async reach(to) {
      const loss = { rate: LOST, stallMs: RTO_MS, random: randomFrom(SEED) }
      const line = { to, delayMs: ROUND_TRIP_MS / 2, bytesPerSecond: WIDTH_BYTES_PER_SECOND, loss }
      const network = await openNetwork({ clock }, line)
      networks.push(network)
      return { host: '127.0.0.1', port: network.port }
    },
    async close() {
      for (const network of networks) await network.close()
    },
  }
}
