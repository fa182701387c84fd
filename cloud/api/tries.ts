// How often somebody may be refused before nobody looks any more at what they try. Each process counts for itself.

import type { Clock } from '../../protocol/runtime/clock.ts'

/** Addresses that are remembered. */
const ADDRESSES_MAX = 10_000

/** Who was refused how often. */
export interface Tries {
  /** For how many milliseconds this address is not listened to; 0 when it is. */
  waitMs(address: string): number
  /** It was refused once more. */
  failed(address: string): void
}

/** Opens a count of refusals, for each address and for all together. */
export function openTries(
  { clock }: { clock: Clock },
  { each, all, withinMs }: { each: number; all: number; withinMs: number },
): Tries {
  let begunAt = clock.monotonic()
  let total = 0
  const byAddress = new Map<string, number>()
  const turn = () => {
    if (clock.monotonic() - begunAt < withinMs) return
    begunAt = clock.monotonic()
    total = 0
    byAddress.clear()
  }
  return {
    waitMs(address) {
      turn()
      const tooMany = total >= all || (byAddress.get(address) ?? 0) >= each
      return tooMany ? begunAt + withinMs - clock.monotonic() : 0
    },
    failed(address) {
      turn()
      total += 1
      if (byAddress.size < ADDRESSES_MAX || byAddress.has(address)) {
        byAddress.set(address, (byAddress.get(address) ?? 0) + 1)
      }
    },
  }
}
