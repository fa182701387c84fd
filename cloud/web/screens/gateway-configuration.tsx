// The configuration of a gateway: what it runs with, what it should run with, and everything that it should have.

import { useMutation, useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { ask } from '../api/client.ts'
import { configurationQuery } from '../api/configuration.ts'
import type { GatewayConfiguration } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { useMay } from '../may.ts'
import { ConfigurationBadge } from '../ui/configuration-badge.tsx'
import { Confirm } from '../ui/dialog.tsx'
import { LineDiff } from '../ui/diff.tsx'
import { Age } from '../ui/now.tsx'
import { Panel } from '../ui/panel.tsx'
import { Failure, Shown } from '../ui/shown.tsx'
import '../styles/configuration.css'
import { Effect } from './configuration-effect.tsx'
import { History } from './configuration-history.tsx'
import { etagOf, Mistakes, useAsked } from './configuration-parts.tsx'

const route = getRouteApi('/shell/gateways/$gateway')

/** The configuration of a gateway. */
export function GatewayConfigurationScreen() {
  const { gateway } = route.useParams()
  const query = useQuery(configurationQuery(gateway))
  return (
    <Shown query={query} lines={8}>
      {configuration => (
        <div className="stack">
          <State gateway={gateway} configuration={configuration} />
          <Editor key={configuration.desired?.version ?? 0} gateway={gateway} configuration={configuration} />
          <History gateway={gateway} configuration={configuration} />
        </div>
      )}
    </Shown>
  )
}

function State({ gateway, configuration }: { gateway: string; configuration: GatewayConfiguration }) {
  const text = useText()
  const format = useFormat()
  const { state, desired, reported } = configuration
  const mayOperate = useMay('operate')
  const [isAdopting, setAdopting] = useState(false)
  const isAdoptable = reported !== null && reported.version === 0 && (state === 'file' || state === 'drift')
  const refused = state === 'refused' || state === 'taken-back' ? reported?.refused : null
  return (
    <Panel title={text.configuration.tab}>
      <div className="panel-body configuration-state">
        <p>
          <ConfigurationBadge state={state} /> <span>{text.configuration.stateHints[state]}</span>
        </p>
        <dl className="facts">
          <div>
            <dt>{text.configuration.running}</dt>
            <dd>
              {reported === null ? (
                '–'
              ) : (
                <>
                  {text.configuration.version(reported.version)}, {text.configuration.since}{' '}
                  <Age at={reported.appliedAt} />
                </>
              )}
            </dd>
          </div>
          <div>
            <dt>{text.configuration.wanted}</dt>
            <dd>{desired === null ? '–' : text.configuration.version(desired.version)}</dd>
          </div>
          {reported?.probationUntil != null && (
            <div>
              <dt>{text.configuration.until}</dt>
              <dd>{format.instant(Date.parse(reported.probationUntil))}</dd>
            </div>
          )}
        </dl>
        {refused != null && (
          <div className="configuration-refused" role="status">
            <p>{refused.mistakes.length === 0 ? refused.reason : null}</p>
            <Mistakes mistakes={refused.mistakes} />
          </div>
        )}
        {isAdoptable &&
          (reported.document === null ? (
            <p className="faint">{text.configuration.noText}</p>
          ) : (
            mayOperate && (
              <button type="button" className="button button-main" onClick={() => setAdopting(true)}>
                {text.configuration.adopt}
              </button>
            )
          ))}
      </div>
      {isAdopting && reported !== null && (
        <Adopt
          gateway={gateway}
          hash={reported.hash}
          version={desired?.version ?? 0}
          onClose={() => setAdopting(false)}
        />
      )}
    </Panel>
  )
}

function Adopt({
  gateway,
  hash,
  version,
  onClose,
}: {
  gateway: string
  hash: string
  version: number
  onClose: () => void
}) {
  const text = useText()
  const asked = useAsked(gateway)
  const adopting = useMutation({
    mutationFn: (note: string) =>
      ask('POST /api/v1/gateways/{gateway}/configuration/adopt', {
        ...{ path: { gateway }, headers: etagOf(version), body: { hash, note } },
      }),
    onSuccess: async () => {
      await asked()
      onClose()
    },
  })
  return (
    <Confirm
      title={text.configuration.adopt}
      action={text.configuration.adopt}
      reason={text.configuration.note}
      error={adopting.error}
      isBusy={adopting.isPending}
      onConfirm={note => adopting.mutate(note)}
      onClose={onClose}
    >
      <p>{text.configuration.adoptHint}</p>
    </Confirm>
  )
}

const CHECK_AFTER_MS = 600

function Editor({ gateway, configuration }: { gateway: string; configuration: GatewayConfiguration }) {
  const text = useText()
  const mayOperate = useMay('operate')
  const { desired, reported } = configuration
  const base = desired?.document ?? reported?.document ?? null
  const [document, setDocument] = useState(base ?? '')
  const [note, setNote] = useState('')
  const area = useRef<HTMLTextAreaElement>(null)
  const asked = useAsked(gateway)
  const check = useMutation({
    mutationFn: (wanted: string) =>
      ask('POST /api/v1/gateways/{gateway}/configuration/check', {
        path: { gateway },
        body: { document: wanted },
      }),
  })
  const { mutate } = check
  const isChanged = base !== null && document !== base
  useEffect(() => {
    if (!isChanged || document === '') return
    const timer = window.setTimeout(() => mutate(document), CHECK_AFTER_MS)
    return () => window.clearTimeout(timer)
  }, [document, isChanged, mutate])
  const apply = useMutation({
    mutationFn: () =>
      ask('PUT /api/v1/gateways/{gateway}/configuration', {
        ...{ path: { gateway }, headers: etagOf(desired?.version ?? 0), body: { document, note } },
      }),
    onSuccess: asked,
  })
  if (base === null) return null
  const goTo = (line: number) => {
    const from =
      document
        .split('\n')
        .slice(0, line - 1)
        .join('\n').length + (line === 1 ? 0 : 1)
    const to = document.indexOf('\n', from)
    area.current?.focus()
    area.current?.setSelectionRange(from, to === -1 ? document.length : to)
  }
  const found = isChanged ? check.data : undefined
  return (
    <Panel title={text.configuration.edit}>
      <div className="panel-body stack">
        {isChanged && (
          <>
            {check.error !== null && <Failure error={check.error} />}
            {found !== undefined && (
              <div role="status" className="configuration-found">
                {found.mistakes.length > 0 ? (
                  <>
                    <p className="absent">{text.configuration.mistakes(found.mistakes.length)}</p>
                    <Mistakes mistakes={found.mistakes} onLine={goTo} />
                  </>
                ) : (
                  <Effect effect={found.effect} />
                )}
              </div>
            )}
          </>
        )}
        <textarea
          ref={area}
          className="input is-code configuration-text"
          aria-label={text.configuration.editor}
          rows={Math.min(32, Math.max(10, document.split('\n').length + 1))}
          spellCheck={false}
          readOnly={!mayOperate}
          value={document}
          onChange={({ target }) => setDocument(target.value)}
        />
        {isChanged && (
          <>
            <h3>{text.configuration.difference}</h3>
            <LineDiff before={base} after={document} />
            {apply.error !== null && <Failure error={apply.error} />}
            <div className="configuration-apply">
              <label>
                <span>{text.configuration.note}</span>
                <input
                  className="input"
                  value={note}
                  maxLength={500}
                  onChange={({ target }) => setNote(target.value)}
                />
              </label>
              <button
                type="button"
                className="button button-main"
                disabled={
                  found === undefined || found.mistakes.length > 0 || check.isPending || apply.isPending
                }
                onClick={() => apply.mutate()}
              >
                {apply.isPending ? text.ui.busy : text.configuration.apply}
              </button>
              <button type="button" className="button" onClick={() => setDocument(base)}>
                {text.ui.cancel}
              </button>
            </div>
          </>
        )}
      </div>
    </Panel>
  )
}
