// The months of a work as files to be signed and kept, and whether such a file is what it says.

import { useMutation } from '@tanstack/react-query'
import { toUrl } from '../api/client.ts'
import { middleOf } from '../chart/bars.tsx'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { FileDrop } from '../ui/file-drop.tsx'
import { Icon } from '../ui/icons.tsx'
import { Panel } from '../ui/panel.tsx'
import { Failure } from '../ui/shown.tsx'
import { monthsSince } from './months.ts'
import { verifyPack } from './verify-pack.ts'

const MONTHS_MAX = 12

/** Where the pack of a month is. */
export const packUrl = (work: string, month: string): string =>
  toUrl('/api/v1/compliance/packs/{work}/{month}', { work, month })

/** The months of a work. */
export function PacksPanel({ work, since }: { work: string; since: string | undefined }) {
  const text = useText()
  const format = useFormat()
  const from = since === undefined ? now() : Date.parse(since)
  return (
    <Panel title={text.compliance.packs} hint={text.compliance.packsHint}>
      <ul className="packs">
        {monthsSince(from, now())
          .slice(0, MONTHS_MAX)
          .map(month => (
            <li key={month}>
              <span>{format.month(middleOf(month))}</span>
              <a className="button button-small" href={packUrl(work, month)} download>
                <Icon name="download" size={16} />
                {text.compliance.download}
                <span className="visually-hidden"> {month}</span>
              </a>
            </li>
          ))}
      </ul>
      <Verify />
    </Panel>
  )
}

function Verify() {
  const text = useText()
  const verify = useMutation({ mutationFn: async (file: File) => verifyPack(await file.arrayBuffer()) })
  return (
    <div className="panel-body pack-verify">
      <h3>{text.compliance.verifyPack}</h3>
      <p className="faint">{text.compliance.verifyHint}</p>
      <FileDrop
        label={text.compliance.packFile}
        accept=".tar,application/x-tar"
        file={verify.variables}
        onFile={file => file !== undefined && verify.mutate(file)}
      />
      {verify.error !== null && <Failure error={verify.error} />}
      {verify.data !== undefined && (
        <p
          className={verify.data.kind === 'good' ? 'form-done' : 'form-error'}
          role={verify.data.kind === 'good' ? 'status' : 'alert'}
        >
          {verify.data.kind === 'good' && text.compliance.packGood(verify.data.files)}
          {verify.data.kind === 'bad' && `${text.compliance.packBad} ${verify.data.names.join(', ')}`}
          {verify.data.kind === 'none' && text.compliance.packNone}
        </p>
      )}
    </div>
  )
}
