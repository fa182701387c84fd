// Whatever a request changes is changed in the name of who asked: here the database is told.

import type { MiddlewareHandler } from 'hono'
import { type Actor, actAs } from '../store/acting.ts'
import type { Principal } from './access.ts'
import { addressOf } from './address.ts'
import type { ApiEnv } from './router.ts'

/** Runs what may change something in the name of who asks. Goes behind what says who that is. */
export function actAsAsked({
  trustedProxies,
  routeOf,
}: {
  trustedProxies: readonly string[]
  routeOf: (context: Parameters<MiddlewareHandler<ApiEnv>>[0]) => string | undefined
}): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    if (context.req.method === 'GET' || context.req.method === 'HEAD') return next()
    const principal = context.get('principal') as Principal | undefined
    const route = routeOf(context)
    const actor: Actor = {
      ...(principal === undefined
        ? { kind: 'nobody', id: '', name: 'not signed in' }
        : { kind: principal.kind, id: principal.id, name: principal.email ?? principal.name }),
      ...(principal?.session === undefined ? {} : { session: principal.session }),
      address: addressOf(context, trustedProxies),
      requestId: context.get('requestId'),
      ...(route === undefined ? {} : { route }),
    }
    return actAs(actor, next)
  }
}
