// How much of what was granted is used: of the flow at any instant, and of the volume of a year.

import type { Right } from '../store/rights.ts'
import type { DayFacts } from './facts.ts'

/** The use of what was granted. Null is what is not granted, or not known. */
export interface Use {
  workCodes: string[]
  grantedFlowLps: number | null
  maxFlowLps: number | null
  maxFlowDay: string | null
  daysAboveFlow: number
  grantedYearM3: number | null
  takenM3: number | null
  percentOfYear: number | null
}

/** Of several rights of a point the sum is granted; a volume only where every one of them has one. */
export function useOf(
  rights: readonly Right[],
  { facts, takenM3 }: { facts: readonly DayFacts[]; takenM3: number | null },
): Use {
  const flows = rights.map(({ flowLps }) => flowLps)
  const volumes = rights.map(({ yearlyM3 }) => yearlyM3).filter(m3 => m3 !== null)
  const grantedFlowLps = flows.length === 0 ? null : sum(flows)
  const grantedYearM3 = rights.length === 0 || volumes.length < rights.length ? null : sum(volumes)
  const highest = facts.reduce<DayFacts | undefined>(
    (most, one) => ((one.flowMaxLps ?? -1) > (most?.flowMaxLps ?? -1) ? one : most),
    undefined,
  )
  return {
    workCodes: [...new Set(rights.map(({ workCode }) => workCode))],
    grantedFlowLps,
    maxFlowLps: highest?.flowMaxLps ?? null,
    maxFlowDay: (highest?.flowMaxLps ?? null) === null ? null : (highest?.day ?? null),
    daysAboveFlow:
      grantedFlowLps === null
        ? 0
        : facts.filter(({ flowMaxLps }) => (flowMaxLps ?? 0) > grantedFlowLps).length,
    grantedYearM3,
    takenM3,
    percentOfYear: grantedYearM3 === null || takenM3 === null ? null : (100 * takenM3) / grantedYearM3,
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
