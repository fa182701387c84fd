// Deciding about what was chosen: it is tried first, what would come of it is said, and only then is it done.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { ask } from '../api/client.ts'
import type { SlotDecisionOutcomes, SlotDecisionsAsked } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import { Failure } from '../ui/shown.tsx'

const ACTIONS = ['approve', 'reject', 'reopen'] as const
const REASON_LENGTH_MIN = 3
const REASON_LENGTH_MAX = 500
/** How many the API decides at once. */
const SLOTS_MAX = 500

type Action = (typeof ACTIONS)[number]

/** The bar that is there while something is chosen. */
export function DecisionBar({ chosen, onDecided }: { chosen: ReadonlySet<number>; onDecided: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const [reason, setReason] = useState('')
  const [action, setAction] = useState<Action | undefined>()
  const reasonId = useId()
  const decide = (dryRun: boolean) => (asked: Omit<SlotDecisionsAsked, 'dryRun'>) =>
    ask('POST /api/v1/compliance/slots/decisions', { body: { ...asked, dryRun } })
  const attempt = useMutation({ mutationFn: decide(true) })
  const decision = useMutation({
    mutationFn: decide(false),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ['slots'] })
      queries.invalidateQueries({ queryKey: ['overview'] })
      onDecided()
    },
  })
  const slots = [...chosen].slice(0, SLOTS_MAX)
  const isReasoned = reason.trim().length >= REASON_LENGTH_MIN
  const error = decision.error ?? attempt.error
  const press = (one: Action) => {
    setAction(one)
    attempt.mutate({ slots, action: one, reason })
  }
  return (
    <section className="decision-bar" aria-label={text.review.chosen(chosen.size)}>
      {error !== null && <Failure error={error} />}
      {attempt.data === undefined || action === undefined ? (
        <div className="decision-row">
          <strong>{text.review.chosen(chosen.size)}</strong>
          <label className="decision-reason" htmlFor={reasonId}>
            <span className="visually-hidden">{text.review.reason}</span>
            <input
              id={reasonId}
              className="input"
              placeholder={text.review.reason}
              value={reason}
              maxLength={REASON_LENGTH_MAX}
              onChange={event => setReason(event.target.value)}
            />
          </label>
          {ACTIONS.map(one => (
            <button
              key={one}
              type="button"
              className={one === 'approve' ? 'button button-main' : 'button'}
              disabled={!isReasoned || attempt.isPending}
              onClick={() => press(one)}
            >
              {text.review[one]}
            </button>
          ))}
        </div>
      ) : (
        <div className="decision-row">
          <Foreseen action={action} outcomes={attempt.data} />
          <button
            type="button"
            className="button button-main"
            disabled={decision.isPending || attempt.data.items.every(({ outcome }) => outcome !== 'done')}
            onClick={() => decision.mutate({ slots, action, reason })}
          >
            {text.review.confirm}
          </button>
          <button type="button" className="button" onClick={() => attempt.reset()}>
            {text.review.cancel}
          </button>
        </div>
      )}
    </section>
  )
}

/** What would come of it. */
function Foreseen({ action, outcomes: { items } }: { action: Action; outcomes: SlotDecisionOutcomes }) {
  const text = useText()
  const done = items.filter(({ outcome }) => outcome === 'done').length
  const reasons = new Set(
    items.filter(({ outcome }) => outcome !== 'done').map(({ reason }) => reason ?? '–'),
  )
  return (
    <div className="decision-said" role="status">
      <strong>{text.review.will[action](done)}</strong>
      {reasons.size > 0 && (
        <p className="absent">
          {text.review.refused(items.length - done)} {[...reasons].join('; ')}
        </p>
      )}
    </div>
  )
}
