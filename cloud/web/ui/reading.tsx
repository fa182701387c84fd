// A newest value, or that there is none and why.

import type { OverviewPoint, Variable } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'

/** What a point last gave of one variable. */
export type LatestValue = Pick<OverviewPoint['latest'][number], 'variable' | 'value' | 'quality'>

/** A value with its unit, or the word that there is none, its reason beside it. */
export function Reading({
  latest,
  decimals = null,
}: {
  latest: LatestValue | undefined
  /** Null: as many as the variable has everywhere. */
  decimals?: number | null
}) {
  const text = useText()
  const format = useFormat()
  if (latest === undefined) return <span className="faint">–</span>
  const { variable, value, quality } = latest
  if (value === null) {
    return (
      <span className="absent" title={text.quality[quality]}>
        {text.point.noValue}
      </span>
    )
  }
  return (
    <span className="numeric" title={quality === 'good' ? undefined : text.quality[quality]}>
      {decimals === null ? format.value(variable, value) : format.number(value, decimals)}
      <span className="unit">{format.unit(variable)}</span>
    </span>
  )
}

/** The first of these variables that a point has. */
export function latestOf<Latest extends { variable: Variable }>(
  latest: readonly Latest[],
  ...variables: readonly Variable[]
): Latest | undefined {
  for (const variable of variables) {
    const found = latest.find(one => one.variable === variable)
    if (found !== undefined) return found
  }
  return undefined
}
