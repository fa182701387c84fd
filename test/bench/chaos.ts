// What the chaos tests count, as figures: the very same tests, run more often than CI has time for.
//
// A line that misbehaves, power cuts, a long outage with kills, random schedules from gateway to database.
// MODBUS_FUZZ=1000000, POWER_CUTS=1000, OUTAGE_DAYS=30 OUTAGE_KILLS=200 and SCHEDULES=2000 take an hour and a half together. A test that fails ends the benchmark.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { FIGURE_MARK } from '../chaos/figures.ts'
import type { Figure } from './figure.ts'

/** How often, unless the environment says otherwise. */
const OFTEN = {
  MODBUS_FUZZ: '20000',
  POWER_CUTS: '50',
  OUTAGE_DAYS: '1',
  OUTAGE_KILLS: '10',
  SCHEDULES: '30',
}
const TESTS = ['modbus-fuzz', 'power-cut', 'outage', 'schedules']

/** Runs the tests, one after the other. Throws when one fails or counts nothing. */
export async function benchChaos(): Promise<Figure[]> {
  return TESTS.flatMap(name => {
    const file = join(import.meta.dirname, '..', 'chaos', `${name}.test.ts`)
    const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], {
      ...{ encoding: 'utf8', env: { ...OFTEN, ...process.env }, maxBuffer: 2 ** 26 },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const figures = stdout
      .split('\n')
      .filter(line => line.includes(FIGURE_MARK))
      .map(line => JSON.parse(line.slice(line.indexOf(FIGURE_MARK) + FIGURE_MARK.length)) as Figure)
    if (status !== 0 || figures.length === 0) throw new Error(`${name} ended with ${status}\n${stdout}`)
    return figures
  })
}
