// What is around every screen before one is signed in.

import { type ReactNode, useEffect } from 'react'
import { useLanguage, useText } from '../i18n/language.tsx'
import { Choice } from '../ui/choice.tsx'
import { Mark } from '../ui/icons.tsx'

/** What is around every screen before one is signed in. */
export function SignInFrame({ title, children }: { title: string; children: ReactNode }) {
  const text = useText()
  const { language, choose } = useLanguage()
  useEffect(() => {
    document.title = `${title} · SmartHydro`
  }, [title])
  return (
    <div className="sign-in">
      <aside className="sign-in-side">
        <Mark size={44} />
        <p className="sign-in-name">SmartHydro</p>
        <p className="sign-in-lead">{text.signIn.lead}</p>
        <Strata />
      </aside>
      <main className="sign-in-main">
        {children}
        <Choice
          label={text.app.language}
          value={language}
          options={[
            { value: 'es', label: 'Español' },
            { value: 'en', label: 'English' },
          ]}
          onChoose={choose}
        />
      </main>
    </div>
  )
}

/** Water in the ground, as layers: what all of this is about. */
function Strata() {
  return (
    <svg className="strata" viewBox="0 0 400 320" preserveAspectRatio="none" aria-hidden="true">
      <path className="strata-1" d="M0 90c70-26 130-14 200 4s140 18 200-10v236H0z" />
      <path className="strata-2" d="M0 150c80 22 150 20 220-2s120-22 180-4v176H0z" />
      <path className="strata-3" d="M0 214c60-14 130-18 210 2s130 14 190-6v110H0z" />
    </svg>
  )
}
