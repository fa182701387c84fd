// Flow from volume: what passed between counts, over the time it took.
//
// A mean is known or absent, never 0 for "not known": after a gap, when more passed than can have, when the counter
// was set aside or began anew, there is none, and the flags say why.

import { QUALITIES, TIME_QUALITIES } from '../../../protocol/reading.ts'
import { DOUBT, flagsOf } from '../../flags.ts'
import { type Dated, type FlowRule, inForce } from './calibration.ts'

/** A volume as it is stored. */
export interface VolumeValue {
  at: number
  value: number | null
  quality: number
  timeQuality: number
  /** What passed since the count before, m³; null: not known. */
  consumed: number | null
  flags: number
}

/** A mean flow, L/s. */
export interface MeanFlow {
  at: number
  value: number | null
  quality: number
  timeQuality: number
  flags: number
}

/** Flags of a counter's reading that was not counted. */
const SET_ASIDE = flagsOf('zero', 'truncated', 'dropped', 'jumped', 'jitter')
const BEGINS = flagsOf('readmitted')
/** What a flow is not told of: the volume's own events are no fault of the flow's. */
const OF_SOURCE = DOUBT | flagsOf('clock_unsynced', 'meter_event')

const MINUTE_MS = 60_000

/** How far a change of a volume reaches, and how far one has to look back from it. */
export function flowReachMs(rules: readonly Dated<FlowRule>[]): number {
  const minutes = rules.map(({ value }) => value.maxGapMinutes + value.overMinutes)
  return minutes.reduce((most, one) => Math.max(most, one), 0) * MINUTE_MS
}

/** The mean flows at volumes, which are in time's order. Before the first rule there are none. */
export function meanFlows(volumes: readonly VolumeValue[], rules: readonly Dated<FlowRule>[]): MeanFlow[] {
  const flows: MeanFlow[] = []
  const counts: VolumeValue[] = []
  for (const volume of volumes) {
    const rule = inForce(rules, volume.at)
    const isCount =
      volume.value !== null && ((volume.flags & SET_ASIDE) === 0 || (volume.flags & BEGINS) !== 0)
    if (isCount) counts.push(volume)
    if (rule !== undefined) flows.push(isCount ? flowAt(counts, rule) : absent(volume, volume.flags))
  }
  return flows
}

function flowAt(counts: readonly VolumeValue[], rule: FlowRule): MeanFlow {
  const last = counts.at(-1) as VolumeValue
  let passedM3 = 0
  let worst = last
  for (let index = counts.length - 1; ; index -= 1) {
    const count = counts[index] as VolumeValue
    const before = counts[index - 1]
    if (count.consumed === null) return absent(last, last.flags)
    const isGap = before === undefined || count.at - before.at > rule.maxGapMinutes * MINUTE_MS
    if (isGap) return absent(last, last.flags | flagsOf('gap'))
    if (count.consumed > rule.maxConsumptionM3) return absent(last, last.flags | flagsOf('excess'))
    passedM3 += count.consumed
    worst = { ...worst, ...worseOf(worst, before) }
    const tookMs = last.at - before.at
    if (tookMs < rule.overMinutes * MINUTE_MS) continue
    const flowLps = (passedM3 * 1e6) / tookMs
    if (flowLps > rule.maxFlowLps) return absent(last, last.flags | flagsOf('excess'))
    const { at, quality, timeQuality, flags } = worst
    return { at, value: flowLps, quality, timeQuality, flags: flags & OF_SOURCE }
  }
}

/** A mean is no better than either of its ends. */
function worseOf(one: VolumeValue, other: VolumeValue): Pick<VolumeValue, 'quality' | 'timeQuality'> {
  const isUnsynced = other.timeQuality === TIME_QUALITIES.unsynced
  return {
    quality: Math.max(one.quality, other.quality),
    timeQuality: isUnsynced ? other.timeQuality : one.timeQuality,
  }
}

function absent({ at, value, quality, timeQuality }: VolumeValue, flags: number): MeanFlow {
  const reason = value === null ? quality : QUALITIES.no_data.code
  return { at, value: null, quality: reason, timeQuality, flags }
}
