// Going anywhere from the keyboard: a list of points and pages that what is typed narrows.

import { Combobox, ComboboxItem, ComboboxList, ComboboxProvider, Dialog } from '@ariakit/react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { meQuery, overviewQuery } from './api/queries.ts'
import { useText } from './i18n/language.tsx'
import { may } from './may.ts'
import { PLACES } from './nav.ts'
import { plain } from './plain.ts'
import './styles/palette.css'
import { Icon } from './ui/icons.tsx'
import { StateSign } from './ui/state-badge.tsx'

const POINTS_MAX = 12

/** The list over the page. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const text = useText()
  const navigate = useNavigate()
  const [typed, setTyped] = useState('')
  const { data: me } = useQuery(meQuery)
  const { data } = useQuery({ ...overviewQuery, refetchInterval: false })
  const found = useMemo(() => {
    const wanted = plain(typed)
    const points = (data?.items ?? []).filter(({ name, key }) => plain(`${name} ${key}`).includes(wanted))
    const pages = PLACES.filter(({ ability }) => may(me, ability)).map(({ to, label, icon }) => ({
      ...{ to, icon, label: label(text) },
    }))
    return {
      points: points.slice(0, POINTS_MAX),
      pages: pages.filter(({ label }) => plain(label).includes(wanted)),
    }
  }, [typed, data, text, me])
  const go = (to: string) => {
    onClose()
    navigate({ to })
  }
  return (
    <Dialog
      open
      onClose={onClose}
      className="palette"
      backdrop={<div className="palette-behind" />}
      aria-label={text.app.searchHint}
    >
      <ComboboxProvider open setValue={setTyped} focusLoop>
        <div className="palette-field">
          <Icon name="search" />
          <Combobox autoSelect="always" placeholder={text.app.searchHint} aria-label={text.app.searchHint} />
        </div>
        <ComboboxList alwaysVisible className="palette-list" aria-label={text.app.searchHint}>
          {found.points.map(({ key, name, client, project, state }) => (
            <ComboboxItem key={key} className="palette-item" onClick={() => go(`/points/${key}`)}>
              <StateSign state={state} />
              <span>{name}</span>
              <span className="faint">
                {client} · {project}
              </span>
            </ComboboxItem>
          ))}
          {found.pages.map(({ to, label, icon }) => (
            <ComboboxItem key={to} className="palette-item" onClick={() => go(to)}>
              <Icon name={icon} size={16} />
              <span>{label}</span>
            </ComboboxItem>
          ))}
        </ComboboxList>
        {found.points.length + found.pages.length === 0 && (
          <p className="palette-none faint">{text.app.searchNone}</p>
        )}
      </ComboboxProvider>
    </Dialog>
  )
}
