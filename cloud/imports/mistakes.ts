// What is wrong with a file: where, and what. All of it at once, up to a bound.

/** One thing wrong, with its line and column. */
export interface FileMistake {
  /** Counted from 1, as an editor counts; 0: the file as a whole. */
  line: number
  column: string
  detail: string
}

/** More than these are counted and not told. */
export const MISTAKES_MAX = 200

/** Mistakes as they are found. */
export interface Mistakes {
  add(mistake: FileMistake): void
  told: FileMistake[]
  count: number
}

/** Opens a list. */
export function openMistakes(): Mistakes {
  const told: FileMistake[] = []
  return {
    told,
    count: 0,
    add(mistake) {
      this.count += 1
      if (told.length < MISTAKES_MAX) told.push(mistake)
    },
  }
}

/** What stands in a cell, as far as it is worth telling; never half of a character. */
export const shownCell = (text: string): string => text.slice(0, 40).toWellFormed()
