// Who one is, and how the application looks.

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { meQuery } from '../api/queries.ts'
import { useLanguage, useText } from '../i18n/language.tsx'
import { chooseTheme, chosenTheme, THEMES } from '../theme.ts'
import { Choice } from '../ui/choice.tsx'
import { Panel } from '../ui/panel.tsx'
import { Shown } from '../ui/shown.tsx'
import { useTitle } from '../ui/title.ts'
import { PasskeysPanel, SecondFactorPanel } from './own-factors.tsx'
import { OwnKeysPanel } from './own-keys.tsx'
import { PasswordPanel, SessionsPanel } from './own-security.tsx'
import '../styles/account.css'

/** Who one is, and how the application looks. */
export function AccountScreen() {
  const text = useText()
  useTitle(text.account.title)
  return (
    <>
      <div className="page-head">
        <h1>{text.account.title}</h1>
      </div>
      <div className="stack account">
        <Profile />
        <Appearance />
        <PasswordPanel />
        <SecondFactorPanel />
        <PasskeysPanel />
        <SessionsPanel />
        <OwnKeysPanel />
      </div>
    </>
  )
}

function Profile() {
  const text = useText()
  const query = useQuery(meQuery)
  return (
    <Panel title={text.account.profile}>
      <Shown query={query}>
        {me => (
          <dl className="facts panel-body">
            <dt>{text.account.name}</dt>
            <dd>{me?.name}</dd>
            <dt>{text.account.email}</dt>
            <dd>{me?.email}</dd>
            <dt>{text.account.roles}</dt>
            <dd>
              {me?.grants.map(({ role, client }) => (
                <div key={`${role} ${client}`}>
                  {text.account.role[role]} · {client ?? text.account.allClients}
                </div>
              ))}
            </dd>
          </dl>
        )}
      </Shown>
    </Panel>
  )
}

function Appearance() {
  const text = useText()
  const { language, choose } = useLanguage()
  const [theme, setTheme] = useState(chosenTheme)
  return (
    <Panel title={text.account.appearance}>
      <div className="panel-body settings">
        <div>
          <h3>{text.app.language}</h3>
          <Choice
            label={text.app.language}
            value={language}
            options={[
              { value: 'es', label: 'Español' },
              { value: 'en', label: 'English' },
            ]}
            onChoose={choose}
          />
        </div>
        <div>
          <h3>{text.app.theme}</h3>
          <Choice
            label={text.app.theme}
            value={theme}
            options={THEMES.map(value => ({ value, label: text.app.themes[value] }))}
            onChoose={chosen => {
              chooseTheme(chosen)
              setTheme(chosen)
            }}
          />
        </div>
      </div>
    </Panel>
  )
}
