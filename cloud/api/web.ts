// The web application: the files that `deploy/web.ts` has built, as they are, from one folder.
//
// They are read once, at the start. A file whose name holds the hash of its content may be kept for ever; the document
// that names them is asked for each time.

import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Hono } from 'hono'
import { Problem } from '../problem.ts'
import { PAGES } from '../web/pages.ts'
import type { ApiEnv } from './router.ts'

const IS_SOURCE = import.meta.url.endsWith('.ts')

/** Where the built application is: `dist/web` of a checkout and of the package. */
export const WEB_FOLDER = fileURLToPath(new URL(IS_SOURCE ? '../../dist/web' : '../../web', import.meta.url))

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
}

/** Nothing from elsewhere, no script or style within a document, no text that a script would run. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const FOR_EVER = 'public, max-age=31536000, immutable'

/** The encodings that files are kept in besides their own, the best first. */
const ENCODINGS = { br: '.br', gzip: '.gz' } as const

/** The pages and files of the web application. */
export function web(folder: string): Hono<ApiEnv> {
  const files = readFiles(folder)
  const app = new Hono<ApiEnv>()
  const answer = (name: string, accepted: string | undefined, headers: Record<string, string>) => {
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)]
    const plain = files.get(name)
    if (type === undefined || plain === undefined) return undefined
    const offered = (accepted ?? '').split(',').map(one => one.split(';')[0]?.trim())
    const encoding = (Object.keys(ENCODINGS) as (keyof typeof ENCODINGS)[]).find(
      one => offered.includes(one) && files.has(name + ENCODINGS[one]),
    )
    const bytes = encoding === undefined ? plain : (files.get(name + ENCODINGS[encoding]) ?? plain)
    return new Response(bytes, {
      headers: {
        ...{ 'content-type': type, vary: 'accept-encoding' },
        ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
        ...headers,
      },
    })
  }
  for (const page of PAGES) {
    app.get(page.replaceAll(/\{(\w+)\}/g, ':$1'), context => {
      const headers = { 'cache-control': 'no-cache', 'content-security-policy': POLICY }
      const found = answer('index.html', context.req.header('accept-encoding'), headers)
      if (found !== undefined) return found
      const detail = 'The web application is not built here: node deploy/web.ts builds it'
      throw new Problem(404, 'Not found', { detail })
    })
  }
  app.get('/favicon.svg', context => fileOr404(answer('favicon.svg', undefined, KEPT), context.req.path))
  app.get('/assets/:file', context => {
    const name = `assets/${context.req.param('file')}`
    const headers = { 'cache-control': FOR_EVER }
    return fileOr404(answer(name, context.req.header('accept-encoding'), headers), context.req.path)
  })
  return app
}

const KEPT = { 'cache-control': 'public, max-age=86400' }

function fileOr404(found: Response | undefined, path: string): Response {
  if (found === undefined) throw new Problem(404, 'Not found', { detail: `There is no ${path}` })
  return found
}

function readFiles(folder: string): Map<string, Uint8Array<ArrayBuffer>> {
  if (!existsSync(folder)) return new Map()
  const names = globSync('{*,assets/*}', { cwd: folder, exclude: name => name === '.built' })
  return new Map(
    names
      .filter(name => name.includes('.'))
      .map(name => [name.replaceAll('\\', '/'), new Uint8Array(readFileSync(join(folder, name)))]),
  )
}
