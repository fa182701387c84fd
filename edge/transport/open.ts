// The way to the cloud that a configuration names, by the scheme of its address.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { RunnableConfig } from '../config.ts'
import { openMqttTransport } from './mqtt.ts'
import { openNatsTransport } from './nats.ts'
import type { Transport } from './transport.ts'

/** Opens it. Nothing is connected yet. */
export function openTransport(
  { clock }: { clock: Clock },
  { gateway, uplink: { url }, credentials }: Pick<RunnableConfig, 'gateway' | 'uplink' | 'credentials'>,
): Transport {
  const { token, ca, cert, key } = credentials
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  }
  const options = { url, username: gateway, password: token, ...tls }
  return /^(nats|tls):/.test(url)
    ? openNatsTransport({ clock }, { ...options, name: gateway })
    : openMqttTransport({ clock }, { ...options, clientId: gateway })
}
