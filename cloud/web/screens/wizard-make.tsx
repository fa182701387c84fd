// The wizard's end: everything is made at once; then it is seen what would be declared, until somebody lets it be.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { ask } from '../api/client.ts'
import { workQuery } from '../api/compliance.ts'
import { latestQuery, slotsQuery } from '../api/queries.ts'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { Confirm } from '../ui/dialog.tsx'
import { Icon } from '../ui/icons.tsx'
import { Failure, Loading, Shown } from '../ui/shown.tsx'
import { say } from '../ui/toast.tsx'
import { Effect } from './configuration-effect.tsx'
import { Mistakes } from './configuration-parts.tsx'
import { toObligation } from './obligation-wish.ts'
import { SlotTable } from './slot-table.tsx'
import { deviceOf, type WizardDraft, wellOf } from './wizard-draft.ts'
import { BackButton, type StepProps } from './wizard-step.tsx'

/** Looks once more at what will be, and makes it. */
export function MakeStep(props: StepProps) {
  const text = useText()
  const { draft, onChange } = props
  const queries = useQueryClient()
  const wanted = useMutation({
    mutationFn: () =>
      ask('POST /api/v1/gateways/{gateway}/configuration/device', {
        ...{ path: { gateway: draft.gateway }, body: deviceOf(draft) },
      }),
  })
  const { mutate } = wanted
  useEffect(() => mutate(), [mutate])
  const making = useMutation({
    mutationFn: () => {
      if (wanted.data === undefined) throw new Error('Nobody has seen what would be made')
      return ask('POST /api/v1/wells', {
        ...{ body: wellOf(draft, wanted.data), headers: { 'if-match': wanted.data.etag } },
      })
    },
    onSuccess: async ({ point }) => {
      say(text.wizard.made)
      for (const queryKey of [['overview'], ['point-list'], ['works']])
        await queries.invalidateQueries({ queryKey })
      onChange({ made: point })
    },
    // Somebody else may have changed what the gateway should run with: it is looked at anew.
    onError: () => mutate(),
  })
  const { data } = wanted
  return (
    <div className="stack">
      <p>{text.wizard.makeLead}</p>
      <Facts draft={draft} />
      {wanted.error !== null && <Failure error={wanted.error} />}
      {data === undefined ? wanted.isPending && <Loading lines={3} /> : <Effect effect={data.effect} />}
      {data !== undefined && <Mistakes mistakes={data.mistakes} />}
      {making.error !== null && <Failure error={making.error} />}
      <div className="form-actions">
        <button
          type="button"
          className="button button-main"
          disabled={data === undefined || data.mistakes.length > 0 || making.isPending}
          onClick={() => making.mutate()}
        >
          {making.isPending ? text.ui.busy : text.wizard.make}
        </button>
        <BackButton {...props} />
      </div>
    </div>
  )
}

function Facts({ draft }: { draft: WizardDraft }) {
  const text = useText()
  const facts = [
    [text.wizard.point, `${draft.name} · ${draft.point}`],
    [text.wizard.gateway, draft.gateway],
    [text.wizard.device, draft.device],
    ...(draft.owes ? [[text.wizard.workCode, draft.workCode]] : []),
  ]
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** The well is made: what it measures, what would be declared of it, and letting that be. */
export function MadeStep({ draft, point }: { draft: WizardDraft; point: string }) {
  const text = useText()
  return (
    <div className="stack">
      <p className="effect-sound" role="status">
        <Icon name="check" size={20} /> {text.wizard.made}
      </p>
      <h2>{text.wizard.values}</h2>
      <Latest point={point} />
      <p>
        <Link to="/points/$point" params={{ point }} className="button">
          {text.wizard.toPoint}
        </Link>
      </p>
      {draft.owes && <Would point={point} work={draft.workCode} />}
    </div>
  )
}

function Latest({ point }: { point: string }) {
  const text = useText()
  const format = useFormat()
  const query = useQuery(latestQuery(point))
  return (
    <Shown query={query} lines={2}>
      {({ latest }) =>
        latest.length === 0 ? (
          <p className="faint" role="status">
            {text.wizard.wait}
          </p>
        ) : (
          <dl className="facts" aria-label={text.wizard.values}>
            {latest.map(({ variable, value, unit, quality }) => (
              <div key={variable}>
                <dt>{text.variable[variable]}</dt>
                <dd className="numeric">{value === null ? quality : `${format.number(value, 2)} ${unit}`}</dd>
              </div>
            ))}
          </dl>
        )
      }
    </Shown>
  )
}

function Would({ point, work }: { point: string; work: string }) {
  const text = useText()
  const [isAsking, setAsking] = useState(false)
  const query = useInfiniteQuery(slotsQuery({ point }))
  const { data: whole } = useQuery(workQuery(work))
  const isLive = whole?.versions.some(({ mode }) => mode === 'send') === true
  return (
    <>
      <h2>{text.wizard.would}</h2>
      {!isLive && <p className="faint">{text.wizard.shadowHint}</p>}
      <Shown query={query} lines={3}>
        {({ pages }) => {
          const slots = pages.flatMap(({ items }) => items).slice(0, 10)
          return slots.length === 0 ? (
            <p className="faint">{text.wizard.noSlots}</p>
          ) : (
            <SlotTable slots={slots} />
          )
        }}
      </Shown>
      {isLive ? (
        <p className="effect-sound">
          <Icon name="check" size={18} /> {text.wizard.live}
        </p>
      ) : (
        <p>
          <button type="button" className="button button-main" onClick={() => setAsking(true)}>
            {text.wizard.goLive}
          </button>
        </p>
      )}
      {isAsking && <GoLive work={work} onClose={() => setAsking(false)} />}
    </>
  )
}

const MINUTE_MS = 60_000

function GoLive({ work, onClose }: { work: string; onClose: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const { data: whole } = useQuery(workQuery(work))
  const going = useMutation({
    mutationFn: async (reason: string) => {
      const current = whole?.versions[0]
      if (current === undefined) throw new Error(work)
      const right = current.rights[0]
      const obligation = toObligation(current, work, {
        from: new Date(Math.ceil((now() + 1) / MINUTE_MS) * MINUTE_MS).toISOString(),
        ...{ standard: current.standard, every: '', channel: current.channel, mode: 'send' },
        resolution: current.resolution ?? '',
        ...{ flowLps: right?.flowLps, yearlyM3: right?.yearlyM3 },
      })
      const path = { work }
      const body = { point: current.point, obligation, reason }
      const { hash } = await ask('POST /api/v1/compliance/works/{work}/obligations/preview', { path, body })
      return ask('PUT /api/v1/compliance/works/{work}/obligations', {
        ...{ path, body, headers: { 'if-match': `"${hash}"` } },
      })
    },
    onSuccess: changed => {
      queries.setQueryData(['work', work], changed)
      say(text.wizard.live)
      onClose()
    },
  })
  return (
    <Confirm
      title={text.wizard.goLive}
      action={text.wizard.goLive}
      reason={text.wizard.reason}
      error={going.error}
      isBusy={going.isPending}
      onConfirm={reason => going.mutate(reason)}
      onClose={onClose}
    >
      <p>{text.wizard.goLiveHint}</p>
    </Confirm>
  )
}
