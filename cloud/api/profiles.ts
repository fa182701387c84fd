// /profiles: what the registers of known instruments hold, and where that is from.

import { createRoute, z } from '@hono/zod-openapi'
import { profileNames, readProfile } from '../../protocol/modbus/profile.ts'
import { VARIABLE_NAMES, VARIABLES } from '../../protocol/variables.ts'
import { Problem } from '../problem.ts'
import { NoQuery, SlugText } from './fields.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Signal = z
  .strictObject({
    variable: z.enum(VARIABLE_NAMES as [string, ...string[]]),
    unit: z.string().openapi({ description: 'what its value is shown in' }),
    table: z.enum(['coil', 'discrete', 'holding', 'input']),
    address: z.int().openapi({ description: '0-based, as on the wire' }),
    type: z.string(),
  })
  .openapi('ProfileSignal')

const Profile = z
  .strictObject({
    profile: SlugText.openapi({ example: 'siemens-mag-6000' }),
    name: z.string(),
    source: z.string().openapi({ description: 'where that is from' }),
    certainty: z.enum(['high', 'medium-high', 'medium']).openapi({
      description: 'below `high`, compare with the display of the instrument before you rely on it',
    }),
    line: z.string().nullable().openapi({ description: 'how its line is set when it leaves the factory' }),
    notes: z.string().nullable(),
    signals: z.array(Signal),
  })
  .openapi('Profile')

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['gateways'],
  summary: 'Instruments whose registers are known',
  request: { query: NoQuery },
  responses: {
    200: {
      description: 'all of them',
      content: {
        'application/json': { schema: z.strictObject({ items: z.array(Profile) }).openapi('ProfileList') },
      },
    },
    ...problemResponses(400, 401, 403),
  },
})

const oneRoute = createRoute({
  method: 'get',
  path: '/{profile}',
  tags: ['gateways'],
  summary: 'One instrument',
  request: {
    query: NoQuery,
    params: z.strictObject({ profile: SlugText.openapi({ param: { name: 'profile', in: 'path' } }) }),
  },
  responses: {
    200: { description: 'its registers', content: { 'application/json': { schema: Profile } } },
    ...problemResponses(400, 401, 403, 404),
  },
})

/** `/profiles`, `/profiles/{profile}`. */
export function profiles() {
  return openRouter()
    .openapi(listRoute, context => context.json({ items: profileNames().flatMap(toProfile) }, 200))
    .openapi(oneRoute, context => {
      const [profile] = toProfile(context.req.valid('param').profile)
      if (profile === undefined) throw new Problem(404, 'Profile not found')
      return context.json(profile, 200)
    })
}

function toProfile(profile: string): z.infer<typeof Profile>[] {
  const found = readProfile(profile)
  if (found === undefined) return []
  const { name, source, certainty, line = null, notes = null, signals } = found
  return [
    {
      ...{ profile, name, source, certainty, line, notes },
      signals: signals.map(({ variable, table, address, type }) => ({
        ...{ variable, table, address, type },
        unit: VARIABLES[variable].unit,
      })),
    },
  ]
}
