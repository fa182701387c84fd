// The registers of a device as they are, read again every second for a while: for whoever looks for the right one.

import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { ask } from '../api/client.ts'
import { settled } from '../api/configuration.ts'
import { gatewayQuery } from '../api/queries.ts'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { Form, NumberField, SelectField, useForm } from '../ui/form.tsx'
import { toNumber } from '../ui/numbers.ts'
import { Panel } from '../ui/panel.tsx'
import { Empty, Failure, Shown } from '../ui/shown.tsx'
import '../styles/configuration.css'

const route = getRouteApi('/shell/gateways/$gateway')

const EVERY_MS = 1_000
const LASTS_MS = 120_000
const TABLES = ['holding', 'input', 'coil', 'discrete'] as const
type Table = (typeof TABLES)[number]

interface Asked {
  device: string
  table: Table
  address: number
  count: number
}

/** The registers of a device, live. */
export function GatewayRegistersScreen() {
  const { gateway } = route.useParams()
  const text = useText()
  const query = useQuery(gatewayQuery(gateway))
  return (
    <Shown query={query} lines={6}>
      {({ health }) => {
        const devices = (health?.devices ?? []).filter(({ provider }) => provider === null)
        return (
          <Panel title={text.configuration.title}>
            {devices.length === 0 ? (
              <Empty title={text.configuration.noDevices} />
            ) : (
              <Registers gateway={gateway} devices={devices.map(({ id }) => id)} />
            )}
          </Panel>
        )
      }}
    </Shown>
  )
}

function Registers({ gateway, devices }: { gateway: string; devices: readonly string[] }) {
  const text = useText()
  const form = useForm({ device: devices[0] ?? '', table: 'holding' as Table, address: '0', count: '10' })
  const [asked, setAsked] = useState<Asked>()
  const { values, failure, leftMs } = useRegisters(gateway, asked, () => setAsked(undefined))
  const address = toNumber(form.values.address)
  const count = toNumber(form.values.count)
  const isRight =
    Number.isInteger(address) && Number.isInteger(count) && (count ?? 0) >= 1 && (count ?? 0) <= 125
  return (
    <div className="panel-body stack">
      <p className="faint">{text.configuration.registersLead}</p>
      <Form
        error={null}
        isDisabled={!isRight}
        submit={text.configuration.begin}
        className="registers-form"
        actions={
          asked === undefined ? null : (
            <>
              <button type="button" className="button" onClick={() => setAsked(undefined)}>
                {text.configuration.stop}
              </button>
              <span className="faint" role="status">
                {text.configuration.reading(Math.ceil(leftMs / 1000))}
              </span>
            </>
          )
        }
        onSubmit={() =>
          setAsked({
            ...{ device: form.values.device, table: form.values.table as Table },
            ...{ address: address ?? 0, count: count ?? 1 },
          })
        }
      >
        <div className="form-row">
          <SelectField
            {...form.field('device')}
            label={text.configuration.device}
            options={devices.map(value => ({ value, label: value }))}
          />
          <SelectField
            {...form.field('table')}
            label={text.configuration.table}
            options={TABLES.map(value => ({ value, label: text.configuration.tables[value] }))}
          />
          <NumberField {...form.field('address')} label={text.configuration.address} required />
          <NumberField {...form.field('count')} label={text.configuration.count} required />
        </div>
      </Form>
      {failure !== undefined && <Failure error={failure} />}
      {values !== undefined && <Values values={values.values} first={values.first} />}
    </div>
  )
}

/** Asks again and again until it is over; each time for what came of the command before. */
function useRegisters(gateway: string, asked: Asked | undefined, onOver: () => void) {
  const [values, setValues] = useState<{ first: number; values: readonly number[] }>()
  const [failure, setFailure] = useState<Error>()
  const [leftMs, setLeft] = useState(LASTS_MS)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another wish begins anew, another function does not
  useEffect(() => {
    if (asked === undefined) return
    const stop = new AbortController()
    const end = now() + LASTS_MS
    const run = async () => {
      setFailure(undefined)
      for (let left = LASTS_MS; left > 0 && !stop.signal.aborted; left = end - now()) {
        setLeft(left)
        const begun = now()
        const command = await ask('POST /api/v1/gateways/{gateway}/commands', {
          path: { gateway },
          body: { id: `read-${crypto.randomUUID()}`, expiresInS: 15, command: { kind: 'read', ...asked } },
          signal: stop.signal,
        })
        const { result, state } = await settled(command, stop.signal)
        if (result?.values === undefined) throw new Error(result?.reason ?? state)
        setValues({ first: asked.address, values: result.values })
        await new Promise(done => window.setTimeout(done, Math.max(0, EVERY_MS - (now() - begun))))
      }
      onOver()
    }
    run().catch((error: unknown) => {
      if (stop.signal.aborted) return
      setFailure(error instanceof Error ? error : new Error(String(error)))
      onOver()
    })
    return () => stop.abort()
  }, [gateway, asked])
  return { values, failure, leftMs }
}

function Values({ values, first }: { values: readonly number[]; first: number }) {
  const text = useText()
  const format = useFormat()
  const rows = values.map((value, index) => ({
    ...{ at: first + index, value },
    float: floatOf(values, index, format.number),
  }))
  return (
    <section
      className="table-frame"
      aria-label={text.configuration.title}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
      tabIndex={0}
    >
      <table className="table registers-table" aria-label={text.configuration.title}>
        <thead>
          <tr>
            <th className="right">{text.configuration.register}</th>
            <th className="right">{text.configuration.decimal}</th>
            <th className="right">{text.configuration.hexadecimal}</th>
            <th className="right">{text.configuration.asFloat}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ at, value, float }) => (
            <tr key={at}>
              <td className="right numeric">{at}</td>
              <td className="right numeric">{value}</td>
              <td className="right numeric">{value.toString(16).padStart(4, '0')}</td>
              <td className="right numeric faint">{float}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** This register and the next one as a number, most significant first. */
function floatOf(
  values: readonly number[],
  index: number,
  format: (value: number, decimals: number) => string,
): string {
  const [high, low] = [values[index], values[index + 1]]
  if (high === undefined || low === undefined) return ''
  const view = new DataView(new ArrayBuffer(4))
  view.setUint16(0, high)
  view.setUint16(2, low)
  const value = view.getFloat32(0)
  const isPlain = Number.isFinite(value) && (value === 0 || (Math.abs(value) > 1e-4 && Math.abs(value) < 1e9))
  return isPlain ? format(value, 3) : ''
}
