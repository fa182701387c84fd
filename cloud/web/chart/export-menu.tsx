// What charts show, as a file, in the form that is wanted.

import { Menu, MenuButton, MenuItem, MenuProvider } from '@ariakit/react'
import { toUrl } from '../api/client.ts'
import { useText } from '../i18n/language.tsx'
import { Icon } from '../ui/icons.tsx'
import '../styles/picker.css'
import type { TimeView } from './view.ts'

const FORMATS = ['csv', 'xlsx', 'parquet'] as const

/** A menu of files. */
export function ExportMenu({ point, view }: { point: string; view: TimeView }) {
  const text = useText()
  return (
    <MenuProvider>
      <MenuButton className="button button-small">
        <Icon name="download" size={16} />
        {text.point.export}
      </MenuButton>
      <Menu gutter={4} className="picker-list menu">
        {FORMATS.map(format => (
          <MenuItem
            key={format}
            className="picker-item"
            render={<a href={exportUrl(point, view, format)} download />}
          >
            <span>{text.point.formats[format]}</span>
            <span className="faint">{text.point.formatHints[format]}</span>
          </MenuItem>
        ))}
      </Menu>
    </MenuProvider>
  )
}

function exportUrl(point: string, { from, to }: TimeView, format: (typeof FORMATS)[number]): string {
  const span = { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
  const style = format === 'csv' ? { style: 'spreadsheet' } : {}
  return toUrl('/api/v1/points/{point}/export', { point }, { ...span, format, ...style })
}
