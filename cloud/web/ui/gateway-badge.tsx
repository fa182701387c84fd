// How a gateway is, in the signs that points have.

import type { Gateway } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import type { PointState } from '../point-states.ts'
import { StateSign } from './state-badge.tsx'

const SIGNS: Readonly<Record<Gateway['state'], PointState>> = {
  ready: 'current',
  init: 'late',
  sleeping: 'late',
  disconnected: 'fault',
  lost: 'silent',
  unknown: 'never',
}

/** How a gateway is. */
export function GatewayBadge({ state }: { state: Gateway['state'] }) {
  const text = useText()
  const sign = SIGNS[state]
  return (
    <span className={`badge badge-${sign}`}>
      <StateSign state={sign} />
      {text.gateways.states[state]}
    </span>
  )
}
