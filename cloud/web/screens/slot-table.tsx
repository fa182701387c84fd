// Declarations with what was declared, the receipt and where to look it up, or why there is none.

import { useState } from 'react'
import type { Slot, SlotState } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { Icon } from '../ui/icons.tsx'
import { SlotDetail } from './slot-detail.tsx'

/** Where everybody can look up what was declared of a work. */
const verificationUrl = (workCode: string): string =>
  `https://snia.mop.gob.cl/cExtracciones2/#/consultaQR/${encodeURIComponent(workCode)}`

/** Which colour a state has: those that wait alike look alike. */
const KINDS: Readonly<Record<SlotState, string>> = {
  pending: 'waiting',
  ready: 'waiting',
  sending: 'waiting',
  no_data: 'noData',
  not_measured: 'noData',
  rejected: 'closed',
  withdrawn: 'closed',
  sent: 'sent',
  review: 'review',
  shadow: 'shadow',
}

/** Declarations, newest first. */
export function SlotTable({ slots }: { slots: readonly Slot[] }) {
  const text = useText()
  const [open, setOpen] = useState<Slot | undefined>()
  return (
    <div className="table-frame">
      <table className="table slot-table">
        <thead>
          <tr>
            <th>{text.dga.measured}</th>
            <th>{text.dga.state}</th>
            <th className="right">{text.dga.flow}</th>
            <th className="right">{text.dga.total}</th>
            <th className="right">{text.dga.level}</th>
            <th>{text.dga.receipt}</th>
          </tr>
        </thead>
        <tbody>
          {slots.map(slot => (
            <Row key={slot.id} slot={slot} onOpen={() => setOpen(slot)} />
          ))}
        </tbody>
      </table>
      {open !== undefined && <SlotDetail slot={open} onClose={() => setOpen(undefined)} />}
    </div>
  )
}

function Row({ slot, onOpen }: { slot: Slot; onOpen: () => void }) {
  const text = useText()
  const format = useFormat()
  const { measuredAt, state, flow, total, level, workCode } = slot
  return (
    <tr>
      <td className="cell-measured">
        <button
          type="button"
          className="row-button numeric"
          aria-label={text.slot.open(format.instant(Date.parse(measuredAt)))}
          onClick={onOpen}
        >
          {format.instant(Date.parse(measuredAt))}
        </button>
        <span className="faint cell-work">
          {workCode} · {slot.channel.toUpperCase()}
        </span>
      </td>
      <td className="cell-slot-state">
        <span className="slot-state">
          <i className={`slot-sign slot-${KINDS[state]}`} />
          {text.dga.states[state]}
        </span>
        <Why slot={slot} />
      </td>
      <Declared name={text.dga.flow} declared={flow} />
      <Declared name={text.dga.total} declared={total} />
      <Declared name={text.dga.level} declared={level} />
      <td className="cell-receipt">
        <Receipt slot={slot} />
      </td>
    </tr>
  )
}

/** Exactly as it is written to DGA: that is what a receipt is for. */
function Declared({ name, declared }: { name: string; declared: Slot['flow'] }) {
  return (
    <td className="right cell-declared" data-label={name}>
      {declared === null ? (
        <span className="faint">–</span>
      ) : (
        <span className="numeric">
          {declared.declared}
          <span className="unit">{declared.unit}</span>
        </span>
      )}
    </td>
  )
}

function Why({ slot }: { slot: Slot }) {
  const text = useText()
  const format = useFormat()
  const { reason, heldBecause, lastOutcome, nextAttemptAt, attempts, state } = slot
  if (state === 'sent') return null
  const said = [
    reason,
    heldBecause === null ? null : `${text.dga.held}: ${heldBecause}`,
    lastOutcome?.message === undefined || lastOutcome.message === reason ? null : lastOutcome.message,
    attempts > 0 ? text.dga.attempts(attempts) : null,
    nextAttemptAt === null || attempts === 0
      ? null
      : text.dga.nextAttempt(format.instant(Date.parse(nextAttemptAt))),
  ].filter(one => one !== null)
  return said.length === 0 ? null : <p className="faint why">{said.join(' · ')}</p>
}

function Receipt({ slot }: { slot: Slot }) {
  const text = useText()
  const { receipt, verification, recovered, workCode } = slot
  if (receipt === null) return <span className="faint">–</span>
  return (
    <>
      <code className="receipt">{receipt}</code>
      <span className="receipt-notes">
        {verification !== null && (
          <span className={verification === 'match' ? 'is-verified' : 'is-doubtful'}>
            <Icon name={verification === 'match' ? 'check' : 'warning'} size={14} />
            {text.dga.verification[verification]}
          </span>
        )}
        {recovered && <span>{text.dga.recovered}</span>}
        <a href={verificationUrl(workCode)} target="_blank" rel="noreferrer" title={text.dga.verifyHint}>
          {text.dga.verify}
          <Icon name="external" size={13} />
        </a>
      </span>
    </>
  )
}
