// The signals of one device as its provider gives them now: what came, at which time of the device, and what was made of it.

import { type Decoded, scaleValue } from '../../protocol/modbus/scaling.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import type { RunnableProvider } from '../config.ts'
import { aligned } from '../table.ts'
import { keyedSignals, openProviders } from './lines.ts'
import type { RemoteSignal } from './poll.ts'
import { newestOf, type Outcome, type Sample, timeText } from './provider.ts'

/** Asks once and says what was given, for people, one line for each signal. Nothing is stored. */
export async function showRemote(
  { clock }: { clock: Clock },
  config: RunnableProvider,
  signal: AbortSignal,
): Promise<{ text: string; failure: string | undefined }> {
  const { id, point, provider } = config
  const signals = keyedSignals(config)
  const keys = [...new Set(signals.map(({ key }) => key))]
  const outcomes = await openProviders({ clock })(config).latest(keys, signal)
  const outcomeOf = ({ key }: RemoteSignal): Outcome => outcomes.get(key) ?? { kind: 'no_data' }
  const rows = signals.map(one => [
    `  ${one.point ?? point}/${one.variable}`,
    ...toCells(one, outcomeOf(one)),
  ])
  const failure = [...new Set(signals.map(one => reasonOf(outcomeOf(one))))].filter(
    reason => reason !== undefined,
  )
  const heading = `${id} (${provider}) at ${new Date(clock.now()).toISOString()}`
  return {
    text: `${[heading, ...aligned(rows), ...failure].join('\n')}\n`,
    failure: failure[0],
  }
}

function toCells(signal: RemoteSignal, outcome: Outcome): string[] {
  if (outcome.kind !== 'ok') return ['none', outcome.kind, signal.key]
  const sample = newestOf(outcome.samples)
  if (sample === undefined) return ['none', 'no_data', signal.key]
  const { value, quality } = decodedOf(sample, signal)
  const shown = value === null ? 'none' : `${value} ${VARIABLES[signal.variable].unit}`
  return [
    shown,
    quality,
    `${signal.key}: ${rawOf(sample)} at ${timeText(sample.at)}${moreOf(outcome.samples.length)}`,
  ]
}

function decodedOf({ given }: Sample, signal: RemoteSignal): Decoded {
  return given.kind === 'number' ? scaleValue(given.raw, signal) : { value: null, quality: given.kind }
}

const rawOf = ({ given }: Sample): string => (given.kind === 'number' ? String(given.raw) : `"${given.text}"`)

const moreOf = (count: number): string => (count === 1 ? '' : `, the newest of ${count}`)

function reasonOf(outcome: Outcome): string | undefined {
  if (outcome.kind === 'ok') return undefined
  return outcome.reason ?? 'the provider has nothing'
}
