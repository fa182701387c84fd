// How what an instrument or a provider gave becomes a value in its variable's unit: the fields of every signal.

import { z } from 'zod'
import { UnitName } from './config-fields.ts'

/** The fields of a signal that say what its numbers mean. */
export const scaling = {
  /** Multiplies what was decoded. */
  scale: z
    .number()
    .refine(value => value !== 0, 'must not be 0')
    .default(1),
  /** Added after the scale, before the conversion to the variable's unit. */
  offset: z.number().default(0),
  /** What the instrument gives; the variable's own unit when absent. */
  unit: UnitName.optional(),
  /** How many decimals the instrument's value really has; it is rounded to them after scale and offset. */
  decimals: z.int().min(0).max(12).optional(),
  /** Decoded values that mean "no value": −32768, −3200, 9999 … */
  sentinels: z.array(z.number()).max(32).default([]),
}
