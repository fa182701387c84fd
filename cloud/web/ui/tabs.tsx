// Tabs: those that are pages of their own, and those within a page.

import { Tab, TabList, TabPanel, TabProvider } from '@ariakit/react'
import { type ReactNode, useEffect, useRef } from 'react'

/** Links to the pages of one thing; the one that is open is in sight. Each child is a `Link` of class `tab`. */
export function TabLinks({ label, children }: { label: string; children: ReactNode }) {
  const nav = useRef<HTMLElement>(null)
  useEffect(() => {
    const open = nav.current?.querySelector<HTMLElement>('.active')
    if (nav.current === null || open === null || open === undefined) return
    nav.current.scrollLeft = open.offsetLeft - (nav.current.clientWidth - open.clientWidth) / 2
  })
  return (
    <nav className="tabs" aria-label={label} ref={nav}>
      {children}
    </nav>
  )
}

/** Parts of a page of which one is shown. */
export function Tabs({
  label,
  tabs,
}: {
  label: string
  tabs: readonly { id: string; name: string; content: () => ReactNode }[]
}) {
  return (
    <TabProvider defaultSelectedId={tabs[0]?.id ?? null}>
      <TabList className="tabs" aria-label={label}>
        {tabs.map(({ id, name }) => (
          <Tab key={id} id={id} className="tab">
            {name}
          </Tab>
        ))}
      </TabList>
      {tabs.map(({ id, content }) => (
        <TabPanel key={id} tabId={id} unmountOnHide>
          {content()}
        </TabPanel>
      ))}
    </TabProvider>
  )
}
