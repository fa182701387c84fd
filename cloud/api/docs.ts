// /openapi.json and /docs: what the API is, generated from its routes, and a reference to read it with.
//
// The reference is Swagger UI from our own disk: nothing is fetched from anywhere else, and the content policy says so.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { Hono } from 'hono'
import { PROBLEM_TYPE, Problem } from '../problem.ts'
import { IDEMPOTENCY_KEY, KEY_FORM } from './idempotency.ts'
import type { ApiEnv } from './router.ts'

const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
}

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>SmartHydro API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

const START = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  validatorUrl: null,
  withCredentials: true,
})
`

/** Swagger UI sets styles by script and draws its icons from data URLs; nothing else is let in. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Nothing here is private. */
const KEPT = { 'cache-control': 'public, max-age=300' }

/** The document of `app`, in OpenAPI 3.1. */
export function toDocument(
  app: OpenAPIHono<ApiEnv>,
  { version, publicUrl }: { version: string; publicUrl: string },
) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' })
  app.openAPIRegistry.registerComponent('securitySchemes', 'session', {
    type: 'apiKey',
    in: 'cookie',
    name: publicUrl.startsWith('https:') ? '__Secure-smarthydro.session_token' : 'smarthydro.session_token',
  })
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'SmartHydro',
      version,
      description: introduction(publicUrl),
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }, { session: [] }],
  })
  for (const { get, put, post, patch, delete: remove } of Object.values(document.paths ?? {})) {
    for (const operation of [get, put, post, patch, remove]) {
      if (operation === undefined || operation.security?.length === 0) continue
      operation.responses = { 429: TOO_MANY, ...operation.responses }
    }
    if (post === undefined) continue
    post.parameters = [...(post.parameters ?? []), KEY_PARAMETER]
    post.responses = { ...KEY_PROBLEMS, ...post.responses }
  }
  return document
}

const keyProblem = (description: string) => ({
  description,
  content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
})

/** What every route answers to a key that asks too often. */
const TOO_MANY = keyProblem(
  'the key has asked too often; `RateLimit` says how much is left, `Retry-After` when to come again',
)

/** What comes of its key. */
const KEY_PROBLEMS = {
  400: keyProblem('the key is not one'),
  409: keyProblem('the first request with this key is not answered yet'),
  422: keyProblem('the key came with another request before'),
}

/** What every POST takes. */
const KEY_PARAMETER = {
  name: IDEMPOTENCY_KEY,
  in: 'header' as const,
  required: false,
  description: 'a UUID that you make: the same request with it is done once, and answered alike for a day',
  schema: { type: 'string' as const, pattern: KEY_FORM.source },
}

const introduction = (publicUrl: string): string => `
Readings of wells, what follows from them, and what was declared. Instants are UTC; every variable has one unit; a value is
measured or absent, and then its quality says why.

A program shows a token with every request. \`smarthydro-cloud token create\` makes one and prints it once. What a well
reads now:

    curl -H "Authorization: Bearer $TOKEN" ${new URL('/api/v1/points/pozo-7/latest', publicUrl)}

Lists come in pages: \`next\` of one is the \`cursor\` of the next, and null on the last. What goes wrong is a problem
document (RFC 9457) that names every field that is not right.

A POST with the header Idempotency-Key is done once, however often it is sent. What is changed by PATCH, PUT or DELETE is named
with the ETag that it was read with, in If-Match; who was slower than somebody else gets 412.
`

/** `/openapi.json`, `/docs`, `/docs/{file}`. */
export function docs(document: object): Hono<ApiEnv> {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  const files = new Map(Object.keys(ASSETS).map(name => [name, readFileSync(join(folder, name))]))
  const text = JSON.stringify(document)
  const app = new Hono<ApiEnv>()
  app.get('/openapi.json', context =>
    context.body(text, 200, { ...KEPT, 'content-type': 'application/json' }),
  )
  app.get('/docs', context => context.html(PAGE, 200, { ...KEPT, 'content-security-policy': POLICY }))
  app.get('/docs/:file', context => {
    const name = context.req.param('file')
    if (name === 'start.js') {
      return context.body(START, 200, { ...KEPT, 'content-type': 'text/javascript; charset=utf-8' })
    }
    const bytes = files.get(name)
    const type = ASSETS[name]
    if (bytes === undefined || type === undefined) throw new Problem(404, 'Not found')
    return context.body(new Uint8Array(bytes), 200, { ...KEPT, 'content-type': type })
  })
  return app
}
