// The register maps we bring: each parses, can be planned, and says where it is from.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readGatewayConfig } from '../../../edge/config.ts'
import { planReads } from '../../../edge/modbus/plan.ts'
import { parseGatewayConfig } from '../../../protocol/gateway-config.ts'
import { profileNames, profileSignals, readProfile } from '../../../protocol/modbus/profile.ts'
import { planMistakes, type Reads } from '../../../protocol/modbus/spans.ts'
import { ConfigError } from '../../../protocol/runtime/errors.ts'

const READS: Reads = { maxRegisters: 125, maxGap: 16, holes: [] }

function configText(device: string): string {
  return `gateway: gw-test
client: campo
project: los-aromos
uplink: { url: "mqtts://cloud.example", credentials: ./identity }
buffer: { path: ./buffer }
buses: [{ id: plant, tcp: { host: 127.0.0.1 } }]
devices:
  - { id: meter, bus: plant, point: pozo-7, every: 1m, ${device} }
`
}

function writeConfig(context: TestContext, device: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-profile-'))
  context.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'identity'))
  writeFileSync(join(folder, 'identity', 'token'), 'a-token\n')
  const file = join(folder, 'gateway.yaml')
  writeFileSync(file, configText(device))
  return file
}

test('profileNames() finds every device of which registers that hold a measurement are known', () => {
  assert.deepEqual(profileNames(), [
    'aplisens-pce-28',
    'aquaread-leveline',
    'arad-octave',
    'arkon-mags1',
    'badger-modmag-m2000',
    'euromag-mc406',
    'keller-30x',
    'krohne-ifc-050',
    'krohne-ifc-300',
    'novus-fieldlogger',
    'qdy30a',
    'seametrics-imag-4700',
    'siemens-mag-6000',
    'siemens-mag-8000',
    'tuf-2000m',
    'xylem-magflux',
  ])
})

for (const name of profileNames()) {
  test(`profile ${name} says what it is and where its registers are from`, () => {
    const profile = readProfile(name)

    assert.ok(profile !== undefined)
    assert.match(profile.name, /\w+ \w+/)
    // A document with its number or its publisher; the device's own name says nothing about where a map is from.
    assert.ok(profile.source.length >= 10, profile.source)
    assert.notEqual(profile.source, profile.name)
  })

  test(`profile ${name} can be asked for within the limits of Modbus`, () => {
    const signals = profileSignals(name) ?? []

    assert.deepEqual(planMistakes(signals, READS), [])
    const blocks = planReads(signals, READS)
    assert.deepEqual(
      blocks.flatMap(block => block.signals).sort((a, b) => a - b),
      signals.map((_, index) => index),
    )
    for (const { count } of blocks) assert.ok(count <= 125, `${count}`)
  })

  test(`the signals of profile ${name} are accepted where an operator would write them`, () => {
    const signals = JSON.stringify(profileSignals(name))

    assert.doesNotThrow(() => parseGatewayConfig(configText(`signals: ${signals}`), 'test'))
  })
}

test('readGatewayConfig() gives a device the signals of its profile', context => {
  const { devices } = readGatewayConfig(writeConfig(context, 'profile: siemens-mag-8000'), {})

  assert.deepEqual(devices[0]?.signals, profileSignals('siemens-mag-8000'))
})

for (const name of ['no-such-meter', 'profile', 'a']) {
  test(`readGatewayConfig() says that no profile is named "${name}", and where it was asked for`, context => {
    const file = writeConfig(context, `profile: ${name}`)

    assert.throws(
      () => readGatewayConfig(file, {}),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError)
        assert.deepEqual(
          error.mistakes.map(({ path, message }) => [path, message]),
          [['devices[0].profile', `no profile is named "${name}"`]],
        )
        return true
      },
    )
  })
}

test('readProfile() reads nothing outside its folder', () => {
  assert.equal(readProfile('../profiles/keller-30x'), undefined)
  assert.equal(readProfile('..'), undefined)
})
