// Choosing the stretch of time that charts show: how long, earlier, later, or up to now.

import { type ReactNode, useState } from 'react'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { Choice } from '../ui/choice.tsx'
import { Icon } from '../ui/icons.tsx'
import { useNow } from '../ui/now.tsx'
import { moveView, RANGES, type Range, type TimeView } from './view.ts'

/** Charts that follow now do so in steps of this, so that each second does not ask anew. */
const FOLLOW_MS = 15_000

/** What charts show, and how that is changed. */
export interface ShownTime {
  view: TimeView
  /** Whether its end is now. */
  isLive: boolean
  /** The stretch that was chosen; undefined once it was zoomed. */
  range: Range | undefined
  choose(range: Range): void
  move(to: TimeView): void
  toNow(): void
}

/** The stretch that charts show; at first so long up to now. */
export function useShownTime(first: Range): ShownTime {
  const [range, setRange] = useState<Range | undefined>(first)
  const [moved, setMoved] = useState<TimeView | undefined>()
  const current = Math.ceil(useNow() / FOLLOW_MS) * FOLLOW_MS
  const view = moved ?? { from: current - RANGES[range ?? first], to: current }
  const choose = (chosen: Range) => {
    setRange(chosen)
    setMoved(undefined)
  }
  return {
    ...{ view, range, choose },
    isLive: moved === undefined || moved.to >= current - 0.02 * (moved.to - moved.from),
    move(to) {
      const span = to.to - to.from
      if (range === undefined || Math.abs(span / RANGES[range] - 1) > 0.02) setRange(undefined)
      setMoved(to)
    },
    toNow: () => choose(range ?? first),
  }
}

/** The controls of the stretch; what else can be done with it stands beside them. */
export function TimeBar({ time, children }: { time: ShownTime; children?: ReactNode }) {
  const text = useText()
  const { view, range, choose, move, toNow } = time
  const isAtNow = view.to >= now()
  return (
    <>
      <Choice
        label={text.point.range}
        value={range}
        options={(Object.keys(RANGES) as Range[]).map(value => ({ value, label: text.point.ranges[value] }))}
        onChoose={choose}
      />
      <div className="stepper">
        <Step name="previous" label={text.point.earlier} onPress={() => move(moveView(view, -1, now()))} />
        <button type="button" className="button button-small" disabled={isAtNow} onClick={toNow}>
          {text.point.toNow}
        </button>
        <Step
          name="next"
          label={text.point.later}
          disabled={isAtNow}
          onPress={() => move(moveView(view, 1, now()))}
        />
      </div>
      {children}
    </>
  )
}

/** The stretch in words. */
export function Stretch({ view }: { view: TimeView }) {
  const format = useFormat()
  return (
    <p className="history-span">
      {format.instant(view.from)} – {format.instant(view.to)}
    </p>
  )
}

function Step({
  name,
  label,
  disabled = false,
  onPress,
}: {
  name: 'previous' | 'next'
  label: string
  disabled?: boolean
  onPress: () => void
}) {
  return (
    <button type="button" className="icon-button" disabled={disabled} onClick={onPress}>
      <Icon name={name} />
      <span className="visually-hidden">{label}</span>
    </button>
  )
}
