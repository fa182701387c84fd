import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ackTopic,
  commandResultTopic,
  healthTopic,
  parseGatewayTopic,
  parseRawTopic,
  rawTopic,
  reportedTopic,
  stateTopic,
  toSubject,
  toTopic,
  upTopic,
} from '../../protocol/topics.ts'

test('parseGatewayTopic() reads what a gateway publishes to', () => {
  assert.deepEqual(parseGatewayTopic(upTopic('gw-1', 'live')), { kind: 'up', gateway: 'gw-1', lane: 'live' })
  assert.deepEqual(parseGatewayTopic(upTopic('gw-1', 'backlog')), {
    kind: 'up',
    gateway: 'gw-1',
    lane: 'backlog',
  })
  assert.deepEqual(parseGatewayTopic(stateTopic('gw-1')), { kind: 'state', gateway: 'gw-1' })
  assert.deepEqual(parseGatewayTopic(healthTopic('gw-1')), { kind: 'health', gateway: 'gw-1' })
  assert.deepEqual(parseGatewayTopic(reportedTopic('gw-1')), { kind: 'reported', gateway: 'gw-1' })
  assert.deepEqual(parseGatewayTopic(commandResultTopic('gw-1', 'c-1')), {
    kind: 'result',
    gateway: 'gw-1',
    id: 'c-1',
  })
})

for (const topic of [
  '',
  'gw/v1/gw-1/up',
  'gw/v1/gw-1/up/live/x',
  'gw/v1/gw-1/up/other',
  'gw/v2/gw-1/up/live',
  'gw/v1/GW/up/live',
  'gw/v1/+/up/live',
  'gw/v1/gw-1/state/x',
  'gw/v1/gw-1/cmd/c-1',
  ackTopic('gw-1'),
]) {
  test(`parseGatewayTopic() does not take "${topic}" for something a gateway may say`, () => {
    assert.equal(parseGatewayTopic(topic), undefined)
  })
}

test('parseRawTopic() is the inverse of rawTopic() and refuses the rest', () => {
  const path = { client: 'campo', project: 'los-aromos', point: 'pozo-7', variable: 'water_table' as const }

  assert.deepEqual(parseRawTopic(rawTopic(path)), path)
  assert.equal(parseRawTopic('raw/v1/campo/los-aromos/pozo-7/speed'), undefined)
  assert.equal(parseRawTopic('raw/v1/campo/los-aromos/pozo-7'), undefined)
  assert.equal(parseRawTopic('raw/v1/campo/#/pozo-7/flow'), undefined)
})

test('a subject is its topic with dots, and back', () => {
  assert.equal(toSubject('gw/v1/gw-1/cmd/+'), 'gw.v1.gw-1.cmd.*')
  assert.equal(toTopic('gw.v1.gw-1.cmd.c-1.result'), commandResultTopic('gw-1', 'c-1'))
  assert.equal(toTopic(toSubject(ackTopic('gw-1'))), ackTopic('gw-1'))
})
