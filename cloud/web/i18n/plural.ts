// How many of something, in words.

/** The count with its noun. */
export const plural = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`
