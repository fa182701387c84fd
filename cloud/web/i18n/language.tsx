// Which language is shown: Spanish unless somebody chose English. English is loaded only when it is shown.

import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react'
import { keep, kept } from '../kept.ts'
import { es, type Messages } from './es.ts'
import { type Format, openFormat } from './format.ts'

/** The languages there are. */
export type Language = 'es' | 'en'

interface Shown {
  language: Language
  text: Messages
  format: Format
  choose(language: Language): void
}

const Context = createContext<Shown | undefined>(undefined)

/** Gives everything inside its texts. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(kept('language') === 'en' ? 'en' : 'es')
  const [text, setText] = useState<Messages | undefined>(language === 'es' ? es : undefined)
  useEffect(() => {
    let stopped = false
    document.documentElement.lang = language
    if (language === 'es') setText(es)
    else
      import('./en.ts').then(({ en }) => {
        if (!stopped) setText(en)
      })
    return () => {
      stopped = true
    }
  }, [language])
  const shown = useMemo(() => {
    if (text === undefined) return undefined
    const choose = (chosen: Language) => {
      keep('language', chosen)
      setLanguage(chosen)
    }
    return { language, text, format: openFormat(text), choose }
  }, [language, text])
  return shown === undefined ? null : <Context value={shown}>{children}</Context>
}

function useShown(): Shown {
  const shown = useContext(Context)
  if (shown === undefined) throw new Error('There is no LanguageProvider around this')
  return shown
}

/** The texts of the language that is shown. */
export const useText = (): Messages => useShown().text

/** Writes numbers and instants in the language that is shown. */
export const useFormat = (): Format => useShown().format

/** The language that is shown, and how to show another. */
export function useLanguage(): { language: Language; choose(language: Language): void } {
  const { language, choose } = useShown()
  return { language, choose }
}
