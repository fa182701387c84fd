// How a number lies in the registers of a Modbus device: its type, its byte order, its table.

/**
 * How a number lies in registers. Word orders are of 16-bit words, as a device's manual calls them. `ascii` is a decimal
 * number that is written out: a reading is a number, and other text is none.
 */
export const REGISTER_TYPES = [
  'bool',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float16',
  'float32',
  'float64',
  'bcd16',
  'bcd32',
  'bcd64',
  'mod10k32',
  'mod10k48',
  'mod10k64',
  'ubcd16',
  'ubcd32',
  'ubcd64',
  'ascii32',
  'ascii64',
  'ascii96',
  'ascii128',
] as const

/** How a number lies in registers. */
export type RegisterType = (typeof REGISTER_TYPES)[number]

/** How many registers each type takes. */
export const REGISTER_COUNT: Record<RegisterType, number> = {
  bool: 1,
  int16: 1,
  uint16: 1,
  int32: 2,
  uint32: 2,
  int64: 4,
  uint64: 4,
  float16: 1,
  float32: 2,
  float64: 4,
  bcd16: 1,
  bcd32: 2,
  bcd64: 4,
  mod10k32: 2,
  mod10k48: 3,
  mod10k64: 4,
  ubcd16: 1,
  ubcd32: 2,
  ubcd64: 4,
  ascii32: 2,
  ascii64: 4,
  ascii96: 6,
  ascii128: 8,
}

/** Byte orders: A is the most significant byte. For 64 bits, the same idea over four words. */
export const WORD_ORDERS = ['ABCD', 'CDAB', 'BADC', 'DCBA'] as const

/** Byte orders. */
export type WordOrder = (typeof WORD_ORDERS)[number]

/** The four tables of Modbus. */
export const REGISTER_TABLES = ['coil', 'discrete', 'holding', 'input'] as const

/** The four tables of Modbus. */
export type RegisterTable = (typeof REGISTER_TABLES)[number]
