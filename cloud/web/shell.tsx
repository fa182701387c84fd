// What is around every screen: where one is, where one can go, who one is.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState } from 'react'
import { ask } from './api/client.ts'
import { incidentsQuery, meQuery } from './api/queries.ts'
import { useText } from './i18n/language.tsx'
import { Icon, Mark } from './ui/icons.tsx'

const Palette = lazy(() => import('./palette.tsx'))

/** What is around every screen. */
export function Shell() {
  const text = useText()
  const [isSearching, setSearching] = useState(false)
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return
      event.preventDefault()
      setSearching(true)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])
  return (
    <div className="shell">
      <a className="skip" href="#content">
        {text.app.skip}
      </a>
      <header className="shell-bar">
        <Link to="/" className="brand">
          <Mark />
          <span className="brand-name">SmartHydro</span>
        </Link>
        <button type="button" className="shell-search" onClick={() => setSearching(true)}>
          <Icon name="search" size={18} />
          <span>{text.app.search}</span>
          <kbd>Ctrl K</kbd>
        </button>
        <Navigation />
        <Whoever />
      </header>
      <main id="content" className="shell-content" tabIndex={-1}>
        <Outlet />
      </main>
      {isSearching && (
        <Suspense>
          <Palette onClose={() => setSearching(false)} />
        </Suspense>
      )}
    </div>
  )
}

function Navigation() {
  const text = useText()
  const { data: me } = useQuery(meQuery)
  // Who reads for the regulator is told of points and declarations, not of how the site is run.
  const mayOperate = me?.grants.some(({ role }) => role !== 'regulator_reader') === true
  return (
    <nav className="shell-nav" aria-label={text.app.nav}>
      <Link to="/" activeOptions={{ exact: true }} className="nav-link">
        <Icon name="overview" />
        <span>{text.app.overview}</span>
      </Link>
      {mayOperate && (
        <Link to="/incidents" className="nav-link">
          <Icon name="incident" />
          <span>{text.incidents.title}</span>
          <OpenIncidents />
        </Link>
      )}
      <Link to="/review" className="nav-link">
        <Icon name="review" />
        <span>{text.review.title}</span>
      </Link>
      <Link to="/gateways" className="nav-link">
        <Icon name="gateway" />
        <span>{text.app.gateways}</span>
      </Link>
      <Link to="/account" className="nav-link">
        <Icon name="account" />
        <span>{text.app.account}</span>
      </Link>
    </nav>
  )
}

/** How many incidents wait for somebody to say that they know. */
function OpenIncidents() {
  const text = useText()
  const { data } = useQuery(incidentsQuery('open'))
  const waiting = data?.items.filter(({ acknowledgedAt }) => acknowledgedAt === null).length ?? 0
  if (waiting === 0) return null
  return (
    <span className="nav-count">
      {waiting}
      <span className="visually-hidden"> {text.incidents.open}</span>
    </span>
  )
}

function Whoever() {
  const text = useText()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const { data: me } = useQuery(meQuery)
  const signOut = async () => {
    await ask('DELETE /api/v1/session', {})
    await navigate({ to: '/sign-in' })
    queries.clear()
  }
  return (
    <div className="shell-who">
      <div className="who-name">
        <strong>{me?.name}</strong>
        <span className="faint">{me?.email}</span>
      </div>
      <button type="button" className="icon-button" onClick={signOut} title={text.app.signOut}>
        <Icon name="signOut" />
        <span className="visually-hidden">{text.app.signOut}</span>
      </button>
    </div>
  )
}
