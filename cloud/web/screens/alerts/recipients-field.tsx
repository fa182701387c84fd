// Who is told: people by their mail address, and channels.

import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { channelsQuery } from '../../api/queries.ts'
import { useText } from '../../i18n/language.tsx'
import { Icon } from '../../ui/icons.tsx'
import type { Recipient } from './rule-draft.ts'

/** A list of recipients that can be added to. */
export function RecipientsField({
  legend,
  value,
  onValue,
  isMailAllowed = true,
}: {
  legend: string
  value: readonly Recipient[]
  onValue: (value: Recipient[]) => void
  isMailAllowed?: boolean
}) {
  const text = useText()
  const id = useId()
  const { data } = useQuery(channelsQuery)
  const channels = data?.items ?? []
  const [mail, setMail] = useState('')
  const [channel, setChannel] = useState('')
  const [to, setTo] = useState('')
  const nameOf = (recipient: Recipient): string =>
    'email' in recipient
      ? recipient.email
      : `${channels.find(one => one.id === recipient.channel)?.name ?? recipient.channel} ${recipient.to ?? ''}`.trim()
  const addMail = () => {
    if (!/^[^@\s]+@[^@\s]+$/.test(mail)) return
    onValue([...value, { email: mail.trim() }])
    setMail('')
  }
  const addChannel = () => {
    if (channel === '') return
    onValue([...value, { channel: Number(channel), ...(to.trim() === '' ? {} : { to: to.trim() }) }])
    setTo('')
  }
  return (
    <fieldset className="list-field">
      <legend>{legend}</legend>
      {value.length === 0 && <p className="faint">{text.alerts.toldNobody}</p>}
      <ul className="recipients">
        {value.map((recipient, index) => (
          <li key={JSON.stringify(recipient)}>
            {nameOf(recipient)}
            <button
              type="button"
              className="icon-button"
              onClick={() => onValue(value.filter((_, place) => place !== index))}
            >
              <Icon name="close" size={14} />
              <span className="visually-hidden">
                {text.alerts.remove} {nameOf(recipient)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {isMailAllowed && (
        <div className="add-row">
          <label htmlFor={`${id}-mail`}>{text.alerts.addMail}</label>
          <input
            id={`${id}-mail`}
            className="input"
            inputMode="email"
            value={mail}
            onChange={({ target }) => setMail(target.value)}
            onKeyDown={event => {
              if (event.key !== 'Enter') return
              event.preventDefault()
              addMail()
            }}
          />
          <button type="button" className="button button-small" onClick={addMail}>
            {text.alerts.add}
          </button>
        </div>
      )}
      {channels.length > 0 && (
        <div className="add-row">
          <label htmlFor={`${id}-channel`}>{text.alerts.orChannel}</label>
          <span className="two">
            <select
              id={`${id}-channel`}
              className="input"
              value={channel}
              onChange={({ target }) => setChannel(target.value)}
            >
              <option value="">–</option>
              {channels.map(one => (
                <option key={one.id} value={one.id}>
                  {one.name}
                </option>
              ))}
            </select>
            <input
              className="input"
              aria-label={text.alerts.channelTo}
              placeholder={text.alerts.channelTo}
              value={to}
              onChange={({ target }) => setTo(target.value)}
            />
          </span>
          <button type="button" className="button button-small" onClick={addChannel}>
            {text.alerts.add}
          </button>
        </div>
      )}
    </fieldset>
  )
}
