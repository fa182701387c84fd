// Users for nats-server, as the real one reads them: test/cloud/collector/replicas.test.ts has them connect.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { natsUsers } from '../../cloud/nats-users.ts'

test('natsUsers() gives readers names that no gateway and no other reader has, whatever their tokens are called', () => {
  const readers = [
    { name: 'Mi programa' },
    { name: 'mi-programa' },
    { name: 'ñ' },
    { name: 'gw-1', client: 'campo' },
  ]

  const text = natsUsers(['gw-1'], readers, { mqtt: false })

  assert.deepEqual(
    [...text.matchAll(/user: "(.*)"\n +password: \$(.*)/g)].map(([, user, password]) => [user, password]),
    [
      ['_collector', 'SMARTHYDRO__COLLECTOR'],
      ['gw-1', 'SMARTHYDRO_GW_1'],
      ['_reader-mi-programa', 'SMARTHYDRO__READER_MI_PROGRAMA'],
      ['_reader-mi-programa-2', 'SMARTHYDRO__READER_MI_PROGRAMA_2'],
      ['_reader-nameless', 'SMARTHYDRO__READER_NAMELESS'],
      ['_reader-gw-1', 'SMARTHYDRO__READER_GW_1'],
    ],
  )
})

test('natsUsers() lets a reader say nothing and hear its client only; who may hear all clients hears raw data only', () => {
  const text = natsUsers([], [{ name: 'one', client: 'campo' }, { name: 'all' }], { mqtt: true })

  const allowed = [...text.matchAll(/publish: (.*)\n +subscribe: (.*)/g)].slice(1).map(([, ...both]) => both)
  assert.deepEqual(allowed, [
    ['{ deny: ">" }', '["raw.v1.campo", "raw.v1.campo.>", "$MQTT.sub.>"]'],
    ['{ deny: ">" }', '["raw.v1", "raw.v1.>", "$MQTT.sub.>"]'],
  ])
})
