// Live data over HTTP: what is there, what changes, who may see it, and what is left when listeners go.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openEventStream, QUEUE_MAX } from '../../../cloud/api/live-stream.ts'
import { until } from '../../doubles/until.ts'
import { fill, NOW } from './content.ts'
import { type ApiScene, openApiScene } from './scene.ts'

setFlagsFromString('--expose-gc')
/** What is garbage must not look like a leak. */
const collectGarbage: () => void = runInNewContext('gc')

const ABORTS = Number(process.env.LIVE_ABORTS ?? 3_000)
const CAMPO = 'campo.los-aromos.pozo-7'

/** An event, as it came. */
interface Event {
  name: string
  id?: string | undefined
  data: { items?: { point: string; latest: { variable: string; value: number | null }[] }[] }
}

/** Somebody who listens. */
interface Listener {
  events: Event[]
  /** The id of the last event, as a browser keeps it. */
  lastId(): string | undefined
  leave(): Promise<void>
}

describe('GET /api/v1/live', () => {
  let api: ApiScene
  let batches = 0
  before(async () => {
    api = await openApiScene()
    await fill(api)
  })
  after(() => api.close())

  async function listen({
    query = '',
    lastId,
    token = api.tokens.operator ?? '',
  }: {
    query?: string
    lastId?: string
    token?: string
  } = {}): Promise<Listener> {
    const leaving = new AbortController()
    const headers = {
      authorization: `Bearer ${token}`,
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    }
    const response = await fetch(`${api.url}/api/v1/live${query}`, { headers, signal: leaving.signal })
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/)
    const events: Event[] = []
    let id = lastId
    const reading = (async () => {
      let text = ''
      for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const blocks = (text + piece).split('\n\n')
        text = blocks.pop() ?? ''
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split('\n').map(line => line.split(/: (.*)/s).slice(0, 2)))
          id = fields.id ?? id
          if (fields.event !== undefined)
            events.push({ name: fields.event, id: fields.id, data: JSON.parse(fields.data) })
        }
      }
    })().catch(error => assert.equal(error.name, 'AbortError'))
    await until('everything is told', async () => {
      await api.clock.advance(0)
      return events.some(({ name }) => name === 'ready')
    })
    return {
      events,
      lastId: () => id,
      async leave() {
        leaving.abort()
        await reading
      },
    }
  }

  /** A value of a well, with the batch that it came in. */
  async function measure(client: string, value: number): Promise<void> {
    batches += 1
    await api.store(`${client}.los-aromos.pozo-7`, 'flow', NOW + batches * 1_000, [value])
    await api.db.query(
      `insert into batches (gateway_id, epoch, lane, first, last, readings, config_version)
       select id, 7, 0, $2::bigint, $2::bigint, 1, 1 from gateways where slug = $1`,
      [`gw-${client}`, batches],
    )
  }

  const valuesOf = ({ events }: Listener, point: string) =>
    events
      .flatMap(({ data }) => data.items ?? [])
      .filter(one => one.point === point)
      .map(one => one.latest[0]?.value)
  const looked = async (listener: Listener, isSo: () => boolean) =>
    until(`told ${JSON.stringify(listener.events.slice(-2))}`, async () => {
      await api.clock.advance(1_000)
      return isSo()
    })

  test('tells what is there, then what changes, of what one may see alone', async () => {
    const everybody = await listen()
    const campo = await listen({ token: api.tokens['client_reader of campo'] ?? '' })

    await measure('otra', 900.5)
    await measure('campo', 77.5)
    await looked(campo, () => valuesOf(campo, CAMPO).includes(77.5))
    await looked(everybody, () => valuesOf(everybody, 'otra.los-aromos.pozo-7').includes(900.5))

    assert.deepEqual(
      campo.events[0]?.data.items?.map(({ point }) => point),
      [CAMPO, 'campo.los-aromos.campo-8'],
    )
    assert.doesNotMatch(JSON.stringify(campo.events), /otra/)
    await everybody.leave()
    await campo.leave()
  })

  test('tells of the points that are asked for, and 404 for one that may not be seen', async () => {
    const one = await listen({ query: `?point=${CAMPO}` })
    await measure('otra', 901.5)
    await measure('campo', 78.5)
    await looked(one, () => valuesOf(one, CAMPO).includes(78.5))

    assert.doesNotMatch(JSON.stringify(one.events), /otra|campo-8/)
    const { status } = await api.ask('GET /api/v1/live', {
      ...{
        path: '/api/v1/live?point=otra.los-aromos.pozo-7',
        token: api.tokens['client_reader of campo'] ?? '',
      },
    })
    assert.equal(status, 404)
    await one.leave()
  })

  test('L2: tells who comes back what came meanwhile, each once and in order, and says when it cannot', async () => {
    const other = await listen()
    const first = await listen({ query: '?start=changes' })
    await measure('campo', 1.5)
    await looked(first, () => valuesOf(first, CAMPO).includes(1.5))
    await first.leave()
    for (const value of [2.5, 3.5, 4.5]) {
      await measure('campo', value)
      await looked(other, () => valuesOf(other, CAMPO).includes(value))
    }

    const again = await listen({ lastId: first.lastId() ?? '', query: '?start=changes' })
    await measure('campo', 5.5)
    await looked(again, () => valuesOf(again, CAMPO).includes(5.5))

    assert.deepEqual(valuesOf(again, CAMPO), [2.5, 3.5, 4.5, 5.5])
    const lost = await listen({ lastId: 'another-hub.7', query: '?start=changes' })
    assert.deepEqual([lost.events[0]?.name, lost.events.at(-1)?.name], ['reset', 'ready'])
    assert.deepEqual(valuesOf(lost, CAMPO), [5.5])
    for (const listener of [other, again, lost]) await listener.leave()
  })

  test('ends when the token is withdrawn', async () => {
    const { createToken } = await import('../../../cloud/api/users.ts')
    const token = await createToken(api.db, {
      name: 'short',
      role: 'operator',
      scopes: ['read'],
      createdBy: 'test',
    })
    const controller = new AbortController()
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${api.url}/api/v1/live`, { headers, signal: controller.signal })
    const ended = response.text()
    await api.db.query(`update auth.api_tokens set expires_at = to_timestamp(0) where name = 'short'`)

    let isEnded = false
    ended.then(() => {
      isEnded = true
    })
    await until('the stream ends', async () => {
      await api.clock.advance(5_000)
      return isEnded
    })
    assert.match(await ended, /event: ready/)
  })

  test(`${ABORTS} listeners that break off leave nothing behind`, async run => {
    const { port } = new URL(api.url)
    const request = `GET /api/v1/live HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${api.tokens.operator}\r\n\r\n`
    const abort = () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(request))
        socket.once('data', () => socket.resetAndDestroy())
        socket.once('error', reject)
        socket.once('close', () => resolve())
      })
    const several = async (count: number) => {
      for (let done = 0; done < count; done += 50) await Promise.all(Array.from({ length: 50 }, abort))
      await until(`nobody listens: ${api.live.listeners()}`, async () => {
        await api.clock.advance(0)
        return api.live.listeners() === 0
      })
    }
    const held = async () => {
      collectGarbage()
      await setImmediate()
      collectGarbage()
      const { active, handles } = {
        active: process.getActiveResourcesInfo().length,
        handles: api.clock.sleepers(),
      }
      return { heapMb: process.memoryUsage().heapUsed / 1_048_576, active, handles }
    }

    await several(Math.ceil(ABORTS / 20))
    const before = await held()
    await several(ABORTS)
    const now = await held()

    assert.ok(now.active <= before.active + 20, `${now.active} handles, ${before.active} before`)
    assert.ok(now.handles <= before.handles + 1)
    run.diagnostic(`${before.heapMb.toFixed(1)} MB before, ${now.heapMb.toFixed(1)} MB after`)
    assert.ok(now.heapMb < before.heapMb + 20, `${now.heapMb} MB, ${before.heapMb} before`)
  })
})

describe('openEventStream()', () => {
  test('L3: ends the stream of who does not keep up, and says so, and holds no more than it may', async () => {
    let left = 0
    const stream = openEventStream({ now: 0, onGone: () => left++, signal: new AbortController().signal })
    for (let n = 0; n <= QUEUE_MAX + 5; n++) stream.send({ name: 'latest', id: `h.${n}`, data: { n } })

    assert.equal(await new Response(stream.body).text(), 'event: lagging\ndata: {}\n\n')
    assert.equal(left, 1)
  })

  test('says that it is there, with the id to go on after, no more often than it must', async () => {
    const stream = openEventStream({ now: 0, onGone: () => {}, signal: new AbortController().signal })
    for (const at of [1_000, 15_000, 16_000, 30_000]) stream.beat(at, at === 30_000 ? 'h.9' : undefined)
    stream.end()

    assert.equal(await new Response(stream.body).text(), ': beat\n\n: beat\nid: h.9\n\n')
  })

  test('ends when nobody reads, while something is waited for', async () => {
    let left = 0
    const leaving = new AbortController()
    const stream = openEventStream({ now: 0, onGone: () => left++, signal: leaving.signal })
    const read = stream.body.getReader().read()
    leaving.abort()

    assert.equal(await stream.drained(), false)
    await Promise.race([read, setImmediate()])
    assert.equal(left, 1)
  })
})
