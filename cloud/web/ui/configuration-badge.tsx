// What a gateway runs with, in a word.

import type { GatewayConfiguration } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'

const TONES: Record<GatewayConfiguration['state'], string> = {
  ...{ unknown: 'never', file: 'late', waiting: 'late', probation: 'late', applied: 'current' },
  ...{ refused: 'fault', 'taken-back': 'fault', drift: 'fault' },
}

/** What a gateway runs with, in a word. */
export function ConfigurationBadge({ state }: { state: GatewayConfiguration['state'] }) {
  const text = useText()
  return <span className={`badge badge-${TONES[state]}`}>{text.configuration.states[state]}</span>
}
