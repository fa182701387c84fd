// How the web application is built, and served while somebody works on it: `npx vite cloud/web`, beside `npm start`.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

export default defineConfig({
  root: path('.'),
  build: {
    outDir: path('../../dist/web'),
    emptyOutDir: true,
    target: 'es2023',
    // Nothing may be inlined as a data: address, which the policy of the pages does not let in.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      onLog(level, log, handle) {
        // React's "use client" means nothing where everything is the client.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log)
      },
    },
  },
  server: { port: 5173, proxy: { '/api': { target: 'http://127.0.0.1:8004', changeOrigin: false } } },
})
