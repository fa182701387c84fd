// The axes that all charts share.

import uPlot from 'uplot'
import type { Format } from '../i18n/format.ts'
import { colourOf } from './colours.ts'

const FONT = "12px 'IBM Plex Sans Variable', system-ui, sans-serif"
const DAY_S = 24 * 3_600
/** Wide enough for most, so that charts below each other begin at the same place. */
const WIDTH_MIN_PX = 64

/** An instant as uPlot cuts days and hours by it: Chile's, whoever looks from wherever. */
export const civilDate = (seconds: number): Date => uPlot.tzDate(new Date(seconds * 1000), 'America/Santiago')

/** The axis of time. */
export function timeAxis(format: Format): uPlot.Axis {
  return {
    stroke: () => colourOf('--ink-faint'),
    grid: { show: false },
    ticks: { stroke: () => colourOf('--line-strong'), size: 5, width: 1 },
    font: FONT,
    space: 78,
    values: (_, splits, __, ___, increment) =>
      splits.map((seconds, index) => {
        const at = seconds * 1000
        if (increment >= 28 * DAY_S) return format.month(at)
        if (increment >= DAY_S) return format.shortDay(at)
        const before = splits[index - 1]
        const isNewDay = before === undefined || format.shortDay(before * 1000) !== format.shortDay(at)
        return isNewDay ? `${format.time(at)}\n${format.shortDay(at)}` : format.time(at)
      }),
  }
}

/** The axis of values, with as many decimals as its numbers need to differ. */
export function valueAxis(format: Format): uPlot.Axis {
  return {
    stroke: () => colourOf('--ink-faint'),
    grid: { stroke: () => colourOf('--line'), width: 1 },
    ticks: { show: false },
    font: FONT,
    size: (_, values) => {
      const longest = (values ?? []).reduce((most, one) => Math.max(most, one.length), 0)
      return Math.max(WIDTH_MIN_PX, longest * 7 + 14)
    },
    space: 36,
    values: (_, splits, __, ___, increment) =>
      splits.map(value =>
        format.number(value, increment >= 1 ? 0 : increment >= 0.1 ? 1 : increment >= 0.01 ? 2 : 3),
      ),
  }
}
