// What a point may take and in which works it declares: changed at the works, shown here.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { usedQuery } from '../../api/analysis.ts'
import type { Use } from '../../api/types.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'

/** What a point may take, and what it owes. */
export function RightsPanel({ point }: { point: string }) {
  const text = useText()
  const query = useQuery(usedQuery(point))
  return (
    <Panel title={text.places.rights} hint={text.places.rightsHint}>
      <Shown query={query} lines={2}>
        {use =>
          use.workCodes.length === 0 ? (
            <Empty title={text.places.noRights} hint={text.places.noRightsHint} />
          ) : (
            <Rights use={use} />
          )
        }
      </Shown>
    </Panel>
  )
}

function Rights({ use }: { use: Use }) {
  const text = useText()
  const format = useFormat()
  const m3 = (volume: number | null) => (volume === null ? '–' : `${format.number(volume, 0)} m³`)
  return (
    <dl className="facts panel-body">
      <div className="fact">
        <dt>{text.places.work}</dt>
        <dd>
          {use.workCodes.map(work => (
            <Link key={work} to="/dga/works/$work" params={{ work }} className="main-link">
              {work}{' '}
            </Link>
          ))}
        </dd>
      </div>
      <div className="fact">
        <dt>{text.places.grantedFlow}</dt>
        <dd className="numeric">
          {use.grantedFlowLps === null ? '–' : `${format.number(use.grantedFlowLps, 2)} L/s`}
        </dd>
      </div>
      <div className="fact">
        <dt>{text.places.grantedYear}</dt>
        <dd className="numeric">{m3(use.grantedYearM3)}</dd>
      </div>
      <div className="fact">
        <dt>{text.places.taken}</dt>
        <dd className="numeric">{m3(use.takenM3)}</dd>
      </div>
    </dl>
  )
}
