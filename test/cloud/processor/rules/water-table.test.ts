import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waterTable } from '../../../../cloud/processor/rules/water-table.ts'
import { QUALITIES } from '../../../../protocol/reading.ts'

const PROBE = { sensorDepthM: 80, offsetM: -0.5 }
const good = QUALITIES.good.code
const uncertain = QUALITIES.uncertain.code

test('waterTable() is the depth of the sensor less the column above it', () => {
  assert.deepEqual(waterTable({ value: 32.5, quality: good }, PROBE), { value: 48, quality: good })
})

test('waterTable() keeps a water table above the ground, uncertain, and clamps nothing', () => {
  assert.deepEqual(waterTable({ value: 90.5, quality: good }, PROBE), { value: -10, quality: uncertain })
})

test('waterTable() at the ground is as good as its level, and a centimetre above it uncertain', () => {
  assert.deepEqual(waterTable({ value: 80.5, quality: good }, PROBE), { value: 0, quality: good })
  assert.deepEqual(waterTable({ value: 80.51, quality: good }, PROBE), { value: -0.01, quality: uncertain })
})

test('waterTable() is absent for the same reason as the level', () => {
  const absent = { value: null, quality: QUALITIES.sensor_code.code }

  assert.deepEqual(waterTable(absent, PROBE), absent)
})

test('waterTable() is as uncertain as its level', () => {
  assert.equal(waterTable({ value: 32.5, quality: uncertain }, PROBE).quality, uncertain)
})

test('waterTable() leaves no trace of binary subtraction', () => {
  const { value } = waterTable({ value: 36.63, quality: good }, { sensorDepthM: 80, offsetM: 0 })
  assert.equal(value, 43.37)
})
