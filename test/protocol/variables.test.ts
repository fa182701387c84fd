import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  fits,
  isVariable,
  toVariableUnit,
  UNITS,
  type Unit,
  unitOf,
  VARIABLE_NAMES,
  VARIABLES,
  type Variable,
  variableOf,
} from '../../protocol/variables.ts'

/** By hand, from the definitions of the units. */
const CONVERSIONS: readonly [number, Unit, Variable, number][] = [
  [12.47, 'L/s', 'flow', 12.47],
  [36, 'm³/h', 'flow', 10],
  [0.01247, 'm³/s', 'flow', 12.47],
  [60, 'L/min', 'flow', 1],
  [3600, 'L/h', 'flow', 1],
  [86.4, 'm³/d', 'flow', 1],
  [60, 'gal/min', 'flow', 3.785411784],
  [60, 'igal/min', 'flow', 4.54609],
  [48213250, 'L', 'total', 48213.25],
  [48213250000000, 'mm³', 'total', 48213.25],
  [3120, 'cm', 'level', 31.2],
  [100, 'ft', 'level', 30.48],
  [1.5, 'bar', 'pressure', 150],
  [10, 'mH2O', 'pressure', 98.0665],
  [-3, 'mbar', 'pressure', -0.3],
  [212, '°F', 'temperature', 100],
  [7200, 's', 'running_time', 2],
]

for (const [value, unit, variable, expected] of CONVERSIONS) {
  test(`toVariableUnit() makes ${value} ${unit} ${expected} ${VARIABLES[variable].unit}`, () => {
    const converted = toVariableUnit(value, unit, variable)

    assert.ok(Math.abs(converted - expected) <= Math.abs(expected) * 1e-15, `got ${converted}`)
  })
}

test('toVariableUnit() moves the decimal point for powers of ten, and keeps what is no number', () => {
  assert.equal(toVariableUnit(1.013, 'bar', 'pressure'), 101.3)
  assert.equal(toVariableUnit(0.00001247, 'm³/s', 'flow'), 0.01247)
  assert.equal(toVariableUnit(1e21, 'm', 'level'), 1e21)
  assert.ok(Number.isNaN(toVariableUnit(Number.NaN, 'bar', 'pressure')))
  assert.equal(toVariableUnit(-Infinity, 'bar', 'pressure'), -Infinity)
})

test('toVariableUnit() refuses a unit of another dimension', () => {
  assert.equal(fits('bar', 'flow'), false)
  assert.throws(() => toVariableUnit(1, 'bar', 'flow'), /Cannot convert bar to L\/s/)
})

test('unitOf() knows the spellings people type, and nothing else', () => {
  assert.equal(unitOf('m3/h'), 'm³/h')
  assert.equal(unitOf('l/s'), 'L/s')
  assert.equal(unitOf('l'), 'L')
  assert.equal(unitOf('mm3'), 'mm³')
  assert.equal(unitOf('uS/cm'), 'µS/cm')
  assert.equal(unitOf('toString'), undefined)
  assert.equal(unitOf('M'), undefined)
})

test('every variable has a code of its own that leads back to it, and a unit that fits it', () => {
  assert.equal(new Set(VARIABLE_NAMES.map(name => VARIABLES[name].code)).size, VARIABLE_NAMES.length)
  for (const name of VARIABLE_NAMES) {
    assert.equal(variableOf(VARIABLES[name].code), name)
    assert.ok(fits(VARIABLES[name].unit, name), name)
  }
  assert.equal(variableOf(999), undefined)
  assert.equal(isVariable('constructor'), false)
})

test('every unit converts to the variable of its dimension and back within one part in 10^15', () => {
  for (const unit of Object.keys(UNITS) as Unit[]) {
    const variable = VARIABLE_NAMES.find(name => fits(unit, name))
    assert.ok(variable, `no variable takes ${unit}`)
    const slope = toVariableUnit(1, unit, variable) - toVariableUnit(0, unit, variable)
    assert.ok(slope > 0, unit)
  }
})
