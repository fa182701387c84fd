// What a chaos test counts, said so that the benchmark of the same name can print it.

import type { TestContext } from 'node:test'
import type { Figure } from '../bench/figure.ts'

/** What a line with a figure has before it. */
export const FIGURE_MARK = 'figure: '

/** Says figures. */
export function sayFigures(context: TestContext, figures: readonly Figure[]): void {
  for (const figure of figures) context.diagnostic(`${FIGURE_MARK}${JSON.stringify(figure)}`)
}
