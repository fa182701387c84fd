// A pumped well, as a pure function of time: the same instant gives the same values, on every run and after every
// restart. It pumps for forty minutes of each hour; the level falls while it does, and recovers.

/** What a well is like. */
export interface WellSettings {
  /** When its counters stood at their first values. */
  since: number
  flowLps: number
  firstTotalM3: number
  /** Water over the sensor while it rests. */
  restLevelM: number
  drawdownM: number
  litresPerPulse: number
}

/** What instruments would read at an instant. */
export interface WellState {
  flowLps: number
  totalM3: number
  levelM: number
  pulses: number
}

/** An ordinary well. */
export const WELL: WellSettings = {
  since: Date.parse('2026-01-01T00:00:00Z'),
  flowLps: 12.5,
  firstTotalM3: 48_213,
  restLevelM: 31.2,
  drawdownM: 4.6,
  litresPerPulse: 100,
}

const HOUR_S = 3_600
const PUMPING_S = 2_400
/** Time constant of drawdown and recovery. */
const TAU_S = 420

/** The well at an instant. */
export function wellAt(time: number, settings: WellSettings = WELL): WellState {
  const { since, flowLps, firstTotalM3, restLevelM, drawdownM, litresPerPulse } = settings
  const elapsedS = Math.max(0, (time - since) / 1000)
  const phaseS = elapsedS % HOUR_S
  const pumping = phaseS < PUMPING_S
  const pumpedS = Math.floor(elapsedS / HOUR_S) * PUMPING_S + Math.min(phaseS, PUMPING_S)
  const volumeM3 = (pumpedS * flowLps) / 1000
  const low = drawdownM * (1 - Math.exp(-PUMPING_S / TAU_S))
  const drawn = pumping
    ? drawdownM * (1 - Math.exp(-phaseS / TAU_S))
    : low * Math.exp(-(phaseS - PUMPING_S) / TAU_S)
  return {
    flowLps: pumping ? round(flowLps * (1 + 0.02 * Math.sin(phaseS / 37)), 2) : 0,
    totalM3: round(firstTotalM3 + volumeM3, 2),
    levelM: round(restLevelM - drawn, 2),
    pulses: Math.floor(((firstTotalM3 + volumeM3) * 1000) / litresPerPulse),
  }
}

const round = (value: number, decimals: number): number => Math.round(value * 10 ** decimals) / 10 ** decimals
