// The pages of the web application, by path: the server answers each with the same document, the browser's router
// (router.tsx) decides what is shown.

/** Every path that is a page. */
export const PAGES = [
  '/',
  '/sign-in',
  '/points/{point}',
  '/points/{point}/analysis',
  '/points/{point}/dga',
  '/points/{point}/processing',
  '/balances',
  '/incidents',
  '/dga',
  '/dga/works/{work}',
  '/dga/reconciliation',
  '/dga/faults',
  '/dga/sending',
  '/review',
  '/gateways',
  '/gateways/{gateway}',
  '/imports',
  '/imports/{import}',
  '/account',
  '/admin',
  '/admin/users',
  '/admin/users/{user}',
  '/admin/keys',
] as const
