// A serial line in memory: every byte takes its time on the clock it is given.

import type { Line } from '../../edge/modbus/line.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'

/** A line whose far end a test holds. */
export interface SimulatedLine {
  /** Opens the port, as often as one likes. While it is unplugged, says why not. */
  open: () => Promise<Line | string>
  opened: () => number
  /** What the far end puts on the line, after what it has put on it before. */
  send(bytes: Buffer): void
  /** Ends the port that is open; until it is plugged in again there is none. */
  unplug(): void
  plug(): void
}

/** Lays a line. `heard` gets what is written, when it has come to the far end. */
export function openSimulatedLine(
  { clock, heard }: { clock: Clock; heard: (bytes: Buffer) => void },
  { byteMs }: { byteMs: number },
): SimulatedLine {
  let port: { hear: (bytes: Buffer) => void; gone: (reason: string) => void; isOpen: boolean } | undefined
  let plugged = true
  let opened = 0
  let turn = Promise.resolve()
  const open = async (): Promise<Line | string> => {
    if (!plugged) return 'No such file or directory'
    const mine = { hear: (_: Buffer) => {}, gone: (_: string) => {}, isOpen: true }
    port = mine
    opened += 1
    return {
      isOpen: () => mine.isOpen,
      write(bytes) {
        void clock.sleep(bytes.length * byteMs).then(() => mine.isOpen && heard(bytes))
      },
      listen(hear, gone) {
        Object.assign(mine, { hear, gone })
      },
      flush: async () => {},
      discard() {},
      async close() {
        mine.isOpen = false
        mine.gone('')
      },
    }
  }
  return {
    open,
    opened: () => opened,
    send(bytes) {
      turn = turn.then(async () => {
        await clock.sleep(bytes.length * byteMs)
        if (port?.isOpen === true) port.hear(bytes)
      })
    },
    unplug() {
      plugged = false
      if (port === undefined) return
      port.isOpen = false
      port.gone(': the adapter was pulled out')
    },
    plug() {
      plugged = true
    },
  }
}
