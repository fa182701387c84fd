// What is around every screen: where one is, where one can go, who one is.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState } from 'react'
import { ask } from './api/client.ts'
import { followLive } from './api/live.ts'
import { incidentsQuery, meQuery } from './api/queries.ts'
import { useText } from './i18n/language.tsx'
import { may } from './may.ts'
import { GROUPS, PLACES, type Place } from './nav.ts'
import { Icon, Mark } from './ui/icons.tsx'
import { Toasts } from './ui/toast.tsx'

const Palette = lazy(() => import('./palette.tsx'))

/** What is around every screen. */
export function Shell() {
  const text = useText()
  const queries = useQueryClient()
  const { data: me } = useQuery(meQuery)
  const [isSearching, setSearching] = useState(false)
  const isSomebody = me !== undefined && me !== null
  useEffect(() => (isSomebody ? followLive(queries) : undefined), [queries, isSomebody])
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
      <Toasts />
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
  const { pathname } = useLocation()
  const [openAt, setOpenAt] = useState<string | undefined>()
  const places = PLACES.filter(({ ability }) => may(me, ability))
  // The sheet of a phone is closed by going somewhere.
  const isOpen = openAt === pathname
  return (
    <nav className={`shell-nav ${isOpen ? 'is-open' : ''}`} aria-label={text.app.nav}>
      {GROUPS.map(group => {
        const inGroup = places.filter(one => one.group === group)
        if (inGroup.length === 0) return null
        return (
          <div key={group} className="nav-group">
            <p className="nav-title">{text.app.groups[group]}</p>
            {inGroup.map(place => (
              <PlaceLink key={place.to} place={place} />
            ))}
          </div>
        )
      })}
      <button
        type="button"
        className="nav-link nav-more"
        aria-expanded={isOpen}
        onClick={() => setOpenAt(isOpen ? undefined : pathname)}
      >
        <Icon name={isOpen ? 'close' : 'more'} />
        <span>{isOpen ? text.ui.close : text.app.more}</span>
      </button>
    </nav>
  )
}

function PlaceLink({ place: { to, label, icon, isPinned = false } }: { place: Place }) {
  const text = useText()
  return (
    <Link
      to={to}
      activeOptions={{ exact: to === '/' }}
      className={`nav-link ${isPinned ? 'nav-pinned' : ''}`}
    >
      <Icon name={icon} />
      <span>{label(text)}</span>
      {to === '/incidents' && <OpenIncidents />}
    </Link>
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
