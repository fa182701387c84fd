// Why something is an anomaly, in words, with its numbers.

import { toDecimal } from '../rounding.ts'
import type { AnomalyKind } from './judge.ts'

/** What was found, of the day on which it was worst. */
export function reasonOf(kind: AnomalyKind, evidence: Readonly<Record<string, number>>): string {
  const say = (name: string, decimals = 2): string =>
    evidence[name] === undefined ? '?' : String(Number(toDecimal(evidence[name], { decimals })))
  switch (kind) {
    case 'night_flow':
      return `At least ${say('nightM3h')} m³/h passed in every hour of the night; usual are ${say('usualM3h')}, and up to ${say('boundM3h')} are not remarkable`
    case 'stuck_counter':
      if (evidence.sunkHours !== undefined) {
        return `The counter stood for ${say('sunkHours', 0)} h in which the water was sunk by up to ${say('sunkM')} m, as when the pump runs; usual are ${say('usualHours', 0)} h`
      }
      return `The counter stood for ${say('stillHours', 0)} h while ${say('flowedM3')} m³ flowed (${say('meanFlowLps')} L/s)`
    case 'drawdown':
      return evidence.mPerLps === undefined
        ? `The water sank by ${say('drawdownM')} m; usual are ${say('usualM')}, and ${say('boundM')} more or less are not remarkable`
        : `The water sank by ${say('drawdownM')} m at ${say('runningLps')} L/s, ${say('mPerLps', 3)} m for each; usual are ${say('usualMPerLps', 3)}, and ${say('boundMPerLps', 3)} more or less are not remarkable`
    case 'flow_against_volume':
      return `The counter says ${say('countedM3')} m³ and the flow ${say('flowedM3')} m³ of the same hours: ${say('ratio')} of it, where ${say('usualRatio')} is usual`
  }
}
