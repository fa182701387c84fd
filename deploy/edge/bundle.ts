// The gateway's program as one file for Node, whatever machine it is for: what differs is asked for by name beside it.

import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build, type Metafile, type Plugin } from 'esbuild'
import { ROOT } from './root.ts'

/** A package of others that is in the bundle. */
export interface Ingredient {
  name: string
  version: string
  licence: string
}

/** Native parts are chosen when the package is built, and not by looking around when it runs. */
const nativeParts: Plugin = {
  name: 'native parts',
  setup(build) {
    build.onResolve({ filter: /^node-gyp-build$/ }, ({ importer }) => ({
      path: packageOf(relative(ROOT, importer)).split('/').at(-1) ?? '',
      namespace: 'native',
    }))
    build.onLoad({ filter: /.*/, namespace: 'native' }, ({ path }) => ({
      contents: `module.exports = () => require('./native/${path}.node')`,
    }))
    build.onResolve({ filter: /^\.\/native\// }, ({ path }) => ({ path, external: true }))
  },
}

/** Bundles `edge/<name>.ts`; the file asks for its native parts in `native/` beside it. */
export async function bundleEdge(name: string): Promise<{ bytes: Uint8Array; ingredients: Ingredient[] }> {
  const { outputFiles, metafile } = await build({
    ...{ entryPoints: [join(ROOT, 'edge', `${name}.ts`)], outfile: `${name}.js`, absWorkingDir: ROOT },
    ...{ bundle: true, write: false, metafile: true, plugins: [nativeParts], logLevel: 'warning' },
    ...{ platform: 'node', format: 'esm', target: 'node26', minifySyntax: true, minifyWhitespace: true },
    // Node shows the whole line of an error that nobody caught.
    ...{ legalComments: 'none', charset: 'utf8', lineLimit: 160 },
    // What was CommonJS asks for Node's own modules by require(), and where it is.
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  })
  const [file] = outputFiles
  if (file === undefined) throw new Error(`Nothing was built of edge/${name}.ts`)
  return { bytes: file.contents, ingredients: ingredientsOf(metafile) }
}

function ingredientsOf({ inputs }: Metafile): Ingredient[] {
  const folders = new Set(
    Object.keys(inputs)
      .filter(path => path.startsWith('node_modules/'))
      .map(path => `${path.slice(0, path.lastIndexOf('node_modules/'))}node_modules/${packageOf(path)}`),
  )
  return [...folders].sort().map(folder => {
    const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
    return { name, version, licence: typeof license === 'string' ? license : JSON.stringify(license) }
  })
}

/** The package that a file below node_modules belongs to: the innermost one. */
function packageOf(path: string): string {
  const inner = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  return dirname(inner)
    .split('/')
    .slice(0, inner.startsWith('@') ? 2 : 1)
    .join('/')
}
