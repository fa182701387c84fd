import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGatewayConfig } from '../../protocol/gateway-config.ts'
import { ConfigError } from '../../protocol/runtime/errors.ts'

const GOOD = `gateway: gw-campo-01
client: campo
project: los-aromos
uplink: { url: "mqtts://cloud.example:8883", credentials: ./identity }
buffer: { path: ./data/buffer, maxBytes: 4GiB }
lanBroker: { host: 127.0.0.1, port: 1883 }
buses:
  - { id: rs485, serial: { path: /dev/ttyUSB0, baudRate: 9600, parity: even } }
  - { id: plant, tcp: { host: 192.168.1.20, port: 502 } }
devices:
  - { id: meter, bus: rs485, unit: 1, profile: siemens-mag-6000, point: pozo-7, every: 1m }
  - id: probe
    bus: plant
    unit: 3
    point: pozo-7
    every: 1m
    signals:
      - { variable: level, table: input, address: 4, type: int16, scale: 0.01, unit: m }
providers:
  - { id: pozo-8, provider: twin, every: 5m, point: pozo-8, device: "abc", username: { env: TWIN_USERNAME },
      password: { env: TWIN_PASSWORD }, signals: [ { variable: pulses, key: "5001" }, { variable: flow, key: "5003" } ] }
`

test('parseGatewayConfig() reads the design document’s example, with durations in ms and sizes in bytes', () => {
  const config = parseGatewayConfig(GOOD, 'gateway.yaml')

  assert.equal(config.buffer.maxBytes, 4 * 2 ** 30)
  assert.equal(config.devices[1]?.every, 60_000)
  assert.equal(config.buses[1]?.timeout, 1000)
  assert.deepEqual(config.devices[1]?.signals?.[0], {
    variable: 'level',
    table: 'input',
    address: 4,
    type: 'int16',
    order: 'ABCD',
    scale: 0.01,
    offset: 0,
    unit: 'm',
    sentinels: [],
  })
  assert.equal(config.providers[0]?.provider, 'twin')
})

test('parseGatewayConfig() takes an address of the cloud by any of its ways, and none that names a user', () => {
  const withUrl = (url: string) =>
    parseGatewayConfig(GOOD.replace(/mqtts:[^"]*/, url), 'gateway.yaml').uplink.url
  for (const url of ['mqtt://h:1883', 'mqtts://h', 'nats://10.0.0.1:4222', 'tls://[::1]:4222']) {
    assert.equal(withUrl(url), url)
  }

  assert.throws(() => withUrl('http://h'), /uplink.url: must be a URL that begins with mqtt:/)
  assert.throws(() => withUrl('tls://gw:secret@h:4222'), /uplink.url: must not name a user/)
})

test('unless the configuration says otherwise, a dead link is found within 20 s, with something under way or without', () => {
  const { uplink } = parseGatewayConfig(GOOD, 'gateway.yaml')

  assert.ok(uplink.ackTimeout <= 19_000)
  assert.ok(uplink.silence <= 19_000)
})

test('parseGatewayConfig() reads a rate as bytes a second', () => {
  const text = GOOD.replace('./identity }', './identity, backlogRate: 16KiB/s }')

  assert.equal(parseGatewayConfig(text, 'gateway.yaml').uplink.backlogRate, 16 * 2 ** 10)
})

test('parseGatewayConfig() refuses more series than a table may name', () => {
  const signals = (count: number, from: number) =>
    Array.from({ length: count }, (_, index) => `{ variable: flow, key: k, point: p-${from + index} }`).join(
      ', ',
    )
  const provider = (index: number, count: number) =>
    `  - { id: d-${index}, provider: nettra, every: 5m, point: p, thing: t, signals: [${signals(count, index * 256)}] }\n`
  const sixteen = Array.from({ length: 16 }, (_, index) => provider(index, 256)).join('')
  const text = (providers: string) => GOOD.replace(/devices:[\s\S]*/, `providers:\n${providers}`)

  assert.equal(parseGatewayConfig(text(sixteen), 'gateway.yaml').providers.length, 16)
  assert.throws(
    () => parseGatewayConfig(text(`${sixteen}${provider(16, 1)}`), 'gateway.yaml'),
    /gateway\.yaml:\d+: providers: 4097 series are more than a gateway may have: 4096$/,
  )
})

/** What is changed in the good document, and every mistake that must be named, with its line. */
const CASES: readonly {
  name: string
  change: (text: string) => string
  mistakes: readonly [string, number, RegExp][]
}[] = [
  {
    name: 'a broker that nobody could read',
    change: text => text.replace('lanBroker: { host: 127.0.0.1', 'lanBroker: { host: 192.168.1.5'),
    mistakes: [['lanBroker', 6, /nobody could read: on 192\.168\.1\.5, name users, or say anonymous: true/]],
  },
  {
    name: 'a user twice, with a password in clear, and a prefix of another site',
    change: text =>
      text.replace(
        'port: 1883 }',
        'port: 1883, users: [{ name: a, password: { env: A } }, { name: a, password: open, read: [campo/other] }] }',
      ),
    mistakes: [
      ['lanBroker.users[1].name', 6, /"a" is already a user/],
      ['lanBroker.users[1].password', 6, /is no hash of a password/],
      ['lanBroker.users[1].read[0]', 6, /its topics begin with campo\/los-aromos/],
    ],
  },
  {
    name: 'a host application of a Sparkplug that is not spoken, twice, and of one well',
    change: text =>
      text.replace(
        'port: 1883 }',
        'port: 1883, users: [{ name: a, password: { env: A }, sparkplugHost: s }, { name: b, password: { env: B }, sparkplugHost: s, read: [campo/los-aromos/pozo-7] }] }',
      ),
    mistakes: [
      ['lanBroker.users[0].sparkplugHost', 6, /there is no lanBroker\.sparkplug/],
      ['lanBroker.users[1].sparkplugHost', 6, /there is no lanBroker\.sparkplug/],
      ['lanBroker.users[1].sparkplugHost', 6, /"s" is already a host/],
      ['lanBroker.users[1].sparkplugHost', 6, /reads all points: leave read out/],
    ],
  },
  {
    name: 'Sparkplug names that mean something in a topic, and a key that it has not',
    change: text =>
      text.replace(
        'port: 1883 }',
        'port: 1883, sparkplug: { groupId: a/b, nodeId: STATE, primaryHost: c } }',
      ),
    mistakes: [
      ['lanBroker.sparkplug.groupId', 6, /must be 1 to 64 characters without \+, \/ and #/],
      ['lanBroker.sparkplug.nodeId', 6, /"STATE" means something else in Sparkplug/],
      ['lanBroker.sparkplug.primaryHost', 6, /unknown key/],
    ],
  },
  {
    name: 'an identifier with a capital',
    change: text => text.replace('gateway: gw-campo-01', 'gateway: Gw'),
    mistakes: [['gateway', 1, /must be 1 to 63 characters/]],
  },
  {
    name: 'an unknown key, where it stands',
    change: text => text.replace('unit: 3', 'unit: 3\n    speed: 9'),
    mistakes: [['devices[1].speed', 15, /unknown key/]],
  },
  {
    name: 'a missing key',
    change: text => text.replace('project: los-aromos\n', ''),
    mistakes: [['project', 1, /^is missing$/]],
  },
  {
    name: 'several mistakes at once',
    change: text =>
      text
        .replace('every: 1m }', 'every: 1 minute }')
        .replace('4GiB', '4GB')
        .replace('type: int16', 'type: int17'),
    mistakes: [
      ['buffer.maxBytes', 5, /must be a size/],
      ['devices[0].every', 11, /must be a duration/],
      ['devices[1].signals[0].type', 18, /^is not one of bool, int16, .*; did you mean `int16`\?$/],
    ],
  },
  {
    name: 'a bus that does not exist',
    change: text => text.replace('bus: plant', 'bus: factory'),
    mistakes: [['devices[1].bus', 13, /no bus has the id "factory"/]],
  },
  {
    name: 'one serial line on two buses',
    change: text => text.replace('tcp: { host: 192.168.1.20, port: 502 }', 'serial: { path: /dev/ttyUSB0 }'),
    mistakes: [['buses[1].serial.path', 9, /is already the line of rs485/]],
  },
  {
    name: 'a unit that a serial line does not have',
    change: text => text.replace('unit: 1,', 'unit: 0,').replace('unit: 3', 'unit: 0'),
    mistakes: [['devices[0].unit', 11, /on a serial line a unit is from 1 to 247/]],
  },
  {
    name: 'a line of seven bits, which RTU cannot use',
    change: text => text.replace('parity: even', 'dataBits: 7'),
    mistakes: [['buses[0].serial.dataBits', 8, /unknown key/]],
  },
  {
    name: 'a bus with both kinds of line',
    change: text => text.replace('tcp: {', 'serial: { path: /dev/ttyUSB1 }, tcp: {'),
    mistakes: [['buses[1]', 9, /exactly one of tcp and serial/]],
  },
  {
    name: 'the same series from two places',
    change: text =>
      text.replace('variable: flow, key: "5003"', 'variable: level, point: pozo-7, key: "5003"'),
    mistakes: [['providers[0].signals[1].variable', 21, /level of pozo-7 already comes from devices\[1\]/]],
  },
  {
    name: 'a unit of another kind',
    change: text => text.replace('unit: m }', 'unit: bar }'),
    mistakes: [['devices[1].signals[0].unit', 18, /bar cannot become m, the unit of level/]],
  },
  {
    name: 'a unit nobody knows',
    change: text => text.replace('unit: m }', 'unit: furlong }'),
    mistakes: [['devices[1].signals[0].unit', 18, /unknown unit "furlong"/]],
  },
  {
    name: 'a derived variable as if it were measured',
    change: text => text.replace('variable: level,', 'variable: water_table,'),
    mistakes: [['devices[1].signals[0].variable', 18, /computed in the cloud/]],
  },
  {
    name: 'a value that runs past the last register',
    change: text => text.replace('address: 4, type: int16', 'address: 65533, type: float64'),
    mistakes: [['devices[1].signals[0].address', 18, /needs 4 registers, address 65533 is too high/]],
  },
  {
    name: 'a number of bits from a coil',
    change: text => text.replace('table: input', 'table: coil'),
    mistakes: [['devices[1].signals[0].type', 18, /its type must be bool/]],
  },
  {
    name: 'a clock of no known kind',
    change: text => text.replace('lanBroker:', 'clock: sundial\nlanBroker:'),
    mistakes: [['clock', 6, /^is not one of system, trusted$/]],
  },
  {
    name: 'a rate without its time, and a silence that is too short',
    change: text => text.replace('./identity }', './identity, backlogRate: 16KiB, silence: 2s }'),
    mistakes: [
      ['uplink.silence', 4, /must be from 3s to 1h/],
      ['uplink.backlogRate', 4, /must be a rate such as 16KiB\/s/],
    ],
  },
  {
    name: 'a sum of bits',
    change: text => text.replace('type: int16,', 'type: int16, plus: { address: 5, type: bool, scale: 1 },'),
    mistakes: [['devices[1].signals[0].plus.type', 18, /bits cannot be added up/]],
  },
  {
    name: 'two devices of one name',
    change: text => text.replace('id: pozo-8,', 'id: probe,'),
    mistakes: [['providers[0].id', 20, /"probe" is already the name of devices\[1\]/]],
  },
  {
    name: 'what may be written twice, and too high',
    change: text =>
      text.replace(
        'unit: 3',
        'unit: 3\n    writable: [{ name: a, address: 1, type: uint16, min: 0, max: 9 }, { name: a, address: 65535, type: uint32, min: 0, max: 9 }]',
      ),
    mistakes: [
      ['devices[1].writable[1].name', 15, /"a" is already what may be written/],
      ['devices[1].writable[1].address', 15, /uint32 needs 2 registers, address 65535 is too high/],
    ],
  },
  {
    name: 'what may be written without bounds',
    change: text => text.replace('unit: 3', 'unit: 3\n    writable: [{ name: a, address: 1, type: uint16 }]'),
    mistakes: [
      ['devices[1].writable[0].min', 15, /is needed: what lies outside is never written/],
      ['devices[1].writable[0].max', 15, /is needed/],
    ],
  },
  {
    name: 'bounds that are no range',
    change: text =>
      text.replace(
        'unit: 3',
        'unit: 3\n    writable: [{ name: a, address: 1, type: uint16, min: 9, max: 0 }]',
      ),
    mistakes: [['devices[1].writable[0].min', 15, /must not be above max/]],
  },
  {
    name: 'text that may be written',
    change: text =>
      text.replace(
        'unit: 3',
        'unit: 3\n    writable: [{ name: a, address: 1, type: ascii32, min: 0, max: 9 }]',
      ),
    mistakes: [['devices[1].writable[0].type', 15, /text cannot be written/]],
  },
  {
    name: 'a coil of two',
    change: text =>
      text.replace(
        'unit: 3',
        'unit: 3\n    writable: [{ name: a, table: coil, address: 1, type: bool, max: 2 }]',
      ),
    mistakes: [['devices[1].writable[0].max', 15, /a coil is 0 or 1/]],
  },
  {
    name: 'a coil that is a number',
    change: text =>
      text.replace('unit: 3', 'unit: 3\n    writable: [{ name: a, table: coil, address: 1, type: uint16 }]'),
    mistakes: [['devices[1].writable[0].type', 15, /its type must be bool/]],
  },
  {
    name: 'a register that is a bit',
    change: text => text.replace('unit: 3', 'unit: 3\n    writable: [{ name: a, address: 1, type: bool }]'),
    mistakes: [['devices[1].writable[0].type', 15, /bool needs table coil/]],
  },
  {
    name: 'a function that writes too little at once',
    change: text =>
      text.replace(
        'unit: 3',
        'unit: 3\n    writable: [{ name: a, address: 1, type: float32, min: 0, max: 9, function: 6 }]',
      ),
    mistakes: [['devices[1].writable[0].function', 15, /6 writes one register, float32 needs 2 at once/]],
  },
  {
    name: 'a function of another table',
    change: text =>
      text.replace(
        'unit: 3',
        'unit: 3\n    writable: [{ name: a, address: 1, type: uint16, min: 0, max: 9, function: 5 }]',
      ),
    mistakes: [['devices[1].writable[0].function', 15, /a register is written by 6 or 16/]],
  },
  {
    name: 'a table that cannot be written',
    change: text =>
      text.replace(
        'unit: 3',
        'unit: 3\n    writable: [{ name: a, table: input, address: 1, type: uint16, min: 0, max: 9 }]',
      ),
    mistakes: [['devices[1].writable[0].table', 15, /is not one of holding, coil/]],
  },
  {
    name: 'what could be written and not read back',
    change: text =>
      text.replace(
        'unit: 3',
        'unit: 3\n    reads: { holes: [{ table: holding, address: 0, count: 3 }] }\n    writable: [{ name: a, address: 2, type: uint16, min: 0, max: 9 }]',
      ),
    mistakes: [['devices[1].writable[0].address', 16, /lies in a hole of its device/]],
  },
  {
    name: 'an empty file',
    change: () => '',
    mistakes: [['', undefined as never, /^is empty, and must be keys with values$/]],
  },
]

for (const { name, change, mistakes } of CASES) {
  test(`parseGatewayConfig() names ${name}, with its path and line`, () => {
    assert.throws(
      () => parseGatewayConfig(change(GOOD), 'gateway.yaml'),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError, String(error))
        for (const [index, [path, line, message]] of mistakes.entries()) {
          assert.equal(error.mistakes[index]?.path, path, error.message)
          assert.equal(error.mistakes[index]?.line, line, error.message)
          assert.match(error.mistakes[index]?.message ?? '', message)
        }
        if (mistakes[0]?.[0] !== '') assert.equal(error.mistakes.length, mistakes.length, error.message)
        return true
      },
    )
  })
}

test('parseGatewayConfig() lets nothing be written unless it says what', () => {
  const { devices } = parseGatewayConfig(GOOD, 'gateway.yaml')

  assert.deepEqual(
    devices.map(({ writable }) => writable),
    [[], []],
  )
})
