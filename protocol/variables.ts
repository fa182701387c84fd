// Variables, each with its one unit, and the units that instruments give.
//
// A reading always carries its variable's unit; what an instrument gives is converted once, at the gateway, by a
// factor that is written here and nowhere else.

/** A physical kind. Units of one dimension convert into each other; others do not. */
type Dimension =
  | 'flow'
  | 'volume'
  | 'length'
  | 'velocity'
  | 'pressure'
  | 'temperature'
  | 'count'
  | 'ratio'
  | 'voltage'
  | 'conductivity'
  | 'time'
  | 'energy'
  | 'power'
  | 'number'

interface VariableKind {
  /** The number that stands for the variable on disk, on the wire and in the database. Never reused. */
  code: number
  unit: string
  dimension: Dimension
  /** Measured by an instrument, or computed in the cloud from what was measured. */
  origin: 'measured' | 'derived'
}

/** Every variable there is. To add one: a line here, with a new code. */
export const VARIABLES = {
  flow: { code: 1, unit: 'L/s', dimension: 'flow', origin: 'measured' },
  total: { code: 2, unit: 'm³', dimension: 'volume', origin: 'measured' },
  level: { code: 3, unit: 'm', dimension: 'length', origin: 'measured' },
  pulses: { code: 4, unit: 'pulses', dimension: 'count', origin: 'measured' },
  pressure: { code: 5, unit: 'kPa', dimension: 'pressure', origin: 'measured' },
  temperature: { code: 6, unit: '°C', dimension: 'temperature', origin: 'measured' },
  conductivity: { code: 7, unit: 'µS/cm', dimension: 'conductivity', origin: 'measured' },
  velocity: { code: 8, unit: 'm/s', dimension: 'velocity', origin: 'measured' },
  voltage: { code: 9, unit: 'V', dimension: 'voltage', origin: 'measured' },
  battery: { code: 10, unit: '%', dimension: 'ratio', origin: 'measured' },
  stage: { code: 11, unit: 'm', dimension: 'length', origin: 'measured' },
  ph: { code: 12, unit: 'pH', dimension: 'number', origin: 'measured' },
  turbidity: { code: 13, unit: 'NTU', dimension: 'number', origin: 'measured' },
  status: { code: 14, unit: 'code', dimension: 'number', origin: 'measured' },
  reverse_total: { code: 15, unit: 'm³', dimension: 'volume', origin: 'measured' },
  net_total: { code: 16, unit: 'm³', dimension: 'volume', origin: 'measured' },
  running_time: { code: 17, unit: 'h', dimension: 'time', origin: 'measured' },
  energy: { code: 18, unit: 'kWh', dimension: 'energy', origin: 'measured' },
  power: { code: 19, unit: 'kW', dimension: 'power', origin: 'measured' },
  signal_quality: { code: 20, unit: '%', dimension: 'ratio', origin: 'measured' },
  /** Depth of the water below ground: nivel freático. */
  water_table: { code: 64, unit: 'm', dimension: 'length', origin: 'derived' },
  /** What a counter has let through since the series began, through resets and replacements. */
  volume: { code: 65, unit: 'm³', dimension: 'volume', origin: 'derived' },
  /** The mean flow since a reading before: what the counter let through, over the time it took. */
  mean_flow: { code: 66, unit: 'L/s', dimension: 'flow', origin: 'derived' },
} as const satisfies Record<string, VariableKind>

/** The name of a variable. */
export type Variable = keyof typeof VARIABLES

/** What an authority asks for, and what that is computed from: given up last where space is short. */
export const REGULATORY: readonly Variable[] = [
  'flow',
  'total',
  'level',
  'pulses',
  'stage',
  'reverse_total',
  'net_total',
]

/** All names, in the order of their codes. */
export const VARIABLE_NAMES = Object.keys(VARIABLES) as [Variable, ...Variable[]]

const BY_CODE = new Map<number, Variable>(VARIABLE_NAMES.map(name => [VARIABLES[name].code, name]))

/** The variable that a code stands for; `undefined` for a code this version does not know. */
export function variableOf(code: number): Variable | undefined {
  return BY_CODE.get(code)
}

/** Whether a text is the name of a variable. */
export function isVariable(text: string): text is Variable {
  return Object.hasOwn(VARIABLES, text)
}

/**
 * What one of a unit is in its dimension's base unit, as a fraction of integers so that decimal values stay
 * decimal; `offset` is added after. US gallon 3.785411784 L and imperial gallon 4.54609 L are exact by definition;
 * 1 mH2O is the conventional 9.80665 kPa.
 */
interface UnitKind {
  dimension: Dimension
  times: number
  over: number
  offset?: number
}

/** Every unit an instrument may give. `m3` may be written for `m³`, `l` for `L`. */
export const UNITS = {
  'L/s': { dimension: 'flow', times: 1, over: 1 },
  'L/min': { dimension: 'flow', times: 1, over: 60 },
  'L/h': { dimension: 'flow', times: 1, over: 3600 },
  'm³/s': { dimension: 'flow', times: 1000, over: 1 },
  'm³/h': { dimension: 'flow', times: 10, over: 36 },
  'm³/d': { dimension: 'flow', times: 10, over: 864 },
  'gal/min': { dimension: 'flow', times: 3785411784, over: 60_000_000_000 },
  'igal/min': { dimension: 'flow', times: 454609, over: 6_000_000 },
  'm³': { dimension: 'volume', times: 1, over: 1 },
  L: { dimension: 'volume', times: 1, over: 1000 },
  mL: { dimension: 'volume', times: 1, over: 1_000_000 },
  'mm³': { dimension: 'volume', times: 1, over: 1_000_000_000 },
  gal: { dimension: 'volume', times: 3785411784, over: 1_000_000_000_000 },
  m: { dimension: 'length', times: 1, over: 1 },
  cm: { dimension: 'length', times: 1, over: 100 },
  mm: { dimension: 'length', times: 1, over: 1000 },
  ft: { dimension: 'length', times: 3048, over: 10_000 },
  'm/s': { dimension: 'velocity', times: 1, over: 1 },
  kPa: { dimension: 'pressure', times: 1, over: 1 },
  Pa: { dimension: 'pressure', times: 1, over: 1000 },
  MPa: { dimension: 'pressure', times: 1000, over: 1 },
  bar: { dimension: 'pressure', times: 100, over: 1 },
  mbar: { dimension: 'pressure', times: 1, over: 10 },
  mH2O: { dimension: 'pressure', times: 980665, over: 100_000 },
  '°C': { dimension: 'temperature', times: 1, over: 1 },
  '°F': { dimension: 'temperature', times: 5, over: 9, offset: -160 / 9 },
  pulses: { dimension: 'count', times: 1, over: 1 },
  '%': { dimension: 'ratio', times: 1, over: 1 },
  V: { dimension: 'voltage', times: 1, over: 1 },
  mV: { dimension: 'voltage', times: 1, over: 1000 },
  'µS/cm': { dimension: 'conductivity', times: 1, over: 1 },
  'mS/cm': { dimension: 'conductivity', times: 1000, over: 1 },
  h: { dimension: 'time', times: 1, over: 1 },
  min: { dimension: 'time', times: 1, over: 60 },
  s: { dimension: 'time', times: 1, over: 3600 },
  kWh: { dimension: 'energy', times: 1, over: 1 },
  Wh: { dimension: 'energy', times: 1, over: 1000 },
  kW: { dimension: 'power', times: 1, over: 1 },
  W: { dimension: 'power', times: 1, over: 1000 },
  pH: { dimension: 'number', times: 1, over: 1 },
  NTU: { dimension: 'number', times: 1, over: 1 },
  code: { dimension: 'number', times: 1, over: 1 },
} as const satisfies Record<string, UnitKind>

/** The name of a unit. */
export type Unit = keyof typeof UNITS

/** All names of units. */
export const UNIT_NAMES = Object.keys(UNITS) as Unit[]

/** The unit that a text names, with the spellings people type (`m3/h`, `l/s`, `uS/cm`); `undefined` if none. */
export function unitOf(text: string): Unit | undefined {
  const spelled = text
    .replace('m3', 'm³')
    .replace(/^uS/, 'µS')
    .replace(/^l(?=$|\/)/, 'L')
    .replace(/^mm3$/, 'mm³')
  return Object.hasOwn(UNITS, spelled) ? (spelled as Unit) : undefined
}

/** Whether a value in `unit` can become one of `variable`. */
export function fits(unit: Unit, variable: Variable): boolean {
  return UNITS[unit].dimension === VARIABLES[variable].dimension
}

/**
 * A value in `unit` as a value of `variable`, in the variable's one unit.
 *
 * Computed as `value · times / over`, which keeps values such as 12.47 m³/h · 10 / 36 correctly rounded once per
 * step; powers of ten move the decimal point, so that 1.013 bar is 101.3 kPa and not one bit less. Throws when the dimensions differ: a configuration that asks for it is refused before it runs.
 */
export function toVariableUnit(value: number, unit: Unit, variable: Variable): number {
  if (!fits(unit, variable)) throw new Error(`Cannot convert ${unit} to ${VARIABLES[variable].unit}`)
  const from: UnitKind = UNITS[unit]
  const power = from.over === 1 ? Math.log10(from.times) : Number.NaN
  const multiplied = Number.isInteger(power) ? shiftPoint(value, power) : value * from.times
  return multiplied / from.over + (from.offset ?? 0)
}

/** `value · 10^places`, as one would write it. */
function shiftPoint(value: number, places: number): number {
  if (places === 0 || !Number.isFinite(value)) return value
  const [digits, exponent = '0'] = value.toString().split('e') as [string, string?]
  return Number(`${digits}e${Number(exponent) + places}`)
}
