// The table of cases in test/cases/modbus: registers as they lie in a device, and the value that they mean.

import { globSync, readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { z } from 'zod'
import { ModbusSignal } from '../../../protocol/gateway-config.ts'
import { QUALITY_NAMES } from '../../../protocol/reading.ts'

const Case = z.strictObject({
  what: z.string().min(1),
  signal: ModbusSignal,
  /** In hexadecimal, from address 0 on; bits as 0000 and 0001. */
  registers: z.array(z.string().regex(/^[0-9a-f]{4}$/)).min(1),
  expected: z.strictObject({ value: z.number().nullable(), quality: z.enum(QUALITY_NAMES) }),
})

/** One case. */
export interface DecodeCase {
  name: string
  what: string
  signal: ModbusSignal
  registers: number[]
  expected: { value: number | null; quality: string }
}

/** All cases, by name. */
export function readCases(): DecodeCase[] {
  return globSync('test/cases/modbus/*/case.json')
    .sort()
    .map(file => {
      const { registers, ...rest } = Case.parse(JSON.parse(readFileSync(file, 'utf8')))
      return {
        name: basename(dirname(file)),
        ...rest,
        registers: registers.map(word => Number.parseInt(word, 16)),
      }
    })
}
