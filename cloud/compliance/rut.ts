// RUT: the number that names a person or a company in Chile. One form inside: no dots, a hyphen, `K` upper case.

import { z } from 'zod'

/** A RUT as people write it, `12.345.678-k`, read into the one form we keep: `12345678-K`. */
export const Rut = z
  .string()
  .transform(text => text.trim().replaceAll('.', '').toUpperCase())
  .refine(text => /^[1-9]\d{0,8}-[\dK]$/.test(text), 'must be a RUT such as 12345678-5')
  .refine(text => text.endsWith(`-${checkDigit(text.split('-')[0] ?? '')}`), 'has a wrong check digit')

const WEIGHTS = [2, 3, 4, 5, 6, 7]

/** The check digit, modulo 11. */
function checkDigit(digits: string): string {
  const sum = [...digits]
    .reverse()
    .reduce((total, digit, place) => total + Number(digit) * (WEIGHTS[place % WEIGHTS.length] ?? 0), 0)
  const rest = 11 - (sum % 11)
  if (rest === 11) return '0'
  return rest === 10 ? 'K' : String(rest)
}
