// One declaration, whole: its values and where they come from, what was found, what DGA said, and what people decided.

import { useQuery } from '@tanstack/react-query'
import { slotQuery } from '../api/compliance.ts'
import type { Slot, SlotWithDecisions } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { useMay } from '../may.ts'
import '../styles/compliance.css'
import { DataTable } from '../ui/data-table.tsx'
import { Modal } from '../ui/dialog.tsx'
import { Age } from '../ui/now.tsx'
import { Shown } from '../ui/shown.tsx'
import { SlotActions } from './slot-actions.tsx'

/** The dialog that shows one declaration. */
export function SlotDetail({ slot, onClose }: { slot: Slot; onClose: () => void }) {
  const text = useText()
  const format = useFormat()
  const query = useQuery({ ...slotQuery(slot.id), placeholderData: { slot, decisions: [] } })
  return (
    <Modal
      title={text.slot.title(format.instant(Date.parse(slot.measuredAt)))}
      lead={`${slot.workCode} · ${slot.point}`}
      isWide
      onClose={onClose}
    >
      <Shown query={query} lines={6}>
        {whole => <Whole whole={whole} />}
      </Shown>
    </Modal>
  )
}

function Whole({ whole: { slot, decisions } }: { whole: SlotWithDecisions }) {
  const text = useText()
  const mayDecide = useMay('decide')
  return (
    <div className="stack">
      <Values slot={slot} />
      <section>
        <h3>{text.slot.findings}</h3>
        {slot.findings.length === 0 ? (
          <p className="faint">{text.slot.noFindings}</p>
        ) : (
          <ul className="findings">
            {slot.findings.map(({ code, severity, message }) => (
              <li key={`${code} ${message}`}>
                <span className={`badge badge-bare badge-${SIGNS[severity] ?? 'never'}`}>
                  {text.slot.severities[severity]}
                </span>
                <span>{message}</span>
              </li>
            ))}
          </ul>
        )}
      </section>
      <AtDga slot={slot} />
      <section>
        <h3>{text.slot.decisions}</h3>
        {decisions.length === 0 ? (
          <p className="faint">{text.slot.noDecisions}</p>
        ) : (
          <ul className="findings">
            {decisions.map(({ at, by, action, reason, from, to }) => (
              <li key={at}>
                <strong>{text.slot.did[action]}</strong>
                <span>
                  {reason}{' '}
                  <span className="faint">
                    {by} · <Age at={at} /> · {text.dga.states[from]} → {text.dga.states[to]}
                  </span>
                </span>
              </li>
            ))}
          </ul>
        )}
      </section>
      {mayDecide && <SlotActions slot={slot} />}
    </div>
  )
}

const SIGNS: Record<string, string> = { block: 'silent', review: 'late', note: 'never' }

const QUANTITIES = ['flow', 'total', 'level'] as const

function Values({ slot }: { slot: Slot }) {
  const text = useText()
  const format = useFormat()
  const rows = QUANTITIES.map(name => ({ name, picked: slot[name] }))
  const sourceOf = (picked: NonNullable<Slot['flow']>): string => {
    if (picked.byPerson) return text.slot.byPerson
    const { mean, parts, readAt } = picked
    const said = [
      readAt === null ? undefined : format.moment(Date.parse(readAt)),
      mean === null ? undefined : text.slot.mean(mean.count, format.percent(mean.coverage)),
      parts.length < 2 ? undefined : text.slot.parts(parts.length),
    ]
    return said.filter(one => one !== undefined).join(' · ')
  }
  return (
    <DataTable
      label={text.slot.values}
      rows={rows}
      keyOf={({ name }) => name}
      columns={[
        {
          ...{ key: 'name', head: text.slot.quantity, isMain: true },
          cell: ({ name }) => <strong>{text.dga[name]}</strong>,
        },
        {
          ...{ key: 'declared', head: text.slot.declared, align: 'right' },
          cell: ({ picked }) =>
            picked === null ? (
              '–'
            ) : (
              <span className="numeric">{`${picked.declared} ${picked.unit ?? ''}`}</span>
            ),
        },
        {
          ...{ key: 'measured', head: text.slot.measured, align: 'right' },
          cell: ({ picked }) =>
            picked?.value === null || picked?.value === undefined ? (
              '–'
            ) : (
              <span className="numeric">{format.number(picked.value, 3)}</span>
            ),
        },
        {
          ...{ key: 'source', head: text.slot.readAt },
          cell: ({ picked }) => (picked === null ? '–' : sourceOf(picked)),
        },
      ]}
    />
  )
}

function AtDga({ slot }: { slot: Slot }) {
  const text = useText()
  const format = useFormat()
  const { receipt, acceptedAt, verification, verifiedAt, lastOutcome, attempts } = slot
  const instant = (at: string | null) => (at === null ? '–' : format.moment(Date.parse(at)))
  const facts: [string, string][] = [
    [text.slot.receipt, receipt ?? '–'],
    [text.slot.accepted, instant(acceptedAt)],
    [
      text.slot.verified,
      verification === null ? '–' : `${text.dga.verification[verification]} · ${instant(verifiedAt)}`,
    ],
    [
      text.slot.outcome,
      lastOutcome === null
        ? '–'
        : [text.slot.outcomes[lastOutcome.outcome], lastOutcome.message]
            .filter(one => one !== null)
            .join(': '),
    ],
    [text.slot.attempts, format.number(attempts, 0)],
  ]
  return (
    <section>
      <h3>{text.slot.dga}</h3>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name} className="fact">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
