// The way to the cloud that a configuration names, by the scheme of its address. The other one is not loaded: each costs a
// small machine more than 8 MB.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Credentials, RunnableConfig } from '../config.ts'
import type { Transport } from './transport.ts'

/**
 * Opens it. Nothing is connected yet. Each session shows the credentials that there are when it begins. A gateway that was
 * enrolled says no token, so it may look at the server's certificate after it has signed in: it is let go on over MQTT while its
 * clock is not known.
 */
export async function openTransport(
  { clock }: { clock: Clock },
  { gateway, uplink: { url } }: Pick<RunnableConfig, 'gateway' | 'uplink'>,
  credentials: () => Credentials,
  isClockKnown: () => boolean = () => true,
): Promise<Transport> {
  const options = () => {
    const { enrolled, ca, cert, key, ...other } = credentials()
    // A token that is left over from before is of no use, and no server need learn it.
    const token = enrolled === undefined ? other.token : undefined
    const anyTime = token === undefined && !isClockKnown()
    return {
      ...{ url, username: gateway },
      ...(token === undefined ? {} : { password: token }),
      ...(anyTime ? { anyTime } : {}),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    }
  }
  if (/^(nats|tls):/.test(url)) {
    const { openNatsTransport } = await import('./nats.ts')
    return {
      connect: (link, signal) =>
        openNatsTransport({ clock }, { ...signedIn(options()), name: gateway }).connect(link, signal),
    }
  }
  const { openMqttTransport } = await import('./mqtt.ts')
  return {
    connect: (link, signal) =>
      openMqttTransport({ clock }, { ...options(), clientId: gateway }).connect(link, signal),
  }
}

/** nats-server takes the name from the certificate where there is no token, and complains of any other. */
function signedIn<Options extends { username: string; password?: string; anyTime?: boolean }>(
  options: Options,
) {
  const { username, password, anyTime: _, ...rest } = options
  return password === undefined ? rest : { username, password, ...rest }
}
