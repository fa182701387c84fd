// Claim codes for many gateways at once, with their labels.

import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../api/client.ts'
import { type DrawnCode, downloadLabels } from '../api/fleet.ts'
import type { Gateway } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import '../styles/fleet.css'
import { DataTable } from '../ui/data-table.tsx'
import { Modal } from '../ui/dialog.tsx'
import { Form } from '../ui/form.tsx'

type Claimed = { gateway: string; state: 'drawn' | 'open' | 'enrolled' | 'unknown'; code: string | null }

/** A dialog that draws codes for the gateways that are chosen. Those that were never heard are chosen first. */
export function ClaimsDialog({ gateways, onClose }: { gateways: readonly Gateway[]; onClose: () => void }) {
  const text = useText()
  const [chosen, setChosen] = useState<ReadonlySet<string>>(
    () => new Set(gateways.filter(({ lastSeenAt }) => lastSeenAt === null).map(({ gateway }) => gateway)),
  )
  const draw = useMutation({
    mutationFn: () => ask('POST /api/v1/fleet/claims', { body: { gateways: [...chosen] } }),
  })
  const toggle = (gateway: string) =>
    setChosen(before => {
      const after = new Set(before)
      if (!after.delete(gateway)) after.add(gateway)
      return after
    })
  return (
    <Modal title={text.fleet.codes} lead={text.fleet.codesLead} isWide onClose={onClose}>
      {draw.data === undefined ? (
        <Form
          error={draw.error}
          isBusy={draw.isPending}
          isDisabled={chosen.size === 0}
          submit={text.fleet.draw}
          onSubmit={() => draw.mutate()}
        >
          <fieldset className="claim-choice">
            <legend>{text.fleet.choose}</legend>
            {gateways.map(({ gateway, client, project, lastSeenAt }) => (
              <label key={gateway}>
                <input type="checkbox" checked={chosen.has(gateway)} onChange={() => toggle(gateway)} />
                <span>
                  {gateway}
                  <span className="faint">
                    {' '}
                    {client} · {project}
                    {lastSeenAt === null && ` · ${text.fleet.never}`}
                  </span>
                </span>
              </label>
            ))}
          </fieldset>
        </Form>
      ) : (
        <Drawn claims={draw.data.claims} gateways={gateways} />
      )}
    </Modal>
  )
}

function Drawn({ claims, gateways }: { claims: readonly Claimed[]; gateways: readonly Gateway[] }) {
  const text = useText()
  const codes = claims.flatMap(({ gateway, code }): DrawnCode[] => {
    const of = gateways.find(one => one.gateway === gateway)
    return code === null ? [] : [{ gateway, code, client: of?.client ?? '', place: of?.project ?? '' }]
  })
  const labels = useMutation({ mutationFn: () => downloadLabels(codes) })
  return (
    <div className="claim-ready">
      <p>{text.fleet.drawn(codes.length)}</p>
      <DataTable
        label={text.fleet.codes}
        rows={claims}
        keyOf={({ gateway }) => gateway}
        maxHeight
        columns={[
          { key: 'gateway', head: text.gateways.gateway, isMain: true, cell: ({ gateway }) => gateway },
          {
            key: 'code',
            head: text.fleet.claim,
            cell: ({ code, state }) =>
              code === null ? (
                <span className="faint">{text.fleet.kept[state]}</span>
              ) : (
                <code className="claim-code">{code}</code>
              ),
          },
        ]}
      />
      {codes.length > 0 && (
        <div className="form-actions">
          <button
            type="button"
            className="button button-main"
            disabled={labels.isPending}
            onClick={() => labels.mutate()}
          >
            {text.fleet.labelsMany(codes.length)}
          </button>
        </div>
      )}
    </div>
  )
}
