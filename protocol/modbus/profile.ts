// Profiles: what the registers of known devices hold, as data. One YAML file for each device in profiles/.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { ModbusSignal } from '../gateway-config.ts'
import { SLUG } from '../ids.ts'
import { parseYaml } from '../yaml.ts'

const Profile = z.strictObject({
  name: z.string().min(1),
  /** Where the registers are from: a manual with its page, or whoever published them. */
  source: z.string().min(1),
  /** How sure that is. Below `high`, compare with the device's display before you rely on it. */
  certainty: z.enum(['high', 'medium-high', 'medium']),
  /** How the line is set when the device leaves the factory. */
  line: z.string().min(1).optional(),
  notes: z.string().min(1).optional(),
  signals: z.array(ModbusSignal).min(1),
})

/** What the registers of a device hold, and where that is from. */
export type Profile = z.infer<typeof Profile>

const FOLDER = new URL('./profiles/', import.meta.url)

/** The names of all profiles. */
export function profileNames(): string[] {
  return readdirSync(FOLDER)
    .filter(file => file.endsWith('.yaml'))
    .map(file => file.slice(0, -'.yaml'.length))
    .sort()
}

/** The profile of that name; `undefined` when there is none. */
export function readProfile(name: string): Profile | undefined {
  const file = new URL(`${name}.yaml`, FOLDER)
  if (!SLUG.test(name) || !existsSync(file)) return undefined
  return parseYaml(readFileSync(file, 'utf8'), `profile ${name}`, Profile)
}

/** The signals of the profile of that name; `undefined` when there is none. */
export function profileSignals(name: string): readonly ModbusSignal[] | undefined {
  return readProfile(name)?.signals
}
