// The works that are declared, and how each does.

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { worksQuery } from '../api/compliance.ts'
import { overviewQuery } from '../api/queries.ts'
import type { OverviewPoint, Work } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { Age } from '../ui/now.tsx'
import { More } from '../ui/pager.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { DgaFrame } from './dga-frame.tsx'

/** The works that are declared. */
export function WorksScreen() {
  const text = useText()
  const query = useInfiniteQuery(worksQuery)
  return (
    <DgaFrame title={text.compliance.works}>
      <div className="panel">
        <Shown query={query} lines={5}>
          {({ pages }) => {
            const works = pages.flatMap(page => page.items)
            return works.length === 0 ? (
              <Empty title={text.compliance.noWorks} hint={text.compliance.noWorksHint} />
            ) : (
              <WorkTable works={works} />
            )
          }}
        </Shown>
        <More query={query} />
      </div>
    </DgaFrame>
  )
}

/** How a work does, as one word. */
export function WorkBadge({ work: { sending, status } }: { work: Work }) {
  const text = useText()
  const state = status === 'blocked' ? 'blocked' : sending ? 'sending' : 'stopped'
  const sign = { blocked: 'silent', sending: 'current', stopped: 'late' }[state]
  return <span className={`badge badge-${sign} badge-bare`}>{text.compliance.states[state]}</span>
}

function WorkTable({ works }: { works: readonly Work[] }) {
  const text = useText()
  const { data } = useQuery(overviewQuery)
  const known = new Map(
    data?.items.flatMap(point => point.works.map(work => [work.workCode, { point, work }] as const)),
  )
  const columns: Column<Work>[] = [
    {
      ...{ key: 'code', head: text.compliance.work, isMain: true },
      cell: ({ code, client, reason }) => (
        <>
          <Link to="/dga/works/$work" params={{ work: code }} className="main-link">
            {code}
          </Link>
          <span className="cell-more">{known.get(code)?.point.name ?? client}</span>
          {reason !== null && <span className="cell-more absent">{reason}</span>}
        </>
      ),
    },
    { key: 'state', head: text.compliance.state, cell: work => <WorkBadge work={work} /> },
    {
      ...{ key: 'today', head: text.compliance.today },
      cell: ({ code }) => <Counts found={known.get(code)?.work} />,
    },
    {
      ...{ key: 'last', head: text.compliance.last, align: 'right' },
      cell: ({ code }) => <Age at={known.get(code)?.work.lastAcceptedAt ?? null} />,
    },
    { key: 'client', head: text.compliance.client, cell: ({ client }) => client, isDeskOnly: true },
  ]
  return <DataTable label={text.compliance.works} columns={columns} rows={works} keyOf={({ code }) => code} />
}

const SHARES = ['sent', 'waiting', 'noData', 'review', 'shadow', 'closed'] as const

/** What became of the last day, as one bar. */
function Counts({ found }: { found: OverviewPoint['works'][number] | undefined }) {
  const text = useText()
  if (found === undefined) return <span className="faint">–</span>
  const all = SHARES.reduce((total, one) => total + found[one], 0)
  const said = text.compliance.counts(found.sent, found.waiting, found.noData + found.review)
  return (
    <span className="work-day" title={said}>
      <span className="work-day-bar" aria-hidden="true">
        {SHARES.filter(one => found[one] > 0).map(one => (
          <i
            key={one}
            className={`slot-sign slot-${one}`}
            style={{ width: `${(100 * found[one]) / all}%` }}
          />
        ))}
      </span>
      <span className="faint">{said}</span>
    </span>
  )
}
