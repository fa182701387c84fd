// Tests that need root: on a developer's machine they are skipped and say why; in CI nothing may be skipped.

/** For a test's `skip` option: `false` for root, else the reason. With CI=true not being root is an error. */
export function skipUnlessRoot(why: string): string | false {
  if (process.getuid?.() === 0) return false
  if (process.env.CI === 'true') throw new Error(`In CI nothing may be skipped, and this needs root: ${why}`)
  return `not root: ${why}`
}
