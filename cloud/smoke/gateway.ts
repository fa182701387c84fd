// A gateway of one reading, over MQTT: connects, sends a batch, and waits for the answer that means the COMMIT.

import { randomInt } from 'node:crypto'
import mqtt from 'mqtt'
import { Answer } from '../../protocol/batch.ts'
import { encodeBatch } from '../../protocol/codec.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import { ackTopic, upTopic } from '../../protocol/topics.ts'

/** Whose reading it is, and what was read. */
export interface OneReading {
  gateway: string
  client: string
  project: string
  point: string
  at: number
  /** L/s. */
  flow: number
}

/** Sends a reading and resolves when it was committed. Throws Unavailable with the reason when it was not, in time. */
export async function sendReading(
  url: string,
  token: string,
  { gateway, client, project, point, at, flow }: OneReading,
  timeoutMs: number,
): Promise<void> {
  const connection = mqtt.connect(url, {
    ...{ clientId: gateway, username: gateway, password: token },
    ...{ protocolVersion: 4, reconnectPeriod: 0, connectTimeout: timeoutMs },
  })
  const epoch = randomInt(1, 2 ** 32)
  const batch = encodeBatch(
    {
      table: { gateway, client, project, series: [{ point, variable: 'flow', scale: 3 }] },
      ...{ epoch, first: 1, last: 1, configVersion: 0, clock: { quality: 'synced' }, missing: [] },
      readings: [
        { seq: 1, point, variable: 'flow', at, value: flow, quality: 'good', timeQuality: 'synced' },
      ],
    },
    { withTable: true },
  )
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Unavailable(`No answer within ${timeoutMs} ms`)), timeoutMs)
  connection.on('error', cause => reject(new Unavailable(`${url}: ${cause.message}`, { cause })))
  connection.on('close', () => reject(new Unavailable(`${url} ended the connection`)))
  connection.on('connect', () => {
    connection.subscribe(ackTopic(gateway), { qos: 1 }, refused => {
      if (refused !== null)
        reject(new Unavailable(`The gateway may not hear its answers: ${refused.message}`))
      else connection.publish(upTopic(gateway, 'live'), Buffer.from(batch), { qos: 1 })
    })
  })
  connection.on('message', (_, payload) => {
    const answer = Answer.parse(JSON.parse(payload.toString()))
    if (answer.status === 'unreadable' || answer.epoch !== epoch) return
    if (answer.status === 'committed' && answer.rejected.length === 0) resolve()
    else reject(new Unavailable(`The collector answered ${JSON.stringify(answer)}`))
  })
  try {
    await promise
  } finally {
    clearTimeout(timer)
    await connection.endAsync(true)
  }
}
