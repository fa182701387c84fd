// What is done over the page: a dialog, and the question before what cannot be taken back.

import { Dialog, DialogDismiss, DialogHeading } from '@ariakit/react'
import { type ReactNode, useState } from 'react'
import { useText } from '../i18n/language.tsx'
import '../styles/dialog.css'
import { Form, TextField } from './form.tsx'
import { Icon } from './icons.tsx'

/** A dialog over the page; Escape and a press beside it close it, and the keyboard stays within. */
export function Modal({
  title,
  lead,
  isWide = false,
  onClose,
  children,
}: {
  title: string
  lead?: string
  isWide?: boolean
  onClose: () => void
  children: ReactNode
}) {
  const text = useText()
  return (
    <Dialog
      open
      onClose={onClose}
      className={`modal ${isWide ? 'modal-wide' : ''}`}
      backdrop={<div className="modal-behind" />}
    >
      <header className="modal-head">
        <div>
          <DialogHeading>{title}</DialogHeading>
          {lead !== undefined && <p className="faint">{lead}</p>}
        </div>
        <DialogDismiss className="icon-button">
          <Icon name="close" />
          <span className="visually-hidden">{text.ui.close}</span>
        </DialogDismiss>
      </header>
      <div className="modal-body">{children}</div>
    </Dialog>
  )
}

/**
 * The question before what cannot be taken back. `typed`: what must be typed for the button to be there to press. `reason`: the
 * label of a field for the reason, which is handed to `onConfirm`.
 */
export function Confirm({
  title,
  action,
  reason,
  typed,
  isDanger = false,
  error = null,
  isBusy = false,
  onConfirm,
  onClose,
  children,
}: {
  title: string
  action: string
  reason?: string
  typed?: string
  isDanger?: boolean
  error?: Error | null
  isBusy?: boolean
  onConfirm: (reason: string) => void
  onClose: () => void
  children?: ReactNode
}) {
  const text = useText()
  const [said, setSaid] = useState('')
  const [why, setWhy] = useState('')
  return (
    <Modal title={title} onClose={onClose}>
      <Form
        error={error}
        isBusy={isBusy}
        isDanger={isDanger}
        isDisabled={typed !== undefined && said !== typed}
        submit={action}
        actions={
          <button type="button" className="button" onClick={onClose}>
            {text.ui.cancel}
          </button>
        }
        onSubmit={() => onConfirm(why)}
      >
        {children}
        {reason !== undefined && (
          <TextField
            name="reason"
            label={reason}
            value={why}
            onValue={setWhy}
            required
            minLength={3}
            maxLength={500}
          />
        )}
        {typed !== undefined && (
          <TextField
            name="typed"
            label={text.ui.typeToConfirm(typed)}
            value={said}
            onValue={setSaid}
            autoComplete="off"
          />
        )}
      </Form>
    </Modal>
  )
}
