// How a point is, in the order in which it wants attention.

import type { OverviewPoint } from './api/types.ts'

/** How a point is. */
export type PointState = OverviewPoint['state']

/** What is worst comes first. */
export const BY_URGENCY: readonly PointState[] = ['silent', 'late', 'fault', 'never', 'current']
