// Every configuration that a gateway should have run with: in what each differs, and back to one of them.

import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../api/client.ts'
import { versionQuery, versionsQuery } from '../api/configuration.ts'
import type { ConfigurationVersion, GatewayConfiguration } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import { useMay } from '../may.ts'
import { DataTable } from '../ui/data-table.tsx'
import { Confirm, Modal } from '../ui/dialog.tsx'
import { LineDiff } from '../ui/diff.tsx'
import { Age } from '../ui/now.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { etagOf, useAsked } from './configuration-parts.tsx'

/** Every configuration that a gateway should have run with. */
export function History({
  gateway,
  configuration,
}: {
  gateway: string
  configuration: GatewayConfiguration
}) {
  const text = useText()
  const query = useQuery(versionsQuery(gateway))
  const mayOperate = useMay('operate')
  const [shown, setShown] = useState<number>()
  const [back, setBack] = useState<number>()
  const current = configuration.desired?.version
  return (
    <Panel title={text.configuration.history}>
      <Shown query={query} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={text.configuration.noHistory} />
          ) : (
            <DataTable<ConfigurationVersion>
              label={text.configuration.history}
              rows={items}
              keyOf={({ version }) => String(version)}
              columns={[
                {
                  ...{ key: 'version', head: text.configuration.history, isMain: true },
                  cell: ({ version, isAdopted, copyOf, note }) => (
                    <>
                      <strong>{version}</strong>{' '}
                      {isAdopted && <span className="faint">{text.configuration.adopted}</span>}
                      {copyOf !== null && <span className="faint">{text.configuration.copyOf(copyOf)}</span>}
                      <div className="faint">{note}</div>
                    </>
                  ),
                },
                { key: 'by', head: text.configuration.by, cell: ({ by }) => by },
                { key: 'at', head: text.configuration.at, align: 'right', cell: ({ at }) => <Age at={at} /> },
                {
                  ...{ key: 'do', head: '', align: 'right' },
                  cell: ({ version }) => (
                    <span className="row-tools">
                      <button type="button" className="button" onClick={() => setShown(version)}>
                        {text.configuration.show}
                        <span className="visually-hidden"> {version}</span>
                      </button>
                      {mayOperate && version !== current && (
                        <button type="button" className="button" onClick={() => setBack(version)}>
                          {text.configuration.rollBack}
                          <span className="visually-hidden"> {version}</span>
                        </button>
                      )}
                    </span>
                  ),
                },
              ]}
            />
          )
        }
      </Shown>
      {shown !== undefined && (
        <Modal title={text.configuration.version(shown)} isWide onClose={() => setShown(undefined)}>
          <VersionDiff gateway={gateway} from={shown - 1} to={shown} />
        </Modal>
      )}
      {back !== undefined && (
        <RollBack gateway={gateway} version={back} seen={current ?? 0} onClose={() => setBack(undefined)} />
      )}
    </Panel>
  )
}

function VersionDiff({ gateway, from, to }: { gateway: string; from: number; to: number }) {
  const before = useQuery({ ...versionQuery(gateway, from), enabled: from > 0 })
  const after = useQuery(versionQuery(gateway, to))
  return (
    <Shown query={after}>
      {({ document }) =>
        from > 0 && before.data === undefined ? null : (
          <LineDiff before={before.data?.document ?? ''} after={document} />
        )
      }
    </Shown>
  )
}

function RollBack({
  gateway,
  version,
  seen,
  onClose,
}: {
  gateway: string
  version: number
  seen: number
  onClose: () => void
}) {
  const text = useText()
  const asked = useAsked(gateway)
  const back = useMutation({
    mutationFn: (note: string) =>
      ask('POST /api/v1/gateways/{gateway}/configuration/roll-back', {
        ...{ path: { gateway }, headers: etagOf(seen), body: { version, note } },
      }),
    onSuccess: async () => {
      await asked()
      onClose()
    },
  })
  return (
    <Confirm
      title={text.configuration.rollBackTitle(version)}
      action={text.configuration.rollBack}
      reason={text.configuration.note}
      error={back.error}
      isBusy={back.isPending}
      onConfirm={note => back.mutate(note)}
      onClose={onClose}
    >
      <VersionDiff gateway={gateway} from={seen} to={version} />
    </Confirm>
  )
}
