// Builds the web application into dist/web: `node deploy/web.ts`.
//
// Every file is written a second and a third time, compressed, so that the server only reads. What was built is known by
// the hash of its sources: a build of the same is not repeated.

import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = 'cloud/web'

/** Where it is built to. */
export const WEB_OUT = join(ROOT, 'dist/web')

/** Builds unless the same was built already. Returns whether it did. */
export async function buildWeb({
  always = false,
  out = WEB_OUT,
}: {
  always?: boolean
  out?: string
} = {}): Promise<boolean> {
  const mark = join(out, '.built')
  const hash = hashOfSources()
  if (!always && existsSync(mark) && readFileSync(mark, 'utf8') === hash) return false
  const { build } = await import('vite')
  const made = `${out}-${process.pid}`
  try {
    await build({
      configFile: join(ROOT, SOURCES, 'vite.config.ts'),
      logLevel: 'warn',
      build: { outDir: made, emptyOutDir: true },
    })
    for (const file of globSync('**/*.{html,js,css,svg,json}', { cwd: made })) compress(join(made, file))
    writeFileSync(join(made, '.built'), hash)
    replace(out, made)
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
  return true
}

/** Puts a folder in the place of another. Whoever builds the same at the same time has put theirs there: that will do. */
function replace(out: string, made: string): void {
  rmSync(out, { recursive: true, force: true, maxRetries: 5 })
  try {
    renameSync(made, out)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

function hashOfSources(): string {
  const hash = createHash('sha256')
  const files = globSync([`${SOURCES}/**/*`, 'protocol/variables.ts', 'package.json'], { cwd: ROOT })
  for (const file of files.sort()) {
    if (!/\.\w+$/.test(file)) continue
    hash.update(`${file}\n`).update(readFileSync(join(ROOT, file)))
  }
  return hash.digest('hex')
}

function compress(file: string): void {
  const bytes = readFileSync(file)
  const params = { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params }))
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }))
}

if (import.meta.main) console.log((await buildWeb()) ? 'Built dist/web' : 'dist/web is up to date')
