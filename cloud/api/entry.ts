// /api/v1: where a program begins. What there is, by name, as links (RFC 8288) and in the body.

import { createRoute, z } from '@hono/zod-openapi'
import { NoQuery } from './fields.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

/** What there is at the top, with what it is to the whole (IANA's link relations, where there is one). */
const LINKS = [
  { rel: 'self', href: '/api/v1' },
  { rel: 'service-desc', href: '/openapi.json', type: 'application/vnd.oai.openapi+json;version=3.1' },
  { rel: 'service-doc', href: '/docs', type: 'text/html' },
] as const

const Entry = z
  .strictObject({
    name: z.literal('SmartHydro'),
    version: z.string(),
    links: z.array(
      z.strictObject({
        rel: z.string().openapi({ example: 'points' }),
        href: z.string().openapi({ example: '/api/v1/points' }),
        type: z.string().optional(),
      }),
    ),
  })
  .openapi('Entry')

const route = createRoute({
  method: 'get',
  path: '/',
  tags: ['session'],
  summary: 'Where to begin: the document, the reference, and each list',
  request: { query: NoQuery },
  responses: {
    200: { description: 'links', content: { 'application/json': { schema: Entry } } },
    ...problemResponses(400, 401, 403),
  },
})

/** `/api/v1`. `lists` are the addresses of all that is asked with GET and without a name. */
export function entry({ version, lists }: { version: string; lists: () => readonly string[] }) {
  return openRouter().openapi(route, context => {
    const named = lists().map(href => ({ rel: href.replace('/api/v1/', '').replaceAll('/', '.'), href }))
    const links = [...LINKS, ...named]
    const header = links.map(({ rel, href }) => `<${href}>; rel="${rel}"`).join(', ')
    return context.json({ name: 'SmartHydro' as const, version, links }, 200, { link: header })
  })
}
