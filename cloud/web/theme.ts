// Light or dark: as the device says, unless somebody chose.

import { keep, kept } from './kept.ts'

/** What may be chosen. */
export const THEMES = ['system', 'light', 'dark'] as const

/** What may be chosen. */
export type Theme = (typeof THEMES)[number]

/** What was chosen. */
export function chosenTheme(): Theme {
  const theme = kept('theme')
  return theme === 'light' || theme === 'dark' ? theme : 'system'
}

/** Shows a theme and keeps the choice. */
export function chooseTheme(theme: Theme): void {
  keep('theme', theme)
  applyTheme(theme)
}

/** Shows a theme. */
export function applyTheme(theme: Theme): void {
  const root = document.documentElement
  if (theme === 'system') delete root.dataset.theme
  else root.dataset.theme = theme
}
