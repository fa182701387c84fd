// By what a gateway is known: its certificate, a code to enrol it with, and cutting it off.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../api/client.ts'
import { type DrawnCode, downloadLabels, enrolCommand, enrolmentQuery } from '../api/fleet.ts'
import type { Gateway, GatewayEnrolment } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import '../styles/fleet.css'
import { Confirm, Modal } from '../ui/dialog.tsx'
import { Panel } from '../ui/panel.tsx'
import { Shown } from '../ui/shown.tsx'
import { say } from '../ui/toast.tsx'

/** The identity of a gateway, for who may change it. */
export function GatewayIdentity({ gateway }: { gateway: Gateway }) {
  const text = useText()
  const query = useQuery(enrolmentQuery(gateway.gateway))
  const [asking, setAsking] = useState<'claim' | 'revoke' | undefined>()
  const [drawn, setDrawn] = useState<{ code: DrawnCode; expiresAt: string } | undefined>()
  const state = query.data
  return (
    <Panel
      title={text.fleet.identity}
      className="identity-panel"
      actions={
        state !== undefined && (
          <>
            <button type="button" className="button button-small" onClick={() => setAsking('claim')}>
              {state.state === 'certificate' ? text.fleet.claimAgain : text.fleet.claim}
            </button>
            {state.state !== 'revoked' && (
              <button type="button" className="button button-small" onClick={() => setAsking('revoke')}>
                {text.fleet.revoke}
              </button>
            )}
          </>
        )
      }
    >
      <Shown query={query} lines={2}>
        {shown => <Facts enrolment={shown} />}
      </Shown>
      {asking === 'claim' && state !== undefined && (
        <Claim
          gateway={gateway}
          enrolment={state}
          onClose={() => setAsking(undefined)}
          onDrawn={ready => {
            setAsking(undefined)
            setDrawn(ready)
          }}
        />
      )}
      {asking === 'revoke' && <Revoke gateway={gateway.gateway} onClose={() => setAsking(undefined)} />}
      {drawn !== undefined && <CodeReady {...drawn} onClose={() => setDrawn(undefined)} />}
    </Panel>
  )
}

function Facts({ enrolment }: { enrolment: GatewayEnrolment }) {
  const text = useText()
  const format = useFormat()
  const { state, enrolledAt, certificateEndsAt, revokedAt, claimExpiresAt } = enrolment
  const instants = [
    { name: text.fleet.enrolledAt, at: enrolledAt, hint: undefined },
    { name: text.fleet.certificateEnds, at: certificateEndsAt, hint: text.fleet.certificateHint },
    { name: text.fleet.revokedAt, at: revokedAt, hint: undefined },
    { name: text.fleet.claimOpen, at: claimExpiresAt, hint: undefined },
  ]
  const facts = [
    { name: text.fleet.state, value: text.fleet.states[state], hint: undefined },
    ...instants.flatMap(({ at, ...fact }) =>
      at === null ? [] : [{ ...fact, value: format.instant(Date.parse(at)) }],
    ),
  ]
  return (
    <dl className="identity panel-body">
      {facts.map(({ name, value, hint }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {hint !== undefined && <span className="faint"> · {hint}</span>}
          </dd>
        </div>
      ))}
    </dl>
  )
}

function Claim({
  gateway: { gateway, client, project },
  enrolment,
  onClose,
  onDrawn,
}: {
  gateway: Gateway
  enrolment: GatewayEnrolment
  onClose: () => void
  onDrawn: (ready: { code: DrawnCode; expiresAt: string }) => void
}) {
  const text = useText()
  const queries = useQueryClient()
  const isEnrolled = enrolment.state === 'certificate'
  const replace = isEnrolled || enrolment.claimExpiresAt !== null
  const draw = useMutation({
    mutationFn: () => ask('POST /api/v1/fleet/claims', { body: { gateways: [gateway], replace } }),
    onSuccess: async ({ claims: [claim] }) => {
      await queries.invalidateQueries({ queryKey: enrolmentQuery(gateway).queryKey })
      if (claim?.code == null || claim.expiresAt === null) return onClose()
      const code = { gateway, code: claim.code, client, place: project }
      onDrawn({ code, expiresAt: claim.expiresAt })
    },
  })
  return (
    <Confirm
      title={isEnrolled ? text.fleet.claimAgain : text.fleet.claim}
      action={text.fleet.claimAction}
      error={draw.error}
      isBusy={draw.isPending}
      onConfirm={() => draw.mutate()}
      onClose={onClose}
    >
      <p>
        {isEnrolled
          ? text.fleet.claimAgainLead
          : replace
            ? text.fleet.claimReplaceLead
            : text.fleet.codesLead}
      </p>
    </Confirm>
  )
}

function Revoke({ gateway, onClose }: { gateway: string; onClose: () => void }) {
  const text = useText()
  const queries = useQueryClient()
  const revoke = useMutation({
    mutationFn: (reason: string) =>
      ask('POST /api/v1/gateways/{gateway}/revocation', { path: { gateway }, body: { reason } }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: enrolmentQuery(gateway).queryKey })
      say(text.fleet.revoked)
      onClose()
    },
  })
  return (
    <Confirm
      title={text.fleet.revokeTitle(gateway)}
      action={text.fleet.revoke}
      reason={text.fleet.reason}
      typed={gateway}
      isDanger
      error={revoke.error}
      isBusy={revoke.isPending}
      onConfirm={reason => revoke.mutate(reason)}
      onClose={onClose}
    >
      <p>{text.fleet.revokeLead}</p>
    </Confirm>
  )
}

/** A code, this once. */
function CodeReady({
  code,
  expiresAt,
  onClose,
}: {
  code: DrawnCode
  expiresAt: string
  onClose: () => void
}) {
  const text = useText()
  const format = useFormat()
  const labels = useMutation({ mutationFn: () => downloadLabels([code]) })
  const copy = async () => {
    await navigator.clipboard.writeText(enrolCommand(code.code))
    say(text.fleet.copied)
  }
  return (
    <Modal title={text.fleet.readyTitle} lead={text.fleet.readyLead} onClose={onClose}>
      <div className="claim-ready">
        <code className="claim-command">{enrolCommand(code.code)}</code>
        <p className="faint">{text.fleet.readyUntil(format.instant(Date.parse(expiresAt)))}</p>
        <div className="form-actions">
          <button type="button" className="button button-main" onClick={copy}>
            {text.fleet.copy}
          </button>
          <button
            type="button"
            className="button"
            disabled={labels.isPending}
            onClick={() => labels.mutate()}
          >
            {text.fleet.labels}
          </button>
        </div>
      </div>
    </Modal>
  )
}
