// How far the water stood from the ground while the pump rested: what drawdown is counted from.

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { seriesQuery } from '../api/queries.ts'
import { now } from '../clock.ts'
import { restLevelOf } from './levels.ts'

const WEEK_MS = 7 * 86_400_000
const HOUR_MS = 3_600_000
const STEPS = 672

/** The highest water of the last week that is not doubtful, in metres below ground; null when there is none. */
export function useRestLevel(point: string): number | null {
  const [to] = useState(() => Math.ceil(now() / HOUR_MS) * HOUR_MS)
  const asked = { variable: 'water_table', from: to - WEEK_MS, to, steps: STEPS, isLive: false } as const
  const { data } = useQuery(seriesQuery(point, asked))
  return data === undefined ? null : restLevelOf(data)
}
