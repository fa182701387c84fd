// Listening at an address that the machine may not have yet: a network that is down at the start holds no measurement up.

import type { AddressInfo, Server } from 'node:net'
import type { Clock } from '../protocol/runtime/clock.ts'
import { cannotListen, reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'

const AGAIN_MS = 5_000

/** A server that listens, or will. */
export interface Listening {
  port: number
  /** Tries no more. What listens goes on. */
  stop(): Promise<void>
}

/**
 * Has a server listen where the configuration says at `path`. Throws ConfigError when it never can, as where the port is
 * taken. An address that the machine does not have is tried again and again.
 */
export async function listenAt(
  { clock, log }: { clock: Clock; log: Log },
  server: Pick<Server, 'listen' | 'once' | 'off' | 'address'>,
  { path, host, port }: { path: string; host: string; port: number },
): Promise<Listening> {
  const stop = new AbortController()
  const tryOnce = () =>
    new Promise<void>((resolve, reject) => {
      const failed = (error: Error) => reject(error)
      server.once('error', failed)
      server.listen(port, host, () => {
        server.off('error', failed)
        resolve()
      })
    })
  const again = async () => {
    while (!stop.signal.aborted) {
      await clock.sleep(AGAIN_MS, stop.signal)
      try {
        await tryOnce()
        return log.info('listening', { path, host, port })
      } catch (error) {
        if (!isNoAddress(error))
          return log.error('not listening', { path, host, port, reason: reasonOf(error) })
      }
    }
  }
  let trying: Promise<void> = Promise.resolve()
  try {
    await tryOnce()
  } catch (error) {
    if (!isNoAddress(error)) throw cannotListen('the configuration', path, { host, port }, error)
    log.warn('not listening yet: this machine does not have the address', { path, host, port })
    trying = again().catch(() => {})
  }
  return {
    port: (server.address() as AddressInfo | null)?.port ?? port,
    async stop() {
      stop.abort(new Error('Stopped'))
      await trying
    },
  }
}

const isNoAddress = (error: unknown) => (error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL'
