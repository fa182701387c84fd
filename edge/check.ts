// What a configuration will do, in words: requests of each device, and how busy each bus will be.

import type { RunnableConfig } from './config.ts'
import { costOf, planReads } from './modbus/plan.ts'

/** A guess at what a request over TCP takes besides its bytes: round trip and the device's own time. */
const REQUEST_MS = 20

/** The plan of a configuration, as text. */
export function describePlan({
  gateway,
  client,
  project,
  buses,
  devices,
  providers,
}: RunnableConfig): string {
  const lines = [
    `${gateway} of ${client}/${project}: ${devices.length} devices, ${providers.length} at providers`,
    '',
  ]
  for (const bus of buses) {
    const address = bus.tcp === undefined ? bus.serial?.path : `${bus.tcp.host}:${bus.tcp.port}`
    let busyMsAnHour = 0
    const described = devices
      .filter(device => device.bus === bus.id)
      .map(device => {
        const blocks = planReads(device.signals, device.reads)
        const pollsAnHour = 3_600_000 / device.every
        busyMsAnHour += pollsAnHour * blocks.length * REQUEST_MS
        const reads = blocks.map(({ table, address, count }) => `${table} ${address}+${count}`).join(', ')
        return `  ${device.id} (unit ${device.unit}, ${device.signals.length} signals): ${blocks.length} requests, ${costOf(blocks)} bytes: ${reads}; ${round(pollsAnHour)} polls an hour`
      })
    lines.push(`bus ${bus.id} at ${address}: about ${round(busyMsAnHour / 36_000)} % busy`, ...described)
  }
  for (const { id, provider, every, signals } of providers) {
    lines.push(
      `provider ${provider}: ${id}, ${signals.length} signals, ${round(3_600_000 / every)} calls an hour`,
    )
  }
  return `${lines.join('\n')}\n`
}

const round = (value: number): number => Math.round(value * 10) / 10
