// What is shown once: a link, or a key, to be copied.

import type { AccountLink } from '../../api/types.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { Modal } from '../../ui/dialog.tsx'
import { say } from '../../ui/toast.tsx'

/** A link that lets somebody in, and whether it went out by mail. */
export function LinkReady({
  link: { url, expiresAt, mail },
  onClose,
}: {
  link: AccountLink
  onClose: () => void
}) {
  const text = useText()
  const format = useFormat()
  const lead = {
    accepted: text.users.linkMailed,
    none: text.users.linkNoMail,
    refused: text.users.linkNotMailed,
    unanswered: text.users.linkNotMailed,
  }[mail]
  return (
    <ShownOnce
      title={text.users.linkTitle}
      lead={lead}
      secret={url}
      hint={text.users.linkOnce(format.instant(Date.parse(expiresAt)))}
      onClose={onClose}
    />
  )
}

/** Something secret, once. */
export function ShownOnce({
  title,
  lead,
  secret,
  hint,
  onClose,
}: {
  title: string
  lead: string
  secret: string
  hint?: string
  onClose: () => void
}) {
  const text = useText()
  const copy = async () => {
    await navigator.clipboard.writeText(secret)
    say(text.users.copied)
  }
  return (
    <Modal title={title} lead={lead} onClose={onClose}>
      <div className="once">
        <code className="once-secret">{secret}</code>
        {hint !== undefined && <p className="faint">{hint}</p>}
        <div className="form-actions">
          <button type="button" className="button button-main" onClick={copy}>
            {text.users.copy}
          </button>
          <button type="button" className="button" onClick={onClose}>
            {text.users.done}
          </button>
        </div>
      </div>
    </Modal>
  )
}
