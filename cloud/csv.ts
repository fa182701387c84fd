// What a spreadsheet would run when it opens a file is shown instead.

/** A number, with point or comma. */
const NUMBER = /^[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?$/

/** A text that no spreadsheet takes for a formula: one that begins as one gets an apostrophe before it. */
export function defuse(text: string): string {
  return /^[=+\-@\t\r]/.test(text) && !NUMBER.test(text) ? `'${text}` : text
}
