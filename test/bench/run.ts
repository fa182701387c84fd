// `npm run bench`: every benchmark, one after the other, each in a process of its own so that none inherits another's heap.
//
// A table for people, then one JSON line for each figure. Arguments choose: `npm run bench -- buffer modbus`. One that fails
// takes no figures of the others with it; then the status is 1.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { installPeers } from '../peers.ts'
import { type Figure, toTable } from './figure.ts'

/** What is measured, in this order. Each runs against a peer, or the bare limit, in the same run. */
const BENCHES: Record<string, () => Promise<Figure[]>> = {
  wire: async () => (await import('./wire.ts')).benchWire(),
  buffer: async () => (await import('./buffer.ts')).benchBuffer(),
  wear: async () => (await import('./wear.ts')).benchWear(),
  serial: async () => (await import('./serial.ts')).benchSerial(),
  modbus: async () => (await import('./modbus.ts')).benchModbus(),
  collector: async () => (await import('./collector.ts')).benchCollector(),
  replay: async () => (await import('./replay.ts')).benchReplay(),
  queries: async () => (await import('./queries.ts')).benchQueries(),
  cold: async () => (await import('./cold.ts')).benchCold(),
  drain: async () => (await import('./drain.ts')).benchDrain(),
  processor: async () => (await import('./processor.ts')).benchProcessor(),
  chaos: async () => (await import('./chaos.ts')).benchChaos(),
  declare: async () => (await import('./declare.ts')).benchDeclare(),
  memory: async () => (await import('./memory.ts')).benchMemory(),
  api: async () => (await import('./api.ts')).benchApi(),
  exports: async () => (await import('./exports.ts')).benchExports(),
  web: async () => (await import('./web.ts')).benchWeb(),
}

const chosen = process.argv.slice(2)
const unknown = chosen.filter(name => BENCHES[name] === undefined)

if (process.send !== undefined) {
  const figures = (await BENCHES[chosen[0] ?? '']?.()) ?? []
  process.send(figures, () => process.exit())
} else if (unknown.length > 0) {
  console.error(`No such benchmark: ${unknown.join(', ')}. There are ${Object.keys(BENCHES).join(', ')}.`)
  process.exitCode = 64
} else await measure(chosen.length === 0 ? Object.keys(BENCHES) : chosen)

async function measure(names: readonly string[]): Promise<void> {
  installPeers(line => console.error(line))
  const figures: (Figure & { bench: string })[] = []
  for (const bench of names) {
    console.error(`measuring ${bench} …`)
    for (const figure of await measureApart(bench)) figures.push({ bench, ...figure })
  }
  console.log(`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}\n`)
  console.log(`${toTable(figures)}\n`)
  for (const figure of figures) console.log(JSON.stringify(figure))
}

async function measureApart(bench: string): Promise<Figure[]> {
  const child = fork(import.meta.filename, [bench])
  const said: Figure[] = []
  child.on('message', figures => said.push(...(figures as Figure[])))
  const [code] = await once(child, 'exit')
  if (code === 0) return said
  console.error(`The benchmark ${bench} ended with ${code}`)
  process.exitCode = 1
  return []
}
