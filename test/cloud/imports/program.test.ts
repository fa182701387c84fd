// `smarthydro-cloud import …` as somebody types it, on a database of its own, while the program runs and while it does not.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { SERVICE_NAMES } from '../../../cloud/service.ts'
import { type Program, startProgram } from '../../doubles/program.ts'

const SITE = `
clients: [{ id: campo, name: Campo }]
projects: [{ client: campo, id: los-aromos, name: Los Aromos }]
points: [{ client: campo, project: los-aromos, id: pozo-7, name: Pozo 7, kind: groundwater }]
calibrations:
  - { point: campo.los-aromos.pozo-7, rule: total_to_volume, from: "2020-01-01T00:00:00Z" }
`
const REPORT = [
  'Fecha Medición;Fecha Logger;Total;Caudal;Nivel',
  '15/01/2026 09:00;15/01/2026 08:58;1.048.213;12,47;31,2',
  '15/01/2026 10:00;15/01/2026 09:58;1.048.258;12,5;31,1',
  '15/01/2026 11:00;15/01/2026 10:58;1.048.301;;31,1',
].join('\r\n')
const ANY_PORTS = Object.fromEntries(
  [...SERVICE_NAMES.map(name => `${name.toUpperCase()}_PORT`), 'MQTT_PORT'].map(name => [name, '0']),
)

describe('smarthydro-cloud import', () => {
  let cwd: string
  const started: Program[] = []
  const start = (...args: string[]): Program => {
    const program = startProgram('cloud', args, { cwd, env: { ...ANY_PORTS } })
    started.push(program)
    return program
  }
  const ask = async (...args: string[]) => {
    const program = start('import', ...args)
    return { code: await program.exited, text: program.text() }
  }
  before(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'smarthydro-import-'))
    writeFileSync(join(cwd, 'site.yaml'), SITE)
    writeFileSync(join(cwd, 'historia.csv'), REPORT)
    writeFileSync(
      join(cwd, 'mala.csv'),
      REPORT.replace('12,5', '12.5.').replace('15/01/2026 11', '32/01/2026 11'),
    )
    await start('provision', 'site.yaml').exited
  })
  after(async () => {
    for (const program of started) program.kill('SIGKILL')
    await Promise.all(started.map(({ exited }) => exited))
    rmSync(cwd, { recursive: true, force: true })
  })

  test('shows, stores, takes out and lists, without the program', async () => {
    const shown = await ask('file', 'historia.csv', '--point', 'pozo-7')
    assert.equal(shown.code, 0, shown.text)
    assert.match(
      shown.text,
      /total: 3 readings, 2026-01-15T12:00:00.000Z to 2026-01-15T14:00:00.000Z, 1048213 to 1048301/,
    )
    assert.match(shown.text, /assumed: zone/)
    assert.match(shown.text, /nothing is stored yet: smarthydro-cloud import confirm 1/)

    const early = await ask('confirm', '1')
    assert.deepEqual([early.code, /accept what is assumed: zone/.test(early.text)], [1, true])
    const done = await ask('confirm', '1', '--accept', 'zone')
    assert.equal(done.code, 0, done.text)
    assert.match(
      done.text,
      /1 {2}done .*\n.*\n[\s\S]*result: \{"revised":0,"inserted":8,"rejected":0,"duplicate":0\}/,
    )

    const undone = await ask('undo', '1')
    assert.deepEqual([undone.code, /1 {2}undone/.test(undone.text)], [0, true])
    assert.match(
      (await ask('list')).text,
      /^1 {2}undone {2}campo.los-aromos.pozo-7 {2}historia.csv, 8 readings, by command line/m,
    )
  })

  test('names every mistake of a file, and of the command line', async () => {
    const bad = await ask('file', 'mala.csv', '--point', 'pozo-7', '--zone', 'UTC-4')
    assert.match(bad.text, /line 3, Caudal: "12.5." is no number with a decimal comma/)
    assert.match(bad.text, /line 4, Fecha Medición: "32\/01\/2026 11:00" is no time/)
    assert.deepEqual([bad.code, (await ask('confirm', '2')).code], [1, 1])

    // One after the other: each opens the database, which has one owner at a time.
    const codes: (number | null)[] = []
    for (const args of [
      ['file', 'historia.csv'],
      ['file', 'nada.csv', '--point', 'pozo-7'],
      ['file', 'historia.csv', '--point', 'pozo-99'],
      ['file', 'historia.csv', '--point', 'pozo-7', '--zone', 'Chile'],
      ['undo', 'uno'],
      ['show', '99'],
    ]) {
      codes.push((await ask(...args)).code)
    }
    assert.deepEqual(codes, [64, 78, 1, 64, 64, 1])
  })
})
