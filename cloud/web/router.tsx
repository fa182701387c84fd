// Which screen an address shows. Everything but signing in is inside the shell, which wants somebody signed in; each
// screen is loaded when it is first shown. The paths are those of pages.ts, which the server answers.

import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  type ErrorComponentProps,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router'
import { meQuery } from './api/queries.ts'
import { sectionsOf } from './screens/admin/sections.ts'
import { NotFound } from './screens/not-found.tsx'
import { Shell } from './shell.tsx'
import { Failure, Loading } from './ui/shown.tsx'

const root = createRootRouteWithContext<{ queries: QueryClient }>()({ notFoundComponent: NotFound })

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: ({ next, refused }: Record<string, unknown>): { next?: string; refused?: string } => ({
    ...(typeof next === 'string' ? { next } : {}),
    ...(typeof refused === 'string' ? { refused } : {}),
  }),
  component: lazyRouteComponent(() => import('./screens/sign-in.tsx'), 'SignInScreen'),
})

const invitation = createRoute({
  getParentRoute: () => root,
  path: '/invitation',
  component: lazyRouteComponent(() => import('./screens/choose-password.tsx'), 'InvitationScreen'),
})

const recovery = createRoute({
  getParentRoute: () => root,
  path: '/recovery',
  component: lazyRouteComponent(() => import('./screens/choose-password.tsx'), 'RecoveryScreen'),
})

const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  component: Shell,
  beforeLoad: async ({ context, location }) => {
    const me = await context.queries.ensureQueryData(meQuery)
    if (me !== null) return
    throw redirect({ to: '/sign-in', search: location.pathname === '/' ? {} : { next: location.href } })
  },
})

const overview = createRoute({
  getParentRoute: () => shell,
  path: '/',
  component: lazyRouteComponent(() => import('./screens/overview.tsx'), 'OverviewScreen'),
})

const point = createRoute({
  getParentRoute: () => shell,
  path: '/points/$point',
  component: lazyRouteComponent(() => import('./screens/point.tsx'), 'PointScreen'),
})

const pointNow = createRoute({
  getParentRoute: () => point,
  path: '/',
  component: lazyRouteComponent(() => import('./screens/point-now.tsx'), 'PointNow'),
})

const pointAnalysis = createRoute({
  getParentRoute: () => point,
  path: '/analysis',
  component: lazyRouteComponent(() => import('./screens/point-analysis.tsx'), 'PointAnalysis'),
})

const pointDga = createRoute({
  getParentRoute: () => point,
  path: '/dga',
  component: lazyRouteComponent(() => import('./screens/point-dga.tsx'), 'PointDga'),
})

const pointProcessing = createRoute({
  getParentRoute: () => point,
  path: '/processing',
  component: lazyRouteComponent(() => import('./screens/point-processing.tsx'), 'PointProcessing'),
})

const balances = createRoute({
  getParentRoute: () => shell,
  path: '/balances',
  component: lazyRouteComponent(() => import('./screens/balances.tsx'), 'BalancesScreen'),
})

const incidents = createRoute({
  getParentRoute: () => shell,
  path: '/incidents',
  component: lazyRouteComponent(() => import('./screens/alerts/incidents.tsx'), 'IncidentsScreen'),
})

const incident = createRoute({
  getParentRoute: () => shell,
  path: '/incidents/$incident',
  component: lazyRouteComponent(() => import('./screens/alerts/incident.tsx'), 'IncidentScreen'),
})

const alertRules = createRoute({
  getParentRoute: () => shell,
  path: '/alerts/rules',
  component: lazyRouteComponent(() => import('./screens/alerts/rules.tsx'), 'AlertRulesScreen'),
})

const alertRule = createRoute({
  getParentRoute: () => shell,
  path: '/alerts/rules/$rule',
  component: lazyRouteComponent(() => import('./screens/alerts/rule.tsx'), 'AlertRuleScreen'),
})

const alertMaintenance = createRoute({
  getParentRoute: () => shell,
  path: '/alerts/maintenance',
  component: lazyRouteComponent(() => import('./screens/alerts/maintenance.tsx'), 'MaintenanceScreen'),
})

const alertChannels = createRoute({
  getParentRoute: () => shell,
  path: '/alerts/channels',
  component: lazyRouteComponent(() => import('./screens/alerts/channels.tsx'), 'ChannelsScreen'),
})

const notifications = createRoute({
  getParentRoute: () => shell,
  path: '/notifications',
  component: lazyRouteComponent(() => import('./screens/alerts/notifications.tsx'), 'NotificationsScreen'),
})

const compare = createRoute({
  getParentRoute: () => shell,
  path: '/compare',
  validateSearch: ({ series }: Record<string, unknown>): { series: string[] } => ({
    series: Array.isArray(series) ? series.filter(one => typeof one === 'string') : [],
  }),
  component: lazyRouteComponent(() => import('./screens/compare.tsx'), 'CompareScreen'),
})

const works = createRoute({
  getParentRoute: () => shell,
  path: '/dga',
  component: lazyRouteComponent(() => import('./screens/works.tsx'), 'WorksScreen'),
})

const work = createRoute({
  getParentRoute: () => shell,
  path: '/dga/works/$work',
  component: lazyRouteComponent(() => import('./screens/work.tsx'), 'WorkScreen'),
})

const reconciliation = createRoute({
  getParentRoute: () => shell,
  path: '/dga/reconciliation',
  component: lazyRouteComponent(() => import('./screens/reconciliation.tsx'), 'ReconciliationScreen'),
})

const faults = createRoute({
  getParentRoute: () => shell,
  path: '/dga/faults',
  component: lazyRouteComponent(() => import('./screens/faults.tsx'), 'FaultsScreen'),
})

const sending = createRoute({
  getParentRoute: () => shell,
  path: '/dga/sending',
  component: lazyRouteComponent(() => import('./screens/sending.tsx'), 'SendingScreen'),
})

const review = createRoute({
  getParentRoute: () => shell,
  path: '/review',
  component: lazyRouteComponent(() => import('./screens/review.tsx'), 'ReviewScreen'),
})

const gateways = createRoute({
  getParentRoute: () => shell,
  path: '/gateways',
  component: lazyRouteComponent(() => import('./screens/gateways.tsx'), 'GatewaysScreen'),
})

const gateway = createRoute({
  getParentRoute: () => shell,
  path: '/gateways/$gateway',
  component: lazyRouteComponent(() => import('./screens/gateway.tsx'), 'GatewayScreen'),
})

const imports = createRoute({
  getParentRoute: () => shell,
  path: '/imports',
  component: lazyRouteComponent(() => import('./screens/imports.tsx'), 'ImportsScreen'),
})

const oneImport = createRoute({
  getParentRoute: () => shell,
  path: '/imports/$import',
  component: lazyRouteComponent(() => import('./screens/import.tsx'), 'ImportScreen'),
})

const gatewayNow = createRoute({
  getParentRoute: () => gateway,
  path: '/',
  component: lazyRouteComponent(() => import('./screens/gateway.tsx'), 'GatewayNow'),
})

const gatewayConfiguration = createRoute({
  getParentRoute: () => gateway,
  path: '/configuration',
  component: lazyRouteComponent(
    () => import('./screens/gateway-configuration.tsx'),
    'GatewayConfigurationScreen',
  ),
})

const gatewayRegisters = createRoute({
  getParentRoute: () => gateway,
  path: '/registers',
  component: lazyRouteComponent(() => import('./screens/gateway-registers.tsx'), 'GatewayRegistersScreen'),
})

const wizard = createRoute({
  getParentRoute: () => shell,
  path: '/wizard',
  component: lazyRouteComponent(() => import('./screens/wizard.tsx'), 'WizardScreen'),
})

const account = createRoute({
  getParentRoute: () => shell,
  path: '/account',
  component: lazyRouteComponent(() => import('./screens/account.tsx'), 'AccountScreen'),
})

const admin = createRoute({
  getParentRoute: () => shell,
  path: '/admin',
  component: lazyRouteComponent(() => import('./screens/admin/frame.tsx'), 'AdminFrame'),
})

const adminIndex = createRoute({
  getParentRoute: () => admin,
  path: '/',
  beforeLoad: async ({ context }) => {
    const [first] = sectionsOf(await context.queries.ensureQueryData(meQuery))
    throw redirect({ to: first?.to ?? '/' })
  },
})

const adminClients = createRoute({
  getParentRoute: () => admin,
  path: '/clients',
  component: lazyRouteComponent(() => import('./screens/admin/clients.tsx'), 'ClientsScreen'),
})

const adminClient = createRoute({
  getParentRoute: () => admin,
  path: '/clients/$client',
  component: lazyRouteComponent(() => import('./screens/admin/client.tsx'), 'ClientScreen'),
})

const adminPoints = createRoute({
  getParentRoute: () => admin,
  path: '/points',
  component: lazyRouteComponent(() => import('./screens/admin/points.tsx'), 'PlacesScreen'),
})

const adminPoint = createRoute({
  getParentRoute: () => admin,
  path: '/points/$point',
  component: lazyRouteComponent(() => import('./screens/admin/point.tsx'), 'PlaceScreen'),
})

const newPoint = createRoute({
  getParentRoute: () => admin,
  path: '/new-point',
  component: lazyRouteComponent(() => import('./screens/admin/new-point.tsx'), 'NewPointScreen'),
})

const adminGateways = createRoute({
  getParentRoute: () => admin,
  path: '/gateways',
  component: lazyRouteComponent(() => import('./screens/admin/stations.tsx'), 'StationsScreen'),
})

const adminAudit = createRoute({
  getParentRoute: () => admin,
  path: '/audit',
  component: lazyRouteComponent(() => import('./screens/admin/audit.tsx'), 'AuditScreen'),
})

const users = createRoute({
  getParentRoute: () => admin,
  path: '/users',
  component: lazyRouteComponent(() => import('./screens/admin/users.tsx'), 'UsersScreen'),
})

const user = createRoute({
  getParentRoute: () => admin,
  path: '/users/$user',
  component: lazyRouteComponent(() => import('./screens/admin/user.tsx'), 'UserScreen'),
})

const keys = createRoute({
  getParentRoute: () => admin,
  path: '/keys',
  component: lazyRouteComponent(() => import('./screens/admin/keys.tsx'), 'KeysScreen'),
})

const tree = root.addChildren([
  signIn,
  invitation,
  recovery,
  shell.addChildren([
    overview,
    point.addChildren([pointNow, pointAnalysis, pointDga, pointProcessing]),
    balances,
    compare,
    incidents,
    incident,
    alertRules,
    alertRule,
    alertMaintenance,
    alertChannels,
    notifications,
    works,
    work,
    reconciliation,
    faults,
    sending,
    review,
    gateways,
    gateway.addChildren([gatewayNow, gatewayConfiguration, gatewayRegisters]),
    wizard,
    imports,
    oneImport,
    account,
    admin.addChildren([
      adminIndex,
      adminClients,
      adminClient,
      adminPoints,
      adminPoint,
      newPoint,
      adminGateways,
      adminAudit,
      users,
      user,
      keys,
    ]),
  ]),
])

/** Opens the router. */
export function openRouter(queries: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queries },
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultPendingComponent: () => <Loading lines={6} />,
    defaultErrorComponent: ({ error, reset }: ErrorComponentProps) => (
      <Failure error={error as Error} retry={reset} />
    ),
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof openRouter>
  }
}
