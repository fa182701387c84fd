// The switches of declaring: everything, a work, an informant; what DGA has blocked; and who turned what.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { ask } from '../api/client.ts'
import { sendingQuery, worksQuery } from '../api/compliance.ts'
import type { Sending, SendingTurn, SendingTurnAsked } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import { DataTable } from '../ui/data-table.tsx'
import { Confirm } from '../ui/dialog.tsx'
import { SelectField, TextField, useForm } from '../ui/form.tsx'
import { Age } from '../ui/now.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { StateSign } from '../ui/state-badge.tsx'
import { say } from '../ui/toast.tsx'
import { DgaFrame } from './dga-frame.tsx'

/** What is switched. */
type Switch = { what: 'all' } | { what: Exclude<SendingTurn['what'], 'all'>; key: string }

interface Turning {
  one: Switch
  sending: boolean
}

/** The switches of declaring. */
export function SendingScreen() {
  const text = useText()
  const query = useQuery(sendingQuery)
  const [turning, setTurning] = useState<Turning | undefined>()
  return (
    <DgaFrame title={text.compliance.sending}>
      <Shown query={query} lines={6}>
        {sending => (
          <div className="stack">
            <Master sending={sending} onTurn={setTurning} />
            <Stopped sending={sending} onTurn={setTurning} />
            <Blocked onTurn={setTurning} />
            <Turns turns={sending.turns} />
          </div>
        )}
      </Shown>
      {turning !== undefined && <Turn turning={turning} onClose={() => setTurning(undefined)} />}
    </DgaFrame>
  )
}

interface Turned {
  sending: Sending
  onTurn: (turning: Turning) => void
}

function Master({ sending: { all }, onTurn }: Turned) {
  const text = useText()
  return (
    <section className="panel master">
      <div>
        <h2>{text.compliance.master}</h2>
        <p className="master-state">
          <StateSign state={all.sending ? 'current' : 'silent'} size={16} />
          {all.sending ? text.compliance.on : text.compliance.off}
        </p>
        {all.turn !== null && (
          <p className="faint">
            {all.turn.reason} · {all.turn.by} · <Age at={all.turn.at} />
          </p>
        )}
      </div>
      <button
        type="button"
        className={`button ${all.sending ? 'button-danger' : 'button-main'}`}
        onClick={() => onTurn({ one: { what: 'all' }, sending: !all.sending })}
      >
        {all.sending ? text.compliance.stop : text.compliance.start}
      </button>
    </section>
  )
}

function Stopped({ sending: { stopped }, onTurn }: Turned) {
  const text = useText()
  const form = useForm({ what: 'work' as string, key: '' })
  const { what, key } = form.values
  return (
    <Panel title={text.compliance.stopped}>
      {stopped.length === 0 ? (
        <p className="panel-body faint">{text.compliance.noneStopped}</p>
      ) : (
        <DataTable
          label={text.compliance.stopped}
          rows={stopped}
          keyOf={one => `${one.what} ${one.key}`}
          columns={[
            {
              ...{ key: 'key', head: text.compliance.what, isMain: true },
              cell: one => (
                <>
                  <strong>{one.key}</strong>
                  <span className="cell-more">
                    {text.compliance.whats[one.what]}
                    {one.turn !== null && ` · ${one.turn.reason} · ${one.turn.by}`}
                  </span>
                </>
              ),
            },
            {
              ...{ key: 'at', head: text.processing.at, align: 'right' },
              cell: one => <Age at={one.turn?.at ?? null} />,
            },
            {
              ...{ key: 'start', head: '' },
              cell: one => (
                <button
                  type="button"
                  className="button button-small"
                  onClick={() => onTurn({ one: { what: one.what, key: one.key }, sending: true })}
                >
                  {text.compliance.start}
                </button>
              ),
            },
          ]}
        />
      )}
      <div className="panel-body">
        <form
          className="form form-inline"
          onSubmit={event => {
            event.preventDefault()
            onTurn({
              one: { what: what === 'informant' ? 'informant' : 'work', key: key.trim() },
              sending: false,
            })
          }}
        >
          <SelectField
            {...form.field('what')}
            label={text.compliance.what}
            options={(['work', 'informant'] as const).map(value => ({
              ...{ value: value as string, label: text.compliance.whats[value] },
            }))}
          />
          <TextField {...form.field('key')} label={text.compliance.key} required placeholder="OB-0602-7" />
          <button type="submit" className="button">
            {text.compliance.stop}
          </button>
        </form>
      </div>
    </Panel>
  )
}

/** What DGA said it does not take: a switch that DGA has turned. */
function Blocked({ onTurn }: Pick<Turned, 'onTurn'>) {
  const text = useText()
  const { data } = useInfiniteQuery(worksQuery)
  const blocked = data?.pages.flatMap(({ items }) => items).filter(({ status }) => status === 'blocked') ?? []
  if (blocked.length === 0) return null
  return (
    <Panel title={text.compliance.blocked} hint={text.compliance.blockedHint}>
      <DataTable
        label={text.compliance.blocked}
        rows={blocked}
        keyOf={({ code }) => code}
        columns={[
          {
            ...{ key: 'code', head: text.compliance.work, isMain: true },
            cell: ({ code, reason }) => (
              <>
                <Link to="/dga/works/$work" params={{ work: code }} className="main-link">
                  {code}
                </Link>
                <span className="cell-more absent">{reason}</span>
              </>
            ),
          },
          {
            ...{ key: 'start', head: '' },
            cell: ({ code }) => (
              <button
                type="button"
                className="button button-small"
                onClick={() => onTurn({ one: { what: 'work', key: code }, sending: true })}
              >
                {text.compliance.start}
              </button>
            ),
          },
        ]}
      />
    </Panel>
  )
}

function Turns({ turns }: { turns: readonly SendingTurn[] }) {
  const text = useText()
  return (
    <Panel title={text.compliance.turns}>
      {turns.length === 0 ? (
        <Empty title={text.compliance.noTurns} />
      ) : (
        <DataTable
          label={text.compliance.turns}
          rows={turns}
          keyOf={({ at, what, key }) => `${at} ${what} ${key}`}
          maxHeight
          columns={[
            {
              ...{ key: 'what', head: text.compliance.what, isMain: true },
              cell: ({ what, key, reason }) => (
                <>
                  <strong>{what === 'all' ? text.compliance.whats.all : key}</strong>
                  <span className="cell-more">{reason}</span>
                </>
              ),
            },
            {
              ...{ key: 'state', head: text.compliance.state },
              cell: ({ sending }) => (
                <span className={`badge badge-${sending ? 'current' : 'silent'} badge-bare`}>
                  {sending ? text.compliance.on : text.compliance.off}
                </span>
              ),
            },
            { key: 'by', head: text.compliance.by, cell: ({ by }) => by },
            { key: 'at', head: text.processing.at, align: 'right', cell: ({ at }) => <Age at={at} /> },
          ]}
        />
      )}
    </Panel>
  )
}

function Turn({ turning: { one, sending }, onClose }: { turning: Turning; onClose: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const name =
    one.what === 'all' ? text.compliance.whats.all : `${text.compliance.whats[one.what]} ${one.key}`
  const turn = useMutation({
    mutationFn: (reason: string) =>
      ask('POST /api/v1/compliance/sending', { body: toAsked(one, { sending, reason }) }),
    onSuccess: now => {
      queries.setQueryData(sendingQuery.queryKey, now)
      queries.invalidateQueries({ queryKey: worksQuery.queryKey })
      say(text.compliance.turned)
      onClose()
    },
  })
  return (
    <Confirm
      title={sending ? text.compliance.startTitle : text.compliance.stopTitle}
      action={sending ? text.compliance.start : text.compliance.stop}
      reason={text.ui.reason}
      isDanger={!sending}
      error={turn.error}
      isBusy={turn.isPending}
      onConfirm={reason => turn.mutate(reason)}
      onClose={onClose}
    >
      <p>{sending ? text.compliance.startText(name) : text.compliance.stopText(name)}</p>
    </Confirm>
  )
}

function toAsked(one: Switch, turned: { sending: boolean; reason: string }): SendingTurnAsked {
  if (one.what === 'all') return { what: 'all', ...turned }
  if (one.what === 'sma_process') return { what: 'sma_process', process: one.key, ...turned }
  return one.what === 'work'
    ? { what: 'work', workCode: one.key, ...turned }
    : { what: 'informant', rut: one.key, ...turned }
}
