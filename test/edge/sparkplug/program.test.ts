// Sparkplug B from the whole program: the sessions are counted over restarts, and a stop in order is told.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { nextBdSeq } from '../../../edge/sparkplug/session.ts'
import { systemClock as clock } from '../../../protocol/runtime/clock.ts'
import { connectClient } from '../../doubles/gateway-client.ts'
import { openInstrument, wellRegisters } from '../../doubles/instrument.ts'
import { freePort } from '../../doubles/ports.ts'
import { until } from '../../doubles/until.ts'
import { atEnd, keptLog, temporaryFolder } from '../buffer/folder.ts'
import { makeSite, runProgram } from '../site.ts'
import { decodeSparkplug, encodeSparkplug } from './decoder.ts'

/** Of `agua-de-pozo`, as in access.test.ts. */
const HASH =
  '$7$101$AAECAwQFBgcICQoL$M23TZ+v8SVibaz0MDNq22qQ/UIT/cBE5UchjRH/ZYeo+gGtGS6/943huBhz+GeK2peNIDYtLbMx/Cb2jXfDU1A=='

test('a gateway is born for its host, tells its values, and says farewell unless it is killed; each start is the next session', async context => {
  const instrument = await openInstrument({ clock }, { registers: wellRegisters({ clock }) })
  atEnd(context, () => instrument.close())
  const port = await freePort()
  const { file } = makeSite(context, {
    ...{ instrument: instrument.port, cloudUrl: `mqtt://127.0.0.1:${await freePort()}` },
    more: `lanBroker:
  port: ${port}
  sparkplug: { groupId: Campo Sur }
  users: [{ name: scada, password: "${HASH}", sparkplugHost: scada-1 }]
`,
  })

  const sessions: unknown[] = []
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
    sessions.push(await runSession(context, { file, port, signal }))
  }

  assert.deepEqual(sessions, [0, 1, 2])
})

/** Runs the program until its host has heard it all and the signal ends it; returns the session's number. */
async function runSession(
  context: TestContext,
  { file, port, signal }: { file: string; port: number; signal: 'SIGTERM' | 'SIGKILL' },
): Promise<unknown> {
  const program = runProgram(context, ['run', '--config', file])
  await until('it has started', () => program.said('gateway started').length === 1)
  const host = await connectClient(port, { clientId: 'host', username: 'scada', password: 'agua-de-pozo' })
  await host.subscribe('spBv1.0/Campo Sur/#')
  const of = (type: string) =>
    host.messages
      .filter(({ topic }) => topic.split('/')[2] === type)
      .map(({ payload }) => decodeSparkplug(payload))

  await host.publish(
    'spBv1.0/Campo Sur/NCMD/gw-test',
    encodeSparkplug({ metrics: [{ name: 'Node Control/Rebirth', booleanValue: true }] }),
  )
  await until('it is born', () => of('DBIRTH').length === 1)
  const [birth] = of('DBIRTH')
  const names = new Map(birth?.metrics.map(({ name, alias }) => [alias, name]))
  await until('it tells all its values', () => {
    const told = of('DDATA').flatMap(({ metrics }) => metrics.filter(({ value }) => value !== undefined))
    return new Set(told.map(({ alias }) => names.get(alias))).size === 4
  })
  program.child.kill(signal)
  await program.exited
  await until('the connection ends', () => !host.isConnected())

  assert.deepEqual([...names.values()].sort(), ['flow', 'level', 'pulses', 'total'])
  const bdSeqOf = (type: string) => of(type).map(({ metrics: [first] }) => first?.value)
  if (signal === 'SIGTERM') {
    assert.equal(host.messages.at(-1)?.topic, 'spBv1.0/Campo Sur/NDEATH/gw-test')
    assert.deepEqual(bdSeqOf('NDEATH'), bdSeqOf('NBIRTH'))
  } else assert.deepEqual(bdSeqOf('NDEATH'), [])
  return bdSeqOf('NBIRTH')[0]
}

test('nextBdSeq() counts from 0 to 255 and begins again', async context => {
  const folder = await temporaryFolder(context)
  const { log } = keptLog()

  const numbers: number[] = []
  for (let start = 0; start < 258; start += 1) numbers.push(await nextBdSeq({ log }, folder))

  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index % 256),
  )
})

test('nextBdSeq() begins anew when its file is damaged, and goes on when it cannot be written', async context => {
  const folder = await temporaryFolder(context)
  const file = join(folder, 'sparkplug.json')
  const { log, said } = keptLog()
  for (const damage of ['', '{"v":1,"bdSeq":300}', '{"v":1,"bdSeq":']) {
    writeFileSync(file, damage)
    assert.equal(await nextBdSeq({ log }, folder), 0)
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { v: 1, bdSeq: 0 })
  }
  assert.equal(said('sessions of Sparkplug counted from 0: their file could not be read').length, 3)

  await mkdir(`${file}.new`)
  assert.equal(await nextBdSeq({ log }, folder), 1)
  assert.equal(said('session of Sparkplug not written').length, 1)
})
