// Who changed what, from what to what, when and from where.

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type AuditAsked, clientsQuery } from '../../api/entities.ts'
import { useText } from '../../i18n/language.tsx'
import { fromCivil } from '../../ui/civil.ts'
import { InstantField, SelectField, TextField, useForm } from '../../ui/form.tsx'
import { useTitle } from '../../ui/title.ts'
import '../../styles/entities.css'
import { AuditList } from './audit-list.tsx'

const NOTHING = { entity: '', actor: '', subject: '', client: '', from: '', to: '' }

/** Who changed what. */
export function AuditScreen() {
  const text = useText()
  useTitle(text.audit.title)
  const form = useForm(NOTHING)
  const [asked, setAsked] = useState<AuditAsked>({})
  const [isWide] = useState(() => window.matchMedia('(min-width: 700px)').matches)
  const { data: clients = [] } = useQuery(clientsQuery('false'))
  const entities = Object.entries(text.audit.entity)
    .map(([value, label]) => ({ value, label }))
    .sort((a, b) => a.label.localeCompare(b.label))
  return (
    <>
      <div className="page-head">
        <h1>{text.audit.title}</h1>
        <p className="faint audit-lead">{text.audit.lead}</p>
      </div>
      <div className="stack">
        <details className="panel" open={isWide}>
          <summary className="audit-summary">{text.audit.filter}</summary>
          <form
            className="audit-filter"
            onSubmit={event => {
              event.preventDefault()
              setAsked(toAsked(form.values))
            }}
          >
            <SelectField
              {...form.field('entity')}
              label={text.audit.what}
              none={text.audit.everything}
              options={entities}
            />
            <SelectField
              {...form.field('client')}
              label={text.entities.client}
              none={text.ui.all}
              options={clients.map(({ client, name }) => ({ value: client, label: name }))}
            />
            <TextField {...form.field('actor')} label={text.audit.who} hint={text.audit.whoHint} />
            <TextField {...form.field('subject')} label={text.audit.subject} hint={text.audit.subjectHint} />
            <InstantField {...form.field('from')} label={text.ui.from} />
            <InstantField {...form.field('to')} label={text.ui.to} />
            <div className="audit-buttons">
              <button type="submit" className="button button-main">
                {text.audit.filter}
              </button>
              <button
                type="button"
                className="button"
                onClick={() => {
                  form.replace(NOTHING)
                  setAsked({})
                }}
              >
                {text.audit.clear}
              </button>
            </div>
          </form>
        </details>
        <div className="panel">
          <AuditList asked={asked} />
          <p className="faint audit-secret">{text.audit.secret}</p>
        </div>
      </div>
    </>
  )
}

function toAsked({ from, to, ...typed }: typeof NOTHING): AuditAsked {
  const said = Object.entries(typed)
    .map(([name, value]) => [name, value.trim()] as const)
    .filter(([, value]) => value !== '')
  const instants = Object.entries({ from, to }).flatMap(([name, value]) => {
    const at = value === '' ? undefined : fromCivil(value)
    return at === undefined || Number.isNaN(at) ? [] : [[name, new Date(at).toISOString()] as const]
  })
  return Object.fromEntries([...said, ...instants])
}
