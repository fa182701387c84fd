// The way to the cloud that a configuration names, by the scheme of its address. The other one is not loaded: each costs a
// small machine more than 8 MB.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { RunnableConfig } from '../config.ts'
import type { Transport } from './transport.ts'

/** Opens it. Nothing is connected yet. */
export async function openTransport(
  { clock }: { clock: Clock },
  { gateway, uplink: { url }, credentials }: Pick<RunnableConfig, 'gateway' | 'uplink' | 'credentials'>,
): Promise<Transport> {
  const { token, ca, cert, key } = credentials
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  }
  const options = { url, username: gateway, password: token, ...tls }
  if (/^(nats|tls):/.test(url)) {
    const { openNatsTransport } = await import('./nats.ts')
    return openNatsTransport({ clock }, { ...options, name: gateway })
  }
  const { openMqttTransport } = await import('./mqtt.ts')
  return openMqttTransport({ clock }, { ...options, clientId: gateway })
}
