// Whether the cloud can be reached, and lets this gateway in.

import { reasonOf } from '../../protocol/runtime/errors.ts'
import { hostOf } from '../../protocol/tls.ts'
import { ackTopic, stateTopic } from '../../protocol/topics.ts'
import type { RunnableConfig } from '../config.ts'
import { openTransport } from '../transport/open.ts'
import { type DoctorDeps, type Finding, type RunningGateway, reach, TIMEOUT_MS } from './finding.ts'

/** A batch waits a minute, and an ack some seconds. */
const STALE_MS = 15 * 60_000

/** Whether the cloud can be reached and lets this gateway in. Where it is connected, its session is left alone. */
export async function examineCloud(
  { clock }: DoctorDeps,
  config: RunnableConfig,
  running: RunningGateway | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const subject = 'cloud'
  if (running?.cloud === 'connected') {
    const { oldestAt } = running.buffer
    const tried = 'the running gateway'
    if (oldestAt === undefined || running.at - oldestAt < STALE_MS)
      return { state: 'ok', subject, found: 'connected', tried }
    const minutes = Math.round((running.at - oldestAt) / 60_000)
    const found = `connected; the oldest reading waits for ${minutes} minutes, as after an outage`
    return {
      state: 'note',
      subject,
      found,
      tried,
      todo: 'when this does not shrink, look whether the cloud’s database works',
    }
  }
  const { port, protocol } = new URL(config.uplink.url)
  const host = hostOf(config.uplink.url)
  const number = Number(port || PORTS[protocol])
  const reason = await reach(host, number)
  if (reason !== undefined) {
    const todo =
      'check the site’s internet, its name server, and that its firewall lets this port out; readings wait on disk'
    return {
      state: 'wrong',
      subject,
      found: `not reached: ${reason}`,
      tried: `a connection to ${host}:${number}`,
      todo,
    }
  }
  const tried = `signing in at ${config.uplink.url} as ${config.gateway}`
  try {
    await signIn({ clock }, config, signal)
    return { state: 'ok', subject, found: 'reached, and it lets this gateway in', tried }
  } catch (error) {
    const why = reasonOf(error)
    return { state: 'wrong', subject, found: why, tried, todo: cloudAdvice(why) }
  }
}

const PORTS: Record<string, number> = { 'mqtt:': 1883, 'mqtts:': 8883, 'nats:': 4222, 'tls:': 4222 }

/** A session of a moment. Its goodbye leaves the state that the cloud has of this gateway as it was. */
async function signIn(
  { clock }: Pick<DoctorDeps, 'clock'>,
  config: RunnableConfig,
  signal: AbortSignal,
): Promise<void> {
  const { gateway, uplink } = config
  const transport = await openTransport({ clock }, config, () => config.credentials)
  const lost = JSON.stringify({ v: 1, state: 'lost', version: 'doctor', since: clock.now() })
  const link = await transport.connect(
    {
      will: { topic: stateTopic(gateway), payload: new TextEncoder().encode(lost) },
      ...{ subscribe: [ackTopic(gateway)], onMessage: () => {} },
      ...{ timeoutMs: TIMEOUT_MS, silenceMs: uplink.silence },
    },
    signal,
  )
  await link.close()
}

function cloudAdvice(reason: string): string {
  if (/not authori[sz]ed|bad user ?name or password|refused/i.test(reason)) {
    return 'the token is refused: it was withdrawn, or is another gateway’s; write a new one to `token` in uplink.credentials, or enrol with a new claim'
  }
  if (/certificate of ours/.test(reason)) {
    return 'the cloud asks for a certificate: put `cert.pem` and `key.pem`, signed by whom it trusts, into uplink.credentials'
  }
  if (/certificate|self.signed|issuer|altname|expired|not yet valid/i.test(reason)) {
    return 'the certificate is not believed: check the clock, and `ca.pem` in uplink.credentials'
  }
  return 'something answers there and it is no broker that knows us: check uplink.url, its scheme and its port'
}
