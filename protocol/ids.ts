// Identifiers: what names a client, a project, a point, a gateway, a bus, a device, a provider.

import { z } from 'zod'

/** The shape of every identifier: no separator or wildcard of MQTT or NATS fits in it. */
export const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/

/** An identifier: 1 to 63 of `a-z 0-9 -`, not starting with a hyphen. */
export const Slug = z
  .string()
  .regex(SLUG, 'must be 1 to 63 characters of a-z, 0-9 and "-", and must not start with "-"')

/** The providers through whose APIs devices are read. */
export const PROVIDER_NAMES = ['twin', 'nettra', 'novus', 'json'] as const

/** The name of a provider. */
export type ProviderName = (typeof PROVIDER_NAMES)[number]

/** Where a point belongs. Its dotted form `client.project.point` is how the API names a point. */
export interface PointPath {
  client: string
  project: string
  point: string
}

/** `campo.los-aromos.pozo-7`. */
export function pointKey({ client, project, point }: PointPath): string {
  return `${client}.${project}.${point}`
}
