// Every gateway: whether it is heard, what it has not uploaded yet.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { gatewaysQuery } from '../api/queries.ts'
import type { Gateway } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { useMay } from '../may.ts'
import '../styles/gateways.css'
import { ConfigurationBadge } from '../ui/configuration-badge.tsx'
import { GatewayBadge } from '../ui/gateway-badge.tsx'
import { Age } from '../ui/now.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { useTitle } from '../ui/title.ts'
import { ClaimsDialog } from './claims.tsx'

/** Every gateway. */
export function GatewaysScreen() {
  const text = useText()
  useTitle(text.gateways.title)
  const query = useQuery(gatewaysQuery)
  const mayOperate = useMay('operate')
  const [isClaiming, setClaiming] = useState(false)
  return (
    <>
      <div className="page-head">
        <h1>{text.gateways.title}</h1>
        {query.data !== undefined && (
          <span className="faint">{text.gateways.count(query.data.items.length)}</span>
        )}
        {mayOperate && query.data !== undefined && query.data.items.length > 0 && (
          <button type="button" className="button button-small push" onClick={() => setClaiming(true)}>
            {text.fleet.codes}
          </button>
        )}
      </div>
      <div className="panel">
        <Shown query={query} lines={6}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title={text.gateways.empty} hint={text.gateways.emptyHint} />
            ) : (
              <GatewayTable gateways={items} />
            )
          }
        </Shown>
      </div>
      {isClaiming && query.data !== undefined && (
        <ClaimsDialog gateways={query.data.items} onClose={() => setClaiming(false)} />
      )}
    </>
  )
}

function GatewayTable({ gateways }: { gateways: readonly Gateway[] }) {
  const text = useText()
  return (
    <div className="table-frame">
      <table className="table gateway-table">
        <thead>
          <tr>
            <th>{text.gateways.gateway}</th>
            <th>{text.gateways.state}</th>
            <th className="right">{text.gateways.devices}</th>
            <th className="right" title={text.gateways.bufferHint}>
              {text.gateways.buffer}
            </th>
            <th>{text.configuration.tab}</th>
            <th>{text.gateways.version}</th>
            <th className="right">{text.gateways.seen}</th>
          </tr>
        </thead>
        <tbody>
          {gateways.map(gateway => (
            <Row key={gateway.gateway} gateway={gateway} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row({
  gateway: { gateway, client, project, state, health, version, lastSeenAt, configuration },
}: {
  gateway: Gateway
}) {
  const text = useText()
  const format = useFormat()
  const failing = health?.devices.filter(({ ok, failed }) => ok === 0 && failed > 0).length ?? 0
  return (
    <tr>
      <td className="cell-name">
        <Link to="/gateways/$gateway" params={{ gateway }} className="main-link">
          {gateway}
        </Link>
        <span className="faint cell-owner">
          {client} · {project}
        </span>
      </td>
      <td className="cell-state">
        <GatewayBadge state={state} />
      </td>
      <td className="right cell-value numeric" data-label={text.gateways.devices}>
        {health === null ? '–' : health.devices.length}
        {failing > 0 && <span className="absent"> ({failing})</span>}
      </td>
      <td className="right cell-value numeric" data-label={text.gateways.buffer}>
        {health === null ? '–' : format.number(health.buffer.readings, 0)}
      </td>
      <td className="cell-value" data-label={text.configuration.tab}>
        <ConfigurationBadge state={configuration} />
      </td>
      <td className="cell-value" data-label={text.gateways.version}>
        {version ?? '–'}
      </td>
      <td className="right cell-age" data-label={text.gateways.seen}>
        <Age at={lastSeenAt} />
      </td>
    </tr>
  )
}
