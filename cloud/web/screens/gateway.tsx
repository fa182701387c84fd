// One gateway: what it last said of itself, and what it was told to do.

import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, Outlet } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { commandsQuery, gatewayQuery } from '../api/queries.ts'
import type { Command, Gateway } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { useMay } from '../may.ts'
import '../styles/gateways.css'
import { GatewayBadge } from '../ui/gateway-badge.tsx'
import { Age, useNow } from '../ui/now.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { TabLinks } from '../ui/tabs.tsx'
import { useTitle } from '../ui/title.ts'
import { GatewayIdentity } from './gateway-identity.tsx'

type GatewayHealth = NonNullable<Gateway['health']>

const route = getRouteApi('/shell/gateways/$gateway')

/** One gateway: its parts are pages of their own. */
export function GatewayScreen() {
  const text = useText()
  const { gateway: name } = route.useParams()
  useTitle(name)
  const query = useQuery(gatewayQuery(name))
  const mayOperate = useMay('operate')
  const params = { gateway: name }
  return (
    <Shown query={query} lines={8}>
      {gateway => (
        <>
          <Head gateway={gateway} />
          {mayOperate && (
            <TabLinks label={name}>
              <Link to="/gateways/$gateway" params={params} activeOptions={{ exact: true }} className="tab">
                {text.configuration.now}
              </Link>
              <Link to="/gateways/$gateway/configuration" params={params} className="tab">
                {text.configuration.tab}
              </Link>
              <Link to="/gateways/$gateway/registers" params={params} className="tab">
                {text.configuration.registers}
              </Link>
            </TabLinks>
          )}
          <Outlet />
        </>
      )}
    </Shown>
  )
}

/** What it last said of itself, and what it was told to do. */
export function GatewayNow() {
  const text = useText()
  const { gateway: name } = route.useParams()
  const query = useQuery(gatewayQuery(name))
  const mayOperate = useMay('operate')
  return (
    <Shown query={query} lines={8}>
      {gateway => (
        <>
          {gateway.health === null ? (
            <div className="panel">
              <Empty title={text.gateways.noHealth} />
            </div>
          ) : (
            <Health health={gateway.health} />
          )}
          {mayOperate && <GatewayIdentity gateway={gateway} />}
          {mayOperate && <Commands gateway={name} />}
        </>
      )}
    </Shown>
  )
}

function Head({ gateway: { gateway, client, project, state, since, lastSeenAt } }: { gateway: Gateway }) {
  const text = useText()
  return (
    <div className="page-head">
      <p className="trail">
        <Link to="/gateways">{text.gateways.title}</Link>
        <span aria-hidden="true">/</span>
        <span>
          {client} · {project}
        </span>
      </p>
      <h1>{gateway}</h1>
      <GatewayBadge state={state} />
      <span className="faint push">
        {text.gateways.since} <Age at={since} /> · {text.gateways.seen}: <Age at={lastSeenAt} />
      </span>
    </div>
  )
}

function Health({ health }: { health: GatewayHealth }) {
  const text = useText()
  const format = useFormat()
  const { buffer, readings, clock, buses, devices } = health
  const count = (value: number) => format.number(value, 0)
  const lost = buffer.evicted + buffer.damaged
  const now = useNow()
  const oldest =
    buffer.oldestAt === null ? '' : `${text.gateways.oldest}: ${format.age(Date.parse(buffer.oldestAt), now)}`
  return (
    <div className="gateway stack">
      <section className="values" aria-label={text.gateways.buffer}>
        <Value name={text.gateways.buffer} hint={oldest}>
          {count(buffer.readings)}
        </Value>
        <Value name={text.gateways.bufferBytes} hint={`/ ${format.bytes(buffer.maxBytes)}`}>
          {format.bytes(buffer.bytes)}
        </Value>
        <Value name={text.gateways.acked} hint={`${text.gateways.polled} ${count(readings.polled)}`}>
          {count(readings.acked)}
        </Value>
        <Value
          name={text.gateways.evicted}
          hint={`${text.gateways.damaged} ${count(buffer.damaged)}`}
          isBad={lost > 0}
        >
          {count(buffer.evicted)}
        </Value>
        <Value
          name={text.gateways.clock}
          hint={clock.errorMs === null ? '' : `± ${count(clock.errorMs)} ms`}
          isBad={clock.quality === 'unsynced'}
        >
          <span className="value-words">{text.gateways.clocks[clock.quality] ?? clock.quality}</span>
        </Value>
        <Value
          name={text.gateways.memory}
          hint={`${text.gateways.started} ${format.age(Date.parse(health.startedAt), now)}`}
        >
          {format.bytes(health.memoryBytes)}
        </Value>
      </section>
      {buses.length > 0 && <Buses buses={buses} />}
      <Devices devices={devices} />
    </div>
  )
}

function Value({
  name,
  hint,
  isBad = false,
  children,
}: {
  name: string
  hint: string
  isBad?: boolean
  children: ReactNode
}) {
  return (
    <div className="value">
      <h2>{name}</h2>
      <p className={`value-number numeric ${isBad ? 'absent' : ''}`}>{children}</p>
      <p className="faint">{hint}</p>
    </div>
  )
}

function Buses({ buses }: Pick<GatewayHealth, 'buses'>) {
  const text = useText()
  const format = useFormat()
  return (
    <Panel title={text.gateways.buses}>
      <ul className="buses panel-body">
        {buses.map(({ id, load }) => (
          <li key={id}>
            <span>{id}</span>
            <meter min={0} max={1} high={0.8} value={load} aria-label={`${text.gateways.load} ${id}`} />
            <span className="numeric">{format.percent(load)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function Devices({ devices }: Pick<GatewayHealth, 'devices'>) {
  const text = useText()
  const format = useFormat()
  return (
    <Panel title={text.gateways.devices}>
      {devices.length === 0 ? (
        <Empty title={text.gateways.noDevices} />
      ) : (
        <div className="table-frame">
          <table className="table gateway-table">
            <thead>
              <tr>
                <th>{text.gateways.device}</th>
                <th className="right">{text.gateways.ok}</th>
                <th className="right">{text.gateways.failed}</th>
                <th className="right">{text.gateways.lastOk}</th>
                <th>{text.gateways.lastFailure}</th>
              </tr>
            </thead>
            <tbody>
              {devices.map(({ id, provider, ok, failed, lastOkAt, lastFailure }) => (
                <tr key={id}>
                  <td className="cell-name">
                    <strong>{id}</strong>
                    <span className="faint cell-owner">{provider ?? text.gateways.onBus}</span>
                  </td>
                  <td className="right cell-value numeric" data-label={text.gateways.ok}>
                    {format.number(ok, 0)}
                  </td>
                  <td className="right cell-value numeric" data-label={text.gateways.failed}>
                    <span className={failed > 0 ? 'absent' : ''}>{format.number(failed, 0)}</span>
                  </td>
                  <td className="right cell-age" data-label={text.gateways.lastOk}>
                    <Age at={lastOkAt} />
                  </td>
                  <td className="cell-value" data-label={text.gateways.lastFailure}>
                    {lastFailure ?? <span className="faint">–</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  )
}

function Commands({ gateway }: { gateway: string }) {
  const text = useText()
  const query = useQuery(commandsQuery(gateway))
  return (
    <Panel title={text.gateways.commands} className="gateway-commands">
      <Shown query={query} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={text.gateways.noCommands} />
          ) : (
            <div className="table-frame">
              <table className="table gateway-table">
                <thead>
                  <tr>
                    <th>{text.gateways.command}</th>
                    <th>{text.gateways.state}</th>
                    <th>{text.gateways.by}</th>
                    <th className="right">{text.gateways.at}</th>
                    <th>{text.gateways.result}</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map(command => (
                    <CommandRow key={command.id} command={command} />
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Shown>
    </Panel>
  )
}

function CommandRow({ command: { id, command, state, by, createdAt, result } }: { command: Command }) {
  const text = useText()
  return (
    <tr>
      <td className="cell-name">
        <strong>{command === null ? id : text.gateways.commandKinds[command.kind]}</strong>
        <span className="faint cell-owner">{targetOf(command)}</span>
      </td>
      <td className="cell-state">{text.gateways.commandStates[state]}</td>
      <td className="cell-value" data-label={text.gateways.by}>
        {by}
      </td>
      <td className="right cell-age" data-label={text.gateways.at}>
        <Age at={createdAt} />
      </td>
      <td className="cell-value" data-label={text.gateways.result}>
        {resultOf(result) ?? <span className="faint">–</span>}
      </td>
    </tr>
  )
}

function targetOf(command: Command['command']): string {
  switch (command?.kind) {
    case 'collect':
      return command.provider ?? command.devices?.join(', ') ?? ''
    case 'read':
      return `${command.device} ${command.table} ${command.address}–${command.address + command.count - 1}`
    case 'scan':
      return `${command.bus} ${command.first}–${command.last}`
    case 'write':
      return `${command.device} ${command.name} = ${command.value} ${command.unit ?? ''}`
    case 'try':
      return command.device
    default:
      return ''
  }
}

function resultOf(result: Command['result']): string | undefined {
  if (result === null) return undefined
  const { reason, readings, values, written, units, measured } = result
  if (measured !== undefined)
    return measured.map(({ variable, value, unit }) => `${variable} ${value ?? '–'} ${unit}`).join(' · ')
  if (reason !== null) return reason
  if (written !== undefined)
    return `${written.before ?? '–'} → ${written.found ?? written.asked} ${written.unit ?? ''}`
  if (values !== undefined) return values.join(' ')
  if (units !== undefined) return units.map(({ unit }) => unit).join(', ')
  return readings === undefined ? undefined : String(readings)
}
