// Numbers as people type them.

/** What somebody typed as a number, with a comma or a point; undefined: nothing, NaN: no number. */
export function toNumber(typed: string): number | undefined {
  const plain = typed.trim().replace(',', '.')
  if (plain === '') return undefined
  return /^[+-]?\d*\.?\d+$/.test(plain) ? Number(plain) : Number.NaN
}
