// How a point is, as a shape, a colour and a word: none of them says it alone.

import { useText } from '../i18n/language.tsx'
import type { PointState } from '../point-states.ts'

/** The shape of a state, for places that have no room for the word. */
export function StateSign({ state, size = 12 }: { state: PointState; size?: number }) {
  return (
    <svg className={`sign sign-${state}`} width={size} height={size} viewBox="0 0 12 12" aria-hidden="true">
      {SHAPES[state]}
    </svg>
  )
}

const SHAPES = {
  current: <circle cx="6" cy="6" r="5" />,
  fault: <path d="M6 .8 11.6 11H.4z" />,
  late: <path d="M6 .4 11.6 6 6 11.6.4 6z" />,
  silent: <rect x="1" y="1" width="10" height="10" rx="1" />,
  never: <circle cx="6" cy="6" r="4" className="hollow" />,
} satisfies Record<PointState, unknown>

/** The same with its word. */
export function StateBadge({ state }: { state: PointState }) {
  const text = useText()
  return (
    <span className={`badge badge-${state}`} title={text.stateHint[state]}>
      <StateSign state={state} />
      {text.state[state]}
    </span>
  )
}
