// What is around every screen of the administration: its sections, as far as who is signed in may see them.
//
// To add one: its line in sections.ts, its text in `admin.sections`, its route in router.tsx and its path in pages.ts.

import { useQuery } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import { meQuery } from '../../api/queries.ts'
import { useText } from '../../i18n/language.tsx'
import { TabLinks } from '../../ui/tabs.tsx'
import { sectionsOf } from './sections.ts'
import '../../styles/account.css'
import '../../styles/admin.css'

/** What is around every screen of the administration. */
export function AdminFrame() {
  const text = useText()
  const { data: me } = useQuery(meQuery)
  return (
    <div className="admin">
      <TabLinks label={text.admin.title}>
        {sectionsOf(me).map(({ to, name }) => (
          <Link key={to} to={to} className="tab">
            {text.admin.sections[name]}
          </Link>
        ))}
      </TabLinks>
      <Outlet />
    </div>
  )
}
