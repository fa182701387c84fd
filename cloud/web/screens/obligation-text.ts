// What is owed, as people read it.

import type { ObligationVersion } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

type Frequency = ObligationVersion['frequency']

/** Writes how often something is owed. */
export function useFrequencyText(): (frequency: Frequency) => string {
  const { compliance } = useText()
  return frequency => {
    if (frequency.kind === 'weeks') return compliance.everyWeek
    if (frequency.kind === 'months') return compliance.everyMonths(frequency.everyMonths)
    const { everyMs } = frequency
    if (everyMs % DAY_MS === 0) return compliance.everyDays(everyMs / DAY_MS)
    return everyMs % HOUR_MS === 0
      ? compliance.everyHours(everyMs / HOUR_MS)
      : compliance.everyMinutes(everyMs / MINUTE_MS)
  }
}

/** Writes what is owed as names and values. */
export function useObligationText(): (version: ObligationVersion) => [name: string, value: string][] {
  const { compliance } = useText()
  const format = useFormat()
  const frequencyText = useFrequencyText()
  const instant = (at: string) => format.instant(Date.parse(at))
  const span = (ms: number) =>
    ms % DAY_MS === 0
      ? `${format.number(ms / DAY_MS, 0)} d`
      : `${format.number(ms / HOUR_MS, ms % HOUR_MS === 0 ? 0 : 1)} h`
  return version => {
    const rights = version.rights.map(({ flowLps, yearlyM3 }) =>
      compliance.right(
        `${format.number(flowLps, 2)} L/s`,
        yearlyM3 === undefined ? null : `${format.number(yearlyM3, 0)} m³`,
      ),
    )
    return [
      [compliance.point, version.point],
      [compliance.mode, compliance.modes[version.mode]],
      [compliance.standard, compliance.standards[version.standard]],
      [compliance.frequency, frequencyText(version.frequency)],
      [compliance.channel, compliance.channels[version.channel]],
      [compliance.informant, version.informant],
      [compliance.rights, rights.length === 0 ? compliance.noRights : rights.join(' + ')],
      [compliance.deadline, span(version.deadlineMs)],
      [compliance.maxLag, span(version.maxLagMs)],
      ...(version.resolution === null
        ? []
        : ([[compliance.resolution, version.resolution]] satisfies [string, string][])),
      ...(version.alsoPoints.length === 0
        ? []
        : ([[compliance.alsoPoints, version.alsoPoints.join(', ')]] satisfies [string, string][])),
      [compliance.from, instant(version.from)],
      [compliance.to, version.to === null ? compliance.forever : instant(version.to)],
    ]
  }
}
