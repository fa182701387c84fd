// One point: what is the same on all of its pages.

import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, Outlet } from '@tanstack/react-router'
import { overviewQuery, pointQuery } from '../api/queries.ts'
import { useText } from '../i18n/language.tsx'
import '../styles/point.css'
import { Age } from '../ui/now.tsx'
import { Shown } from '../ui/shown.tsx'
import { StateBadge } from '../ui/state-badge.tsx'
import { TabLinks } from '../ui/tabs.tsx'
import { useTitle } from '../ui/title.ts'

const route = getRouteApi('/shell/points/$point')

/** One point, and the page of it that is open. */
export function PointScreen() {
  const text = useText()
  const { point: key } = route.useParams()
  const query = useQuery(pointQuery(key))
  const { data: overview } = useQuery(overviewQuery)
  const live = overview?.items.find(one => one.key === query.data?.key)
  useTitle(query.data?.name)
  return (
    <Shown query={query} lines={8}>
      {({ name, client, project }) => (
        <>
          <div className="page-head">
            <p className="trail">
              <Link to="/">{text.app.overview}</Link>
              <span aria-hidden="true">/</span>
              <span>
                {client} · {project}
              </span>
            </p>
            <h1>{name}</h1>
            {live !== undefined && <StateBadge state={live.state} />}
            <span className="faint push">
              {text.overview.age}: <Age at={live?.lastAt ?? null} />
            </span>
          </div>
          <TabLinks label={text.point.tabs}>
            <Link to="/points/$point" params={{ point: key }} activeOptions={{ exact: true }} className="tab">
              {text.point.history}
            </Link>
            <Link to="/points/$point/analysis" params={{ point: key }} className="tab">
              {text.analysis.tab}
            </Link>
            <Link to="/points/$point/dga" params={{ point: key }} className="tab">
              {text.point.declarations}
            </Link>
            <Link to="/points/$point/processing" params={{ point: key }} className="tab">
              {text.processing.tab}
            </Link>
          </TabLinks>
          <Outlet />
        </>
      )}
    </Shown>
  )
}
