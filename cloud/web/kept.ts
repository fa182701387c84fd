// What the browser keeps of a person's choices. Where it keeps nothing, the choice lasts as long as the page.

type Choice = 'language' | 'theme' | 'wizard'

const PREFIX = 'smarthydro.'

/** What was chosen; null when nothing was. */
export function kept(choice: Choice): string | null {
  try {
    return localStorage.getItem(PREFIX + choice)
  } catch (error) {
    if (error instanceof DOMException) return null
    throw error
  }
}

/** Keeps a choice. */
export function keep(choice: Choice, value: string): void {
  try {
    localStorage.setItem(PREFIX + choice, value)
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
  }
}
