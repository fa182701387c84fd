// Where a request came from, with and without proxies that are trusted.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Hono } from 'hono'
import { addressOf } from '../../../cloud/api/address.ts'

const PROXIES = ['10.0.0.1', '10.0.0.2']

const CASES: readonly [string, { peer: string; forwarded?: string; address: string }][] = [
  ['is the peer', { peer: '203.0.113.9', address: '203.0.113.9' }],
  ['is IPv4 where the socket speaks IPv6', { peer: '::ffff:203.0.113.9', address: '203.0.113.9' }],
  ['is not what a stranger says', { peer: '203.0.113.9', forwarded: '1.1.1.1', address: '203.0.113.9' }],
  [
    'is what a trusted proxy says',
    { peer: '::ffff:10.0.0.1', forwarded: '203.0.113.9', address: '203.0.113.9' },
  ],
  [
    'is the last one that no proxy of ours has',
    { peer: '10.0.0.1', forwarded: '1.1.1.1, 203.0.113.9, 10.0.0.2', address: '203.0.113.9' },
  ],
  ['is the proxy when it says nothing', { peer: '10.0.0.1', address: '10.0.0.1' }],
]

for (const [name, { peer, forwarded, address }] of CASES) {
  test(`addressOf() ${name}`, async () => {
    const app = new Hono().get('/', context => context.text(addressOf(context, PROXIES)))
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
    const answer = await app.request('/', { headers }, { incoming: { socket: { remoteAddress: peer } } })
    assert.equal(await answer.text(), address)
  })
}
