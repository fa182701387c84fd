// A point as a document of the API, and what may be asked of it.

import { z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import { DEPTH_MAX_M } from '../depths.ts'
import type { PointRow } from '../store/queries.ts'
import { NameText, NoteText } from './entity.ts'
import { InstantText, PointKey, ProjectKey, SlugText, toInstantText } from './fields.ts'

const KINDS = ['groundwater', 'surface_pipe', 'surface_channel'] as const

/** A point. */
export const Point = z
  .strictObject({
    key: PointKey,
    client: SlugText,
    project: SlugText,
    point: SlugText,
    name: z.string(),
    kind: z.enum(KINDS),
    latitude: z.number().nullable(),
    longitude: z.number().nullable(),
    wellDepthM: z.number().nullable().openapi({ description: 'metres below ground, as all depths (d1)' }),
    pumpDepthM: z.number().nullable().openapi({ description: 'd2' }),
    sensorDepthM: z.number().nullable().openapi({ description: 'd3' }),
    dischargeDiameterIn: z.number().nullable().openapi({ description: 'of the discharge pipe (d4)' }),
    meterDiameterIn: z.number().nullable().openapi({ description: 'of the meter (d5)' }),
    meterInitialM3: z.number().nullable().openapi({
      description: 'what the meter showed when it was put in (d6); rules of processing say what is counted',
    }),
    note: z.string().nullable(),
    origin: z
      .enum(['provisioned', 'discovered'])
      .openapi({ description: 'by a person, or found in the readings of its gateway' }),
    archived: z.boolean().openapi({ description: 'not in use any more; what was measured stays' }),
    createdAt: InstantText,
  })
  .openapi('Point')

const Latitude = z.number().min(-90).max(90).nullable()
const Longitude = z.number().min(-180).max(180).nullable()
const Depth = z.number().positive().max(DEPTH_MAX_M).nullable()
const Diameter = z.number().positive().max(200).nullable()
const Reading = z.number().nonnegative().max(1e12).nullable()

const FIELDS = {
  name: NameText,
  kind: z.enum(KINDS),
  latitude: Latitude,
  longitude: Longitude,
  wellDepthM: Depth,
  pumpDepthM: Depth,
  sensorDepthM: Depth,
  dischargeDiameterIn: Diameter,
  meterDiameterIn: Diameter,
  meterInitialM3: Reading,
  note: NoteText,
}

/** A point to be made. */
export const PointAsked = z
  .strictObject({
    project: ProjectKey,
    point: SlugText.openapi({ description: 'names it for good, as in its topics', example: 'pozo-9' }),
    name: FIELDS.name,
    kind: FIELDS.kind.default('groundwater'),
    latitude: Latitude.default(null),
    longitude: Longitude.default(null),
    wellDepthM: Depth.default(null),
    pumpDepthM: Depth.default(null),
    sensorDepthM: Depth.default(null),
    dischargeDiameterIn: Diameter.default(null),
    meterDiameterIn: Diameter.default(null),
    meterInitialM3: Reading.default(null),
    note: FIELDS.note.default(null),
  })
  .openapi('PointAsked')

/** A part of a point to be changed. */
export const PointPatch = z
  .strictObject({ ...FIELDS, archived: z.boolean() })
  .partial()
  .openapi('PointPatch')

/** A row as the API shows it. */
export function toPoint({ id: _, archivedAt, createdAt, ...row }: PointRow): z.infer<typeof Point> {
  return {
    key: pointKey(row),
    ...row,
    archived: archivedAt !== null,
    createdAt: toInstantText(createdAt),
  }
}
