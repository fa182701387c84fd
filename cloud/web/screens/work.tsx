// One work: what is owed of it, changing that, its months with their evidence, and who changed what.

import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useState } from 'react'
import { workQuery } from '../api/compliance.ts'
import type { ObligationVersion, WorkWithObligations } from '../api/types.ts'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { useMay } from '../may.ts'
import '../styles/compliance.css'
import { DataTable } from '../ui/data-table.tsx'
import { Icon } from '../ui/icons.tsx'
import { Age } from '../ui/now.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { useTitle } from '../ui/title.ts'
import { ChangeObligation } from './obligation-change.tsx'
import { useObligationText } from './obligation-text.ts'
import { UsePanel } from './point-analysis.tsx'
import { PacksPanel } from './work-packs.tsx'
import { WorkBadge } from './works.tsx'

const route = getRouteApi('/shell/dga/works/$work')

/** One work. */
export function WorkScreen() {
  const { work: code } = route.useParams()
  useTitle(code)
  const query = useQuery(workQuery(code))
  return (
    <Shown query={query} lines={8}>
      {whole => <OneWork whole={whole} />}
    </Shown>
  )
}

function OneWork({ whole }: { whole: WorkWithObligations }) {
  const text = useText()
  const { work, versions } = whole
  const current = currentOf(versions)
  return (
    <>
      <div className="page-head">
        <p className="trail">
          <Link to="/dga">{text.compliance.title}</Link>
          <span aria-hidden="true">/</span>
          <span>{work.client}</span>
        </p>
        <h1>{work.code}</h1>
        <WorkBadge work={work} />
        {work.reason !== null && <span className="absent">{work.reason}</span>}
        {current !== undefined && (
          <Link to="/points/$point/dga" params={{ point: current.point }} className="push">
            {text.point.declarations}
          </Link>
        )}
      </div>
      <div className="work">
        <ObligationPanel whole={whole} current={current} />
        <div className="stack">
          {current !== undefined && <UsePanel point={current.point} />}
          <PacksPanel work={work.code} since={versions.at(-1)?.owedFrom} />
        </div>
        <ChangesPanel whole={whole} />
      </div>
    </>
  )
}

/** The version that is in force; the newest when none is. */
function currentOf(versions: readonly ObligationVersion[]): ObligationVersion | undefined {
  const at = now()
  return (
    versions.find(({ from, to }) => Date.parse(from) <= at && (to === null || Date.parse(to) > at)) ??
    versions[0]
  )
}

function ObligationPanel({
  whole,
  current,
}: {
  whole: WorkWithObligations
  current: ObligationVersion | undefined
}) {
  const text = useText()
  const format = useFormat()
  const mayOperate = useMay('operate')
  const [isChanging, setChanging] = useState(false)
  const factsOf = useObligationText()
  const others = whole.versions.filter(one => one !== current)
  return (
    <Panel
      title={text.compliance.obligation}
      actions={
        mayOperate &&
        current !== undefined && (
          <button type="button" className="button button-small" onClick={() => setChanging(true)}>
            <Icon name="edit" size={16} />
            {text.compliance.change}
          </button>
        )
      }
    >
      {current === undefined ? (
        <Empty title={text.compliance.noWorks} />
      ) : (
        <dl className="facts panel-body">
          {factsOf(current).map(([name, value]) => (
            <div key={name} className="fact">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {others.length > 0 && (
        <DataTable
          label={text.compliance.versions}
          rows={others}
          keyOf={({ from }) => from}
          columns={[
            {
              ...{ key: 'from', head: text.compliance.versions, isMain: true },
              cell: ({ from, to }) =>
                `${format.instant(Date.parse(from))} – ${to === null ? text.compliance.forever : format.instant(Date.parse(to))}`,
            },
            {
              ...{ key: 'standard', head: text.compliance.standard },
              cell: ({ standard }) => text.compliance.standards[standard],
            },
            { key: 'mode', head: text.compliance.mode, cell: ({ mode }) => text.compliance.modes[mode] },
          ]}
        />
      )}
      {isChanging && current !== undefined && (
        <ChangeObligation work={whole.work.code} current={current} onClose={() => setChanging(false)} />
      )}
    </Panel>
  )
}

function ChangesPanel({ whole: { changes } }: { whole: WorkWithObligations }) {
  const text = useText()
  const format = useFormat()
  return (
    <Panel title={text.compliance.changes} className="is-wide">
      {changes.length === 0 ? (
        <Empty title={text.compliance.noChanges} />
      ) : (
        <DataTable
          label={text.compliance.changes}
          rows={changes}
          keyOf={({ at }) => at}
          columns={[
            {
              ...{ key: 'reason', head: text.ui.reason, isMain: true },
              cell: ({ reason, by }) => (
                <>
                  <strong>{reason}</strong>
                  <span className="cell-more">{by}</span>
                </>
              ),
            },
            {
              ...{ key: 'from', head: text.compliance.since },
              cell: ({ from }) => <span className="numeric">{format.instant(Date.parse(from))}</span>,
            },
            {
              ...{ key: 'effect', head: text.compliance.effect },
              cell: ({ effect: { withdrawn, pickedAnew, toMake } }) =>
                text.compliance.effectOf(withdrawn, pickedAnew, toMake),
            },
            { key: 'at', head: text.processing.at, align: 'right', cell: ({ at }) => <Age at={at} /> },
          ]}
        />
      )}
    </Panel>
  )
}
