// Written from the API's document (deploy/client-types.ts); test/cloud/web/types.test.ts holds it to that.

export interface Routes {
  'POST /api/v1/session': {
    path: Record<string, never>
    query: Record<string, never>
    body: Credentials
    answer: SessionUser | SecondFactorWanted
  }
  'DELETE /api/v1/session': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'GET /api/v1/session': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: { me: Me | null }
  }
  'GET /api/v1/me/sessions': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: { items: OpenSession[] }
  }
  'DELETE /api/v1/me/sessions/{session}': {
    path: { session: string }
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'PUT /api/v1/me/password': {
    path: Record<string, never>
    query: Record<string, never>
    body: { current: string; password: string }
    answer: undefined
  }
  'GET /api/v1/session/ways': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: SignInWays
  }
  'POST /api/v1/session/second-factor': {
    path: Record<string, never>
    query: Record<string, never>
    body: SecondFactorGiven
    answer: SessionUser
  }
  'POST /api/v1/session/passkey/options': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: PasskeyAsked
  }
  'POST /api/v1/session/passkey': {
    path: Record<string, never>
    query: Record<string, never>
    body: PasskeyAnswer
    answer: SessionUser
  }
  'POST /api/v1/invitation': {
    path: Record<string, never>
    query: Record<string, never>
    body: { secret: string }
    answer: LinkShown
  }
  'POST /api/v1/invitation/accept': {
    path: Record<string, never>
    query: Record<string, never>
    body: { secret: string; password: string; name?: string }
    answer: undefined
  }
  'POST /api/v1/recovery': {
    path: Record<string, never>
    query: Record<string, never>
    body: { email: string }
    answer: undefined
  }
  'POST /api/v1/recovery/look': {
    path: Record<string, never>
    query: Record<string, never>
    body: { secret: string }
    answer: LinkShown
  }
  'POST /api/v1/recovery/accept': {
    path: Record<string, never>
    query: Record<string, never>
    body: { secret: string; password: string }
    answer: undefined
  }
  'GET /api/v1/me/security': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: Security
  }
  'POST /api/v1/me/second-factor': {
    path: Record<string, never>
    query: Record<string, never>
    body: PasswordProof
    answer: SecondFactorBegun
  }
  'POST /api/v1/me/second-factor/confirm': {
    path: Record<string, never>
    query: Record<string, never>
    body: { code: string }
    answer: undefined
  }
  'POST /api/v1/me/second-factor/remove': {
    path: Record<string, never>
    query: Record<string, never>
    body: PasswordProof
    answer: undefined
  }
  'POST /api/v1/me/second-factor/recovery-codes': {
    path: Record<string, never>
    query: Record<string, never>
    body: PasswordProof
    answer: { recoveryCodes: string[] }
  }
  'POST /api/v1/me/passkeys/options': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: PasskeyAsked
  }
  'POST /api/v1/me/passkeys': {
    path: Record<string, never>
    query: Record<string, never>
    body: PasskeyMade
    answer: { id: string }
  }
  'DELETE /api/v1/me/passkeys/{passkey}': {
    path: { passkey: string }
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'GET /api/v1/me/keys': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: OwnKeys
  }
  'POST /api/v1/me/keys': {
    path: Record<string, never>
    query: Record<string, never>
    body: OwnKeyAsked
    answer: ApiKeyMade
  }
  'DELETE /api/v1/me/keys/{key}': {
    path: { key: number }
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'GET /api/v1/users': {
    path: Record<string, never>
    query: { cursor?: string; limit?: number }
    body: undefined
    answer: UserPage
  }
  'POST /api/v1/users': {
    path: Record<string, never>
    query: Record<string, never>
    body: UserInvited
    answer: UserWithLink
  }
  'GET /api/v1/users/{user}': {
    path: { user: string }
    query: Record<string, never>
    body: undefined
    answer: User
  }
  'PATCH /api/v1/users/{user}': {
    path: { user: string }
    query: Record<string, never>
    body: UserChanged
    answer: User
  }
  'POST /api/v1/users/{user}/link': {
    path: { user: string }
    query: Record<string, never>
    body: undefined
    answer: AccountLink
  }
  'POST /api/v1/users/{user}/sign-out': {
    path: { user: string }
    query: Record<string, never>
    body: undefined
    answer: { ended: number }
  }
  'POST /api/v1/users/{user}/reset-second-factor': {
    path: { user: string }
    query: Record<string, never>
    body: undefined
    answer: User
  }
  'GET /api/v1/api-keys': {
    path: Record<string, never>
    query: { cursor?: string; limit?: number }
    body: undefined
    answer: ApiKeyPage
  }
  'POST /api/v1/api-keys': {
    path: Record<string, never>
    query: Record<string, never>
    body: ApiKeyAsked
    answer: ApiKeyMade
  }
  'DELETE /api/v1/api-keys/{key}': {
    path: { key: number }
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'GET /api/v1/overview': {
    path: Record<string, never>
    query: { cursor?: string; limit?: number }
    body: undefined
    answer: OverviewPage
  }
  'GET /api/v1/points/{point}': {
    path: { point: string }
    query: Record<string, never>
    body: undefined
    answer: Point
  }
  'GET /api/v1/points/{point}/latest': {
    path: { point: string }
    query: Record<string, never>
    body: undefined
    answer: PointLatest
  }
  'GET /api/v1/points/{point}/series': {
    path: { point: string }
    query: { variable: Variable; from?: string; to?: string; steps?: number }
    body: undefined
    answer: Series
  }
  'GET /api/v1/points/{point}/consumption': {
    path: { point: string }
    query: { by?: 'hour' | 'day' | 'month'; from?: string; to?: string }
    body: undefined
    answer: Consumption
  }
  'GET /api/v1/points/{point}/slot-hours': {
    path: { point: string }
    query: { from?: string; to?: string }
    body: undefined
    answer: SlotHours
  }
  'GET /api/v1/points/{point}/readings': {
    path: { point: string }
    query: {
      variable: Variable
      from?: string
      to?: string
      order?: 'asc' | 'desc'
      cursor?: string
      limit?: number
    }
    body: undefined
    answer: ReadingPage
  }
  'GET /api/v1/points/{point}/balances': {
    path: { point: string }
    query: { by?: 'day' | 'month'; from?: string; to?: string }
    body: undefined
    answer: Balances
  }
  'GET /api/v1/points/{point}/use': {
    path: { point: string }
    query: { year?: number }
    body: undefined
    answer: Use
  }
  'GET /api/v1/points/{point}/baseline': {
    path: { point: string }
    query: Record<string, never>
    body: undefined
    answer: Baseline
  }
  'GET /api/v1/points/{point}/anomalies': {
    path: { point: string }
    query: {
      kind?: 'night_flow' | 'stuck_counter' | 'drawdown' | 'flow_against_volume'
      state?: 'open' | 'closed' | 'withdrawn'
      cursor?: string
      limit?: number
    }
    body: undefined
    answer: AnomalyPage
  }
  'GET /api/v1/points/{point}/projection': {
    path: { point: string }
    query: Record<string, never>
    body: undefined
    answer: Projections
  }
  'GET /api/v1/points/{point}/specific-capacity': {
    path: { point: string }
    query: Record<string, never>
    body: undefined
    answer: SpecificCapacity
  }
  'GET /api/v1/projects/{project}/balances': {
    path: { project: ProjectKey }
    query: { by?: 'day' | 'month'; from?: string; to?: string }
    body: undefined
    answer: ProjectBalances
  }
  'GET /api/v1/points/{point}/processing': {
    path: { point: string }
    query: Record<string, never>
    body: undefined
    answer: Processing
  }
  'POST /api/v1/points/{point}/processing': {
    path: { point: string }
    query: Record<string, never>
    body: ProcessingRuleAsked
    answer: Processing | Processing
  }
  'GET /api/v1/points/{point}/processing/changes': {
    path: { point: string }
    query: { cursor?: string; limit?: number }
    body: undefined
    answer: ProcessingChangePage
  }
  'GET /api/v1/points/{point}/meter-events': {
    path: { point: string }
    query: { cursor?: string; limit?: number }
    body: undefined
    answer: MeterEventPage
  }
  'POST /api/v1/points/{point}/meter-events': {
    path: { point: string }
    query: Record<string, never>
    body: MeterEventAsked
    answer: MeterEvent | MeterEvent
  }
  'POST /api/v1/points/{point}/meter-events/{event}/withdraw': {
    path: { point: string; event: number }
    query: Record<string, never>
    body: undefined
    answer: MeterEvent
  }
  'GET /api/v1/points/{point}/counter-events': {
    path: { point: string }
    query: { from?: string; to?: string; cursor?: string; limit?: number }
    body: undefined
    answer: CounterEventPage
  }
  'GET /api/v1/recomputations': {
    path: Record<string, never>
    query: { point?: string; cursor?: string; limit?: number }
    body: undefined
    answer: RecomputationPage
  }
  'POST /api/v1/recomputations': {
    path: Record<string, never>
    query: Record<string, never>
    body: RecomputationAsked
    answer: RecomputationPreview
  }
  'POST /api/v1/recomputations/{preview}/execute': {
    path: { preview: number }
    query: Record<string, never>
    body: RecomputationReason
    answer: RecomputationPreview
  }
  'GET /api/v1/imports': {
    path: Record<string, never>
    query: { point?: string; cursor?: string; limit?: number }
    body: undefined
    answer: ImportPage
  }
  'POST /api/v1/imports': {
    path: Record<string, never>
    query: {
      point: string
      name?: string
      delimiter?: ';' | ',' | '\t' | '|'
      decimal?: ',' | '.'
      dates?: 'iso' | 'day-month-year' | 'month-day-year'
      zone?: 'America/Santiago' | 'UTC-4' | 'UTC'
      time?: 'measured' | 'logger'
    }
    body: undefined
    answer: Import | Import
  }
  'GET /api/v1/imports/{import}': {
    path: { import: number }
    query: Record<string, never>
    body: undefined
    answer: Import
  }
  'POST /api/v1/imports/{import}/settings': {
    path: { import: number }
    query: Record<string, never>
    body: {
      delimiter?: ';' | ',' | '\t' | '|'
      decimal?: ',' | '.'
      dates?: 'iso' | 'day-month-year' | 'month-day-year'
      zone?: 'America/Santiago' | 'UTC-4' | 'UTC'
      time?: 'measured' | 'logger'
    }
    answer: Import
  }
  'POST /api/v1/imports/{import}/confirm': {
    path: { import: number }
    query: Record<string, never>
    body: { accept?: ('decimal' | 'dates' | 'zone')[] }
    answer: Import
  }
  'POST /api/v1/imports/{import}/undo': {
    path: { import: number }
    query: Record<string, never>
    body: undefined
    answer: Import
  }
  'POST /api/v1/imports/{import}/discard': {
    path: { import: number }
    query: Record<string, never>
    body: undefined
    answer: Import
  }
  'GET /api/v1/compliance/slots': {
    path: Record<string, never>
    query: {
      point?: string
      state?: SlotState
      work?: string
      code?: CheckCode
      from?: string
      to?: string
      cursor?: string
      limit?: number
    }
    body: undefined
    answer: SlotPage
  }
  'POST /api/v1/compliance/slots/decisions': {
    path: Record<string, never>
    query: Record<string, never>
    body: SlotDecisionsAsked
    answer: SlotDecisionOutcomes
  }
  'POST /api/v1/compliance/slots/{slot}/decisions': {
    path: { slot: number }
    query: Record<string, never>
    body: SlotDecisionAsked
    answer: SlotDecisionOutcome
  }
  'GET /api/v1/compliance/slots/{slot}': {
    path: { slot: number }
    query: Record<string, never>
    body: undefined
    answer: SlotWithDecisions
  }
  'GET /api/v1/compliance/works': {
    path: Record<string, never>
    query: { cursor?: string; limit?: number }
    body: undefined
    answer: WorkPage
  }
  'GET /api/v1/compliance/works/{work}': {
    path: { work: string }
    query: Record<string, never>
    body: undefined
    answer: WorkWithObligations
  }
  'POST /api/v1/compliance/works/{work}/obligations/preview': {
    path: { work: string }
    query: Record<string, never>
    body: ObligationAsked
    answer: ObligationPreview
  }
  'PUT /api/v1/compliance/works/{work}/obligations': {
    path: { work: string }
    query: Record<string, never>
    body: ObligationAsked
    answer: WorkWithObligations
  }
  'GET /api/v1/compliance/reconciliation': {
    path: Record<string, never>
    query: { month: string; work?: string; cursor?: string; limit?: number }
    body: undefined
    answer: ReconciliationPage
  }
  'GET /api/v1/compliance/sending': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: Sending
  }
  'POST /api/v1/compliance/sending': {
    path: Record<string, never>
    query: Record<string, never>
    body: SendingTurnAsked
    answer: Sending
  }
  'GET /api/v1/compliance/sensor-faults': {
    path: Record<string, never>
    query: { point?: string; cursor?: string; limit?: number }
    body: undefined
    answer: SensorFaultPage
  }
  'POST /api/v1/compliance/sensor-faults': {
    path: Record<string, never>
    query: Record<string, never>
    body: SensorFaultAsked
    answer: SensorFaultWritten
  }
  'POST /api/v1/compliance/sensor-faults/{fault}/end': {
    path: { fault: number }
    query: Record<string, never>
    body: SensorFaultEnd
    answer: SensorFaultWritten
  }
  'GET /api/v1/clients': {
    path: Record<string, never>
    query: { archived?: 'false' | 'true' | 'all'; cursor?: string; limit?: number }
    body: undefined
    answer: ClientPage
  }
  'POST /api/v1/clients': {
    path: Record<string, never>
    query: Record<string, never>
    body: ClientAsked
    answer: Client
  }
  'GET /api/v1/clients/{client}': {
    path: { client: string }
    query: Record<string, never>
    body: undefined
    answer: Client
  }
  'PATCH /api/v1/clients/{client}': {
    path: { client: string }
    query: Record<string, never>
    body: ClientPatch
    answer: Client
  }
  'DELETE /api/v1/clients/{client}': {
    path: { client: string }
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'GET /api/v1/projects': {
    path: Record<string, never>
    query: { client?: string; archived?: 'false' | 'true' | 'all'; cursor?: string; limit?: number }
    body: undefined
    answer: ProjectPage
  }
  'POST /api/v1/projects': {
    path: Record<string, never>
    query: Record<string, never>
    body: ProjectAsked
    answer: Project
  }
  'GET /api/v1/projects/{project}': {
    path: { project: ProjectKey }
    query: Record<string, never>
    body: undefined
    answer: Project
  }
  'PATCH /api/v1/projects/{project}': {
    path: { project: ProjectKey }
    query: Record<string, never>
    body: ProjectPatch
    answer: Project
  }
  'DELETE /api/v1/projects/{project}': {
    path: { project: ProjectKey }
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'GET /api/v1/points': {
    path: Record<string, never>
    query: {
      client?: string
      project?: string
      archived?: 'false' | 'true' | 'all'
      cursor?: string
      limit?: number
    }
    body: undefined
    answer: PointPage
  }
  'POST /api/v1/points': {
    path: Record<string, never>
    query: Record<string, never>
    body: PointAsked
    answer: Point
  }
  'PATCH /api/v1/points/{point}': {
    path: { point: string }
    query: Record<string, never>
    body: PointPatch
    answer: Point
  }
  'DELETE /api/v1/points/{point}': {
    path: { point: string }
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'GET /api/v1/points/{point}/variables': {
    path: { point: string }
    query: Record<string, never>
    body: undefined
    answer: PointVariables
  }
  'GET /api/v1/points/{point}/variables/{variable}': {
    path: {
      point: string
      variable:
        | 'flow'
        | 'total'
        | 'level'
        | 'pulses'
        | 'pressure'
        | 'temperature'
        | 'conductivity'
        | 'velocity'
        | 'voltage'
        | 'battery'
        | 'stage'
        | 'ph'
        | 'turbidity'
        | 'status'
        | 'reverse_total'
        | 'net_total'
        | 'running_time'
        | 'energy'
        | 'power'
        | 'signal_quality'
        | 'water_table'
        | 'volume'
        | 'mean_flow'
    }
    query: Record<string, never>
    body: undefined
    answer: PointVariable
  }
  'PATCH /api/v1/points/{point}/variables/{variable}': {
    path: {
      point: string
      variable:
        | 'flow'
        | 'total'
        | 'level'
        | 'pulses'
        | 'pressure'
        | 'temperature'
        | 'conductivity'
        | 'velocity'
        | 'voltage'
        | 'battery'
        | 'stage'
        | 'ph'
        | 'turbidity'
        | 'status'
        | 'reverse_total'
        | 'net_total'
        | 'running_time'
        | 'energy'
        | 'power'
        | 'signal_quality'
        | 'water_table'
        | 'volume'
        | 'mean_flow'
    }
    query: Record<string, never>
    body: PointVariablePatch
    answer: PointVariable
  }
  'GET /api/v1/points/{point}/contacts': {
    path: { point: string }
    query: { cursor?: string; limit?: number }
    body: undefined
    answer: ContactPage
  }
  'POST /api/v1/points/{point}/contacts': {
    path: { point: string }
    query: Record<string, never>
    body: ContactAsked
    answer: Contact
  }
  'GET /api/v1/points/{point}/contacts/{contact}': {
    path: { point: string; contact: number }
    query: Record<string, never>
    body: undefined
    answer: Contact
  }
  'PATCH /api/v1/points/{point}/contacts/{contact}': {
    path: { point: string; contact: number }
    query: Record<string, never>
    body: ContactPatch
    answer: Contact
  }
  'DELETE /api/v1/points/{point}/contacts/{contact}': {
    path: { point: string; contact: number }
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'GET /api/v1/points/{point}/documents': {
    path: { point: string }
    query: { archived?: 'false' | 'true' | 'all'; cursor?: string; limit?: number }
    body: undefined
    answer: PointDocumentPage
  }
  'GET /api/v1/points/{point}/documents/{document}': {
    path: { point: string; document: number }
    query: Record<string, never>
    body: undefined
    answer: PointDocument
  }
  'PATCH /api/v1/points/{point}/documents/{document}': {
    path: { point: string; document: number }
    query: Record<string, never>
    body: PointDocumentPatch
    answer: PointDocument
  }
  'POST /api/v1/gateways': {
    path: Record<string, never>
    query: Record<string, never>
    body: GatewayAsked
    answer: MadeGateway
  }
  'GET /api/v1/gateways/{gateway}/settings': {
    path: { gateway: string }
    query: Record<string, never>
    body: undefined
    answer: GatewaySettings
  }
  'PATCH /api/v1/gateways/{gateway}/settings': {
    path: { gateway: string }
    query: Record<string, never>
    body: GatewayPatch
    answer: GatewaySettings
  }
  'POST /api/v1/gateways/{gateway}/token': {
    path: { gateway: string }
    query: Record<string, never>
    body: undefined
    answer: GatewayToken
  }
  'DELETE /api/v1/gateways/{gateway}': {
    path: { gateway: string }
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'GET /api/v1/devices': {
    path: Record<string, never>
    query: { gateway?: string; cursor?: string; limit?: number }
    body: undefined
    answer: DevicePage
  }
  'GET /api/v1/audit': {
    path: Record<string, never>
    query: {
      entity?: string
      entityId?: string
      subject?: string
      actor?: string
      client?: string
      point?: string
      from?: string
      to?: string
      cursor?: string
      limit?: number
    }
    body: undefined
    answer: AuditPage
  }
  'GET /api/v1/incidents': {
    path: Record<string, never>
    query: {
      kind?:
        | 'ledger_difference'
        | 'declaration_late'
        | 'informant_cannot_declare'
        | 'sma_late'
        | 'sensor_fault_expired'
        | 'gateway_lost'
        | 'gateway_cloned'
        | 'webhook_stopped'
        | 'alert'
        | 'worker_silent'
        | 'canary'
        | 'canary_missing'
      gateway?: string
      state?: 'open' | 'closed'
      client?: string
      point?: string
      severity?: 'info' | 'warning' | 'critical'
      assignedTo?: string
      acknowledged?: 'true' | 'false'
      silenced?: 'true' | 'false'
      cursor?: string
      limit?: number
    }
    body: undefined
    answer: IncidentPage
  }
  'GET /api/v1/alert-rules': {
    path: Record<string, never>
    query: { point?: string; cursor?: string; limit?: number }
    body: undefined
    answer: AlertRulePage
  }
  'POST /api/v1/alert-rules': {
    path: Record<string, never>
    query: Record<string, never>
    body: AlertRuleAsked
    answer: AlertRule
  }
  'POST /api/v1/alert-rules/backtest': {
    path: Record<string, never>
    query: Record<string, never>
    body: AlertBacktestAsked
    answer: AlertBacktest
  }
  'GET /api/v1/alert-rules/{rule}': {
    path: { rule: number }
    query: Record<string, never>
    body: undefined
    answer: AlertRuleWithChanges
  }
  'PUT /api/v1/alert-rules/{rule}': {
    path: { rule: number }
    query: Record<string, never>
    body: {
      name: string
      condition:
        | {
            kind: 'threshold'
            variable:
              | 'flow'
              | 'total'
              | 'level'
              | 'pulses'
              | 'pressure'
              | 'temperature'
              | 'conductivity'
              | 'velocity'
              | 'voltage'
              | 'battery'
              | 'stage'
              | 'ph'
              | 'turbidity'
              | 'status'
              | 'reverse_total'
              | 'net_total'
              | 'running_time'
              | 'energy'
              | 'power'
              | 'signal_quality'
              | 'water_table'
              | 'volume'
              | 'mean_flow'
            is: 'above' | 'below'
            limit: number
            hysteresis?: number
            for?: string
          }
        | {
            kind: 'rate'
            variable:
              | 'flow'
              | 'total'
              | 'level'
              | 'pulses'
              | 'pressure'
              | 'temperature'
              | 'conductivity'
              | 'velocity'
              | 'voltage'
              | 'battery'
              | 'stage'
              | 'ph'
              | 'turbidity'
              | 'status'
              | 'reverse_total'
              | 'net_total'
              | 'running_time'
              | 'energy'
              | 'power'
              | 'signal_quality'
              | 'water_table'
              | 'volume'
              | 'mean_flow'
            is: 'rising' | 'falling'
            perHour: number
            hysteresis?: number
            over: string
            for?: string
          }
        | {
            kind: 'duration'
            variable:
              | 'flow'
              | 'total'
              | 'level'
              | 'pulses'
              | 'pressure'
              | 'temperature'
              | 'conductivity'
              | 'velocity'
              | 'voltage'
              | 'battery'
              | 'stage'
              | 'ph'
              | 'turbidity'
              | 'status'
              | 'reverse_total'
              | 'net_total'
              | 'running_time'
              | 'energy'
              | 'power'
              | 'signal_quality'
              | 'water_table'
              | 'volume'
              | 'mean_flow'
            is: 'above' | 'below'
            limit: number
            hysteresis?: number
            total: string
            within: string
          }
        | {
            kind: 'stuck'
            variable:
              | 'flow'
              | 'total'
              | 'level'
              | 'pulses'
              | 'pressure'
              | 'temperature'
              | 'conductivity'
              | 'velocity'
              | 'voltage'
              | 'battery'
              | 'stage'
              | 'ph'
              | 'turbidity'
              | 'status'
              | 'reverse_total'
              | 'net_total'
              | 'running_time'
              | 'energy'
              | 'power'
              | 'signal_quality'
              | 'water_table'
              | 'volume'
              | 'mean_flow'
            tolerance?: number
            zero?: boolean
            for: string
          }
        | {
            kind: 'no_data'
            variable?:
              | 'flow'
              | 'total'
              | 'level'
              | 'pulses'
              | 'pressure'
              | 'temperature'
              | 'conductivity'
              | 'velocity'
              | 'voltage'
              | 'battery'
              | 'stage'
              | 'ph'
              | 'turbidity'
              | 'status'
              | 'reverse_total'
              | 'net_total'
              | 'running_time'
              | 'energy'
              | 'power'
              | 'signal_quality'
              | 'water_table'
              | 'volume'
              | 'mean_flow'
            for: string
          }
        | {
            kind: 'counter_event'
            events?: (
              | 'reset'
              | 'rollover'
              | 'gap'
              | 'zero'
              | 'truncated'
              | 'drop'
              | 'jump'
              | 'readmitted'
              | 'given_up'
              | 'returned'
              | 'entered'
              | 'entered_mismatch'
            )[]
          }
        | { kind: 'over_right'; of: 'flow' | 'year'; percent?: number; hysteresis?: number; for?: string }
        | { kind: 'forecast'; period: 'month' | 'year'; percent?: number; hysteresis?: number }
        | { kind: 'dga_late'; for?: string }
        | { kind: 'gateway_lost'; for?: string }
      severity?: 'info' | 'warning' | 'critical'
      schedule?: {
        days: ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]
        from: string
        to: string
      }[]
      quietFor?: string
      clearFor?: string
      notify?: ({ email: string } | { channel: number; to?: string })[]
      escalation?: { after: string; notify: ({ email: string } | { channel: number; to?: string })[] }[]
      enabled?: boolean
    }
    answer: AlertRule
  }
  'DELETE /api/v1/alert-rules/{rule}': {
    path: { rule: number }
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'GET /api/v1/alert-channels': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: AlertChannelList
  }
  'POST /api/v1/alert-channels': {
    path: Record<string, never>
    query: Record<string, never>
    body: AlertChannelAsked
    answer: AlertChannelMade
  }
  'PUT /api/v1/alert-channels/{channel}': {
    path: { channel: number }
    query: Record<string, never>
    body: AlertChannelChange
    answer: AlertChannel
  }
  'DELETE /api/v1/alert-channels/{channel}': {
    path: { channel: number }
    query: Record<string, never>
    body: undefined
    answer: undefined
  }
  'POST /api/v1/alert-channels/{channel}/test': {
    path: { channel: number }
    query: Record<string, never>
    body: AlertChannelTest
    answer: AlertChannelTested
  }
  'GET /api/v1/maintenance': {
    path: Record<string, never>
    query: { state?: 'coming' | 'all'; cursor?: string; limit?: number }
    body: undefined
    answer: MaintenancePage
  }
  'POST /api/v1/maintenance': {
    path: Record<string, never>
    query: Record<string, never>
    body: MaintenanceAsked
    answer: Maintenance
  }
  'POST /api/v1/maintenance/{maintenance}/end': {
    path: { maintenance: number }
    query: Record<string, never>
    body: undefined
    answer: Maintenance
  }
  'GET /api/v1/me/notifications': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: OwnNotifications
  }
  'PUT /api/v1/me/notifications': {
    path: Record<string, never>
    query: Record<string, never>
    body: {
      language?: 'es' | 'en'
      email?: boolean
      channels?: { channel: number; to?: string }[]
      quietHours?: {
        days: ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]
        from: string
        to: string
      }[]
      criticalAtOnce?: boolean
      digest?: 'never' | 'hourly' | 'daily'
      digestAt?: string
    }
    answer: OwnNotifications
  }
  'POST /api/v1/me/notifications/test': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: OwnNotificationsTested
  }
  'GET /api/v1/me/deliveries': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: DeliveryList
  }
  'POST /api/v1/incidents/acknowledge': {
    path: Record<string, never>
    query: Record<string, never>
    body: IncidentsToAcknowledge
    answer: IncidentsAcknowledged
  }
  'GET /api/v1/incidents/{incident}': {
    path: { incident: number }
    query: Record<string, never>
    body: undefined
    answer: Incident
  }
  'GET /api/v1/incidents/{incident}/events': {
    path: { incident: number }
    query: { cursor?: string; limit?: number }
    body: undefined
    answer: IncidentEventPage
  }
  'GET /api/v1/incidents/{incident}/deliveries': {
    path: { incident: number }
    query: Record<string, never>
    body: undefined
    answer: DeliveryList
  }
  'GET /api/v1/incidents/{incident}/people': {
    path: { incident: number }
    query: Record<string, never>
    body: undefined
    answer: IncidentPeople
  }
  'POST /api/v1/incidents/{incident}/acknowledge': {
    path: { incident: number }
    query: Record<string, never>
    body: undefined
    answer: Incident
  }
  'PUT /api/v1/incidents/{incident}/assignee': {
    path: { incident: number }
    query: Record<string, never>
    body: IncidentAssignee
    answer: Incident
  }
  'PUT /api/v1/incidents/{incident}/snooze': {
    path: { incident: number }
    query: Record<string, never>
    body: IncidentSnooze
    answer: Incident
  }
  'POST /api/v1/incidents/{incident}/escalate': {
    path: { incident: number }
    query: Record<string, never>
    body: undefined
    answer: Incident
  }
  'POST /api/v1/incidents/{incident}/comments': {
    path: { incident: number }
    query: Record<string, never>
    body: IncidentComment
    answer: Incident
  }
  'GET /api/v1/gateways': {
    path: Record<string, never>
    query: { archived?: 'false' | 'true' | 'all'; cursor?: string; limit?: number }
    body: undefined
    answer: GatewayPage
  }
  'GET /api/v1/gateways/{gateway}': {
    path: { gateway: string }
    query: Record<string, never>
    body: undefined
    answer: Gateway
  }
  'GET /api/v1/gateways/{gateway}/commands': {
    path: { gateway: string }
    query: { cursor?: string; limit?: number }
    body: undefined
    answer: CommandPage
  }
  'POST /api/v1/gateways/{gateway}/commands': {
    path: { gateway: string }
    query: Record<string, never>
    body: CommandAsked
    answer: Command | Command
  }
  'GET /api/v1/gateways/{gateway}/commands/{command}': {
    path: { gateway: string; command: string }
    query: Record<string, never>
    body: undefined
    answer: Command
  }
  'GET /api/v1/gateways/{gateway}/configuration': {
    path: { gateway: string }
    query: Record<string, never>
    body: undefined
    answer: GatewayConfiguration
  }
  'PUT /api/v1/gateways/{gateway}/configuration': {
    path: { gateway: string }
    query: Record<string, never>
    body: ConfigurationAsked
    answer: ConfigurationVersion
  }
  'POST /api/v1/gateways/{gateway}/configuration/check': {
    path: { gateway: string }
    query: Record<string, never>
    body: ConfigurationDraft
    answer: ConfigurationCheck
  }
  'POST /api/v1/gateways/{gateway}/configuration/device': {
    path: { gateway: string }
    query: Record<string, never>
    body: DeviceAsked
    answer: ConfigurationWithDevice
  }
  'GET /api/v1/gateways/{gateway}/configuration/versions': {
    path: { gateway: string }
    query: { cursor?: string; limit?: number }
    body: undefined
    answer: ConfigurationVersionPage
  }
  'GET /api/v1/gateways/{gateway}/configuration/versions/{version}': {
    path: { gateway: string; version: number }
    query: Record<string, never>
    body: undefined
    answer: ConfigurationWithDocument
  }
  'POST /api/v1/gateways/{gateway}/configuration/roll-back': {
    path: { gateway: string }
    query: Record<string, never>
    body: ConfigurationRollBack
    answer: ConfigurationVersion
  }
  'POST /api/v1/gateways/{gateway}/configuration/adopt': {
    path: { gateway: string }
    query: Record<string, never>
    body: ConfigurationAdoption
    answer: ConfigurationVersion
  }
  'GET /api/v1/gateways/{gateway}/configuration/reports': {
    path: { gateway: string }
    query: { cursor?: string; limit?: number }
    body: undefined
    answer: ConfigurationReportPage
  }
  'POST /api/v1/gateways/{gateway}/trials': {
    path: { gateway: string }
    query: Record<string, never>
    body: TrialAsked
    answer: Command
  }
  'GET /api/v1/profiles': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: ProfileList
  }
  'POST /api/v1/wells': {
    path: Record<string, never>
    query: Record<string, never>
    body: WellAsked
    answer: WellMade
  }
  'GET /api/v1/compliance/informants': {
    path: Record<string, never>
    query: Record<string, never>
    body: undefined
    answer: InformantList
  }
  'GET /api/v1/gateways/{gateway}/enrolment': {
    path: { gateway: string }
    query: Record<string, never>
    body: undefined
    answer: GatewayEnrolment
  }
  'POST /api/v1/gateways/{gateway}/revocation': {
    path: { gateway: string }
    query: Record<string, never>
    body: RevocationAsked
    answer: GatewayEnrolment
  }
  'POST /api/v1/fleet/claims': {
    path: Record<string, never>
    query: Record<string, never>
    body: ClaimsAsked
    answer: Claims
  }
  'POST /api/v1/fleet/labels': {
    path: Record<string, never>
    query: Record<string, never>
    body: LabelsAsked
    answer: undefined
  }
}

export type AccountLink = {
  url: string
  expiresAt: Instant
  mail: 'accepted' | 'refused' | 'unanswered' | 'none'
}

export type AlertBacktest = {
  point: PointKey
  from: Instant
  to: Instant
  through: Instant
  samples: number
  firings: number
  incidents: { from: Instant; to: Instant | null; firings: number; value: number | null }[]
  incidentsTotal: number
  limit: number | null
}

export type AlertBacktestAsked = {
  point: string
  rule: {
    name: string
    condition:
      | {
          kind: 'threshold'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'above' | 'below'
          limit: number
          hysteresis?: number
          for?: string
        }
      | {
          kind: 'rate'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'rising' | 'falling'
          perHour: number
          hysteresis?: number
          over: string
          for?: string
        }
      | {
          kind: 'duration'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'above' | 'below'
          limit: number
          hysteresis?: number
          total: string
          within: string
        }
      | {
          kind: 'stuck'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          tolerance?: number
          zero?: boolean
          for: string
        }
      | {
          kind: 'no_data'
          variable?:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          for: string
        }
      | {
          kind: 'counter_event'
          events?: (
            | 'reset'
            | 'rollover'
            | 'gap'
            | 'zero'
            | 'truncated'
            | 'drop'
            | 'jump'
            | 'readmitted'
            | 'given_up'
            | 'returned'
            | 'entered'
            | 'entered_mismatch'
          )[]
        }
      | { kind: 'over_right'; of: 'flow' | 'year'; percent?: number; hysteresis?: number; for?: string }
      | { kind: 'forecast'; period: 'month' | 'year'; percent?: number; hysteresis?: number }
      | { kind: 'dga_late'; for?: string }
      | { kind: 'gateway_lost'; for?: string }
    severity?: 'info' | 'warning' | 'critical'
    schedule?: { days: ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]; from: string; to: string }[]
    quietFor?: string
    clearFor?: string
    notify?: ({ email: string } | { channel: number; to?: string })[]
    escalation?: { after: string; notify: ({ email: string } | { channel: number; to?: string })[] }[]
    enabled?: boolean
  }
  from: string
  to: string
}

export type AlertChannel = {
  id: number
  client: string | null
  name: string
  kind: 'webhook' | 'http'
  settings:
    | { kind: 'webhook'; url: string }
    | {
        kind: 'http'
        method?: 'POST' | 'PUT' | 'GET'
        url: string
        headers?: Record<string, string>
        contentType?: 'application/json' | 'application/x-www-form-urlencoded' | 'text/plain'
        body?: string
        textMax?: number
        accepted?: { path: string; is: string }
      }
    | null
  hasSecret: boolean
  version: number
  changedAt: Instant
  changedBy: string
}

export type AlertChannelAsked = {
  client?: string
  name: string
  settings:
    | { kind: 'webhook'; url: string }
    | {
        kind: 'http'
        method?: 'POST' | 'PUT' | 'GET'
        url: string
        headers?: Record<string, string>
        contentType?: 'application/json' | 'application/x-www-form-urlencoded' | 'text/plain'
        body?: string
        textMax?: number
        accepted?: { path: string; is: string }
      }
  secret?: string
}

export type AlertChannelChange = {
  name: string
  settings:
    | { kind: 'webhook'; url: string }
    | {
        kind: 'http'
        method?: 'POST' | 'PUT' | 'GET'
        url: string
        headers?: Record<string, string>
        contentType?: 'application/json' | 'application/x-www-form-urlencoded' | 'text/plain'
        body?: string
        textMax?: number
        accepted?: { path: string; is: string }
      }
  secret?: string | null
}

export type AlertChannelList = { items: AlertChannel[] }

export type AlertChannelMade = { channel: AlertChannel; secret: string | null }

export type AlertChannelTest = { to?: string }

export type AlertChannelTested = { delivery: number; channel: string }

export type AlertRule = {
  id: number
  client: string
  point: PointKey | null
  rule: {
    name: string
    condition:
      | {
          kind: 'threshold'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'above' | 'below'
          limit: number
          hysteresis?: number
          for?: string
        }
      | {
          kind: 'rate'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'rising' | 'falling'
          perHour: number
          hysteresis?: number
          over: string
          for?: string
        }
      | {
          kind: 'duration'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'above' | 'below'
          limit: number
          hysteresis?: number
          total: string
          within: string
        }
      | {
          kind: 'stuck'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          tolerance?: number
          zero?: boolean
          for: string
        }
      | {
          kind: 'no_data'
          variable?:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          for: string
        }
      | {
          kind: 'counter_event'
          events?: (
            | 'reset'
            | 'rollover'
            | 'gap'
            | 'zero'
            | 'truncated'
            | 'drop'
            | 'jump'
            | 'readmitted'
            | 'given_up'
            | 'returned'
            | 'entered'
            | 'entered_mismatch'
          )[]
        }
      | { kind: 'over_right'; of: 'flow' | 'year'; percent?: number; hysteresis?: number; for?: string }
      | { kind: 'forecast'; period: 'month' | 'year'; percent?: number; hysteresis?: number }
      | { kind: 'dga_late'; for?: string }
      | { kind: 'gateway_lost'; for?: string }
    severity?: 'info' | 'warning' | 'critical'
    schedule?: { days: ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]; from: string; to: string }[]
    quietFor?: string
    clearFor?: string
    notify?: ({ email: string } | { channel: number; to?: string })[]
    escalation?: { after: string; notify: ({ email: string } | { channel: number; to?: string })[] }[]
    enabled?: boolean
  }
  version: number
  changedAt: Instant
  changedBy: string
}

export type AlertRuleAsked = {
  client: string
  point?: string
  rule: {
    name: string
    condition:
      | {
          kind: 'threshold'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'above' | 'below'
          limit: number
          hysteresis?: number
          for?: string
        }
      | {
          kind: 'rate'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'rising' | 'falling'
          perHour: number
          hysteresis?: number
          over: string
          for?: string
        }
      | {
          kind: 'duration'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'above' | 'below'
          limit: number
          hysteresis?: number
          total: string
          within: string
        }
      | {
          kind: 'stuck'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          tolerance?: number
          zero?: boolean
          for: string
        }
      | {
          kind: 'no_data'
          variable?:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          for: string
        }
      | {
          kind: 'counter_event'
          events?: (
            | 'reset'
            | 'rollover'
            | 'gap'
            | 'zero'
            | 'truncated'
            | 'drop'
            | 'jump'
            | 'readmitted'
            | 'given_up'
            | 'returned'
            | 'entered'
            | 'entered_mismatch'
          )[]
        }
      | { kind: 'over_right'; of: 'flow' | 'year'; percent?: number; hysteresis?: number; for?: string }
      | { kind: 'forecast'; period: 'month' | 'year'; percent?: number; hysteresis?: number }
      | { kind: 'dga_late'; for?: string }
      | { kind: 'gateway_lost'; for?: string }
    severity?: 'info' | 'warning' | 'critical'
    schedule?: { days: ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]; from: string; to: string }[]
    quietFor?: string
    clearFor?: string
    notify?: ({ email: string } | { channel: number; to?: string })[]
    escalation?: { after: string; notify: ({ email: string } | { channel: number; to?: string })[] }[]
    enabled?: boolean
  }
}

export type AlertRuleChange = {
  at: Instant
  by: string
  before: {
    name: string
    condition:
      | {
          kind: 'threshold'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'above' | 'below'
          limit: number
          hysteresis?: number
          for?: string
        }
      | {
          kind: 'rate'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'rising' | 'falling'
          perHour: number
          hysteresis?: number
          over: string
          for?: string
        }
      | {
          kind: 'duration'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'above' | 'below'
          limit: number
          hysteresis?: number
          total: string
          within: string
        }
      | {
          kind: 'stuck'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          tolerance?: number
          zero?: boolean
          for: string
        }
      | {
          kind: 'no_data'
          variable?:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          for: string
        }
      | {
          kind: 'counter_event'
          events?: (
            | 'reset'
            | 'rollover'
            | 'gap'
            | 'zero'
            | 'truncated'
            | 'drop'
            | 'jump'
            | 'readmitted'
            | 'given_up'
            | 'returned'
            | 'entered'
            | 'entered_mismatch'
          )[]
        }
      | { kind: 'over_right'; of: 'flow' | 'year'; percent?: number; hysteresis?: number; for?: string }
      | { kind: 'forecast'; period: 'month' | 'year'; percent?: number; hysteresis?: number }
      | { kind: 'dga_late'; for?: string }
      | { kind: 'gateway_lost'; for?: string }
    severity?: 'info' | 'warning' | 'critical'
    schedule?: { days: ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]; from: string; to: string }[]
    quietFor?: string
    clearFor?: string
    notify?: ({ email: string } | { channel: number; to?: string })[]
    escalation?: { after: string; notify: ({ email: string } | { channel: number; to?: string })[] }[]
    enabled?: boolean
  } | null
  after: {
    name: string
    condition:
      | {
          kind: 'threshold'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'above' | 'below'
          limit: number
          hysteresis?: number
          for?: string
        }
      | {
          kind: 'rate'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'rising' | 'falling'
          perHour: number
          hysteresis?: number
          over: string
          for?: string
        }
      | {
          kind: 'duration'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          is: 'above' | 'below'
          limit: number
          hysteresis?: number
          total: string
          within: string
        }
      | {
          kind: 'stuck'
          variable:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          tolerance?: number
          zero?: boolean
          for: string
        }
      | {
          kind: 'no_data'
          variable?:
            | 'flow'
            | 'total'
            | 'level'
            | 'pulses'
            | 'pressure'
            | 'temperature'
            | 'conductivity'
            | 'velocity'
            | 'voltage'
            | 'battery'
            | 'stage'
            | 'ph'
            | 'turbidity'
            | 'status'
            | 'reverse_total'
            | 'net_total'
            | 'running_time'
            | 'energy'
            | 'power'
            | 'signal_quality'
            | 'water_table'
            | 'volume'
            | 'mean_flow'
          for: string
        }
      | {
          kind: 'counter_event'
          events?: (
            | 'reset'
            | 'rollover'
            | 'gap'
            | 'zero'
            | 'truncated'
            | 'drop'
            | 'jump'
            | 'readmitted'
            | 'given_up'
            | 'returned'
            | 'entered'
            | 'entered_mismatch'
          )[]
        }
      | { kind: 'over_right'; of: 'flow' | 'year'; percent?: number; hysteresis?: number; for?: string }
      | { kind: 'forecast'; period: 'month' | 'year'; percent?: number; hysteresis?: number }
      | { kind: 'dga_late'; for?: string }
      | { kind: 'gateway_lost'; for?: string }
    severity?: 'info' | 'warning' | 'critical'
    schedule?: { days: ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]; from: string; to: string }[]
    quietFor?: string
    clearFor?: string
    notify?: ({ email: string } | { channel: number; to?: string })[]
    escalation?: { after: string; notify: ({ email: string } | { channel: number; to?: string })[] }[]
    enabled?: boolean
  } | null
}

export type AlertRulePage = { items: AlertRule[]; next: string | null }

export type AlertRuleWithChanges = { rule: AlertRule; changes: AlertRuleChange[] }

export type Anomaly = {
  id: number
  kind: 'night_flow' | 'stuck_counter' | 'drawdown' | 'flow_against_volume'
  state: 'open' | 'closed' | 'withdrawn'
  firstDay: string
  lastDay: string
  days: number
  worstDay: string
  reason: string
  evidence: Record<string, number>
  openedAt: Instant
  stateAt: Instant
}

export type AnomalyPage = { point: PointKey; items: Anomaly[]; next: string | null }

export type ApiKey = {
  id: number
  name: string
  role: 'administrator' | 'operator' | 'client_manager' | 'client_reader' | 'regulator_reader'
  client: string | null
  scopes: ('read' | 'write' | 'subscribe')[]
  requestsPerMinute: number
  owner: string | null
  state: 'active' | 'expired' | 'revoked'
  createdBy: string
  createdAt: Instant
  expiresAt: Instant | null
  lastUsedAt: Instant | null
}

export type ApiKeyAsked = {
  name: string
  role: 'administrator' | 'operator' | 'client_manager' | 'client_reader' | 'regulator_reader'
  client: string | null
  expiresAt?: string
  scopes: ('read' | 'write' | 'subscribe')[]
  requestsPerMinute?: number
}

export type ApiKeyMade = { key: ApiKey; token: string }

export type ApiKeyPage = { items: ApiKey[]; next: string | null }

export type AuditActor = {
  kind: 'user' | 'token' | 'nobody' | 'command' | 'service'
  id: string
  name: string
  session: string | null
  address: string | null
}

export type AuditEntry = {
  id: number
  at: Instant
  entity: string
  entityId: string
  subject: string
  client: string | null
  action: 'created' | 'changed' | 'deleted'
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
  by: AuditActor
  route: string | null
  requestId: string | null
}

export type AuditPage = { items: AuditEntry[]; next: string | null }

export type Balances = {
  point: PointKey
  by: 'day' | 'month'
  from: string
  to: string
  consumptionM3: number | null
  daysKnown: number
  days: {
    day: string
    hours: number
    consumptionM3: number | null
    gapConsumptionM3: number | null
    coveragePercent: number | null
    worstQuality: string | null
  }[]
  months: {
    month: string
    days: number
    daysKnown: number
    consumptionM3: number | null
    gapConsumptionM3: number | null
  }[]
}

export type Baseline = {
  point: PointKey
  from: string
  to: string
  hours: { weekday: number; hour: number; usualM3: number | null; spreadM3: number | null; seen: number }[]
}

export type CheckCode =
  | 'negative'
  | 'too_long'
  | 'partial'
  | 'over_right'
  | 'over_yearly_right'
  | 'stuck'
  | 'total_back'
  | 'total_jump'
  | 'total_rollover'
  | 'meter_changed'
  | 'volume_against_flow'
  | 'level_range'
  | 'level_jump'
  | 'dry_sensor'
  | 'stale'
  | 'clock'
  | 'bad_quality'

export type Claim = {
  gateway: string
  state: 'drawn' | 'open' | 'enrolled' | 'unknown'
  code: string | null
  expiresAt: Instant | null
}

export type Claims = { claims: Claim[] }

export type ClaimsAsked = { gateways: string[]; days?: number; replace?: boolean }

export type Client = {
  client: string
  name: string
  rut: string | null
  address: string | null
  phone: string | null
  email: string | null
  note: string | null
  archived: boolean
  createdAt: Instant
}

export type ClientAsked = {
  client: string
  name: string
  rut?: string | null
  address?: string | null
  phone?: string | null
  email?: string | null
  note?: string | null
}

export type ClientPage = { items: ListedClient[]; next: string | null }

export type ClientPatch = {
  name?: string
  rut?: string | null
  address?: string | null
  phone?: string | null
  email?: string | null
  note?: string | null
  archived?: boolean
}

export type Command = {
  id: string
  gateway: string
  by: string
  createdAt: Instant
  expiresAt: Instant
  sentAt: Instant | null
  state: 'waiting' | 'sent' | 'expired' | 'done' | 'refused' | 'failed' | 'unknown'
  command:
    | { kind: 'collect'; provider?: 'twin' | 'nettra' | 'novus' | 'json'; devices?: string[] }
    | {
        kind: 'read'
        device: string
        table: 'coil' | 'discrete' | 'holding' | 'input'
        address: number
        count: number
      }
    | { kind: 'scan'; bus: string; first: number; last: number }
    | { kind: 'write'; device: string; name: string; value: number; unit?: string }
    | { kind: 'restart' }
    | { kind: 'try'; device: string }
    | null
  result: CommandResult | null
}

export type CommandAsked = {
  id: string
  expiresInS?: number
  command:
    | { kind: 'collect'; provider?: 'twin' | 'nettra' | 'novus' | 'json'; devices?: string[] }
    | {
        kind: 'read'
        device: string
        table: 'coil' | 'discrete' | 'holding' | 'input'
        address: number
        count: number
      }
    | { kind: 'scan'; bus: string; first: number; last: number }
    | { kind: 'write'; device: string; name: string; value: number; unit?: string }
    | { kind: 'restart' }
}

export type CommandPage = { items: Command[]; next: string | null }

export type CommandResult = {
  at: Instant
  reason: string | null
  readings?: number
  values?: number[]
  units?: { unit: number; answer: string }[]
  written?: {
    device: string
    name: string
    unit?: string
    asked: number
    before: number | null
    found?: number | null
    acknowledged: boolean
  }
  measured?: { variable: string; point: string; value: number | null; unit: string; quality: string }[]
}

export type ConfigurationAdoption = { hash: string; note?: string }

export type ConfigurationAsked = { document: string; note?: string }

export type ConfigurationCheck = { mistakes: ConfigurationMistake[]; effect: ConfigurationEffect | null }

export type ConfigurationDraft = { document: string }

export type ConfigurationEffect = { opened: string[]; closed: string[]; kept: string[]; restarts: boolean }

export type ConfigurationMistake = { path: string; line: number | null; message: string }

export type ConfigurationRefused = {
  version: number
  at: Instant
  kind: 'foreign' | 'stale' | 'mistaken' | 'taken-back'
  reason: string
  mistakes: ConfigurationMistake[]
}

export type ConfigurationReport = {
  at: Instant
  version: number
  hash: string
  onProbation: boolean
  refused: ConfigurationRefused | null
}

export type ConfigurationReported = {
  version: number
  hash: string
  appliedAt: Instant
  saidAt: Instant | null
  probationUntil: Instant | null
  document: string | null
  refused: ConfigurationRefused | null
}

export type ConfigurationReportPage = { items: ConfigurationReport[]; next: string | null }

export type ConfigurationRollBack = { version: number; note?: string }

export type ConfigurationVersion = {
  version: number
  hash: string
  at: Instant
  by: string
  note: string
  copyOf: number | null
  isAdopted: boolean
}

export type ConfigurationVersionPage = { items: ConfigurationVersion[]; next: string | null }

export type ConfigurationWithDevice = {
  document: string
  etag: string
  mistakes: ConfigurationMistake[]
  effect: ConfigurationEffect | null
}

export type ConfigurationWithDocument = {
  version: number
  hash: string
  at: Instant
  by: string
  note: string
  copyOf: number | null
  isAdopted: boolean
  document: string
}

export type Consumption = {
  point: PointKey
  by: 'hour' | 'day' | 'month'
  from: Instant
  to: Instant
  items: {
    at: Instant
    consumptionM3: number | null
    gapConsumptionM3: number | null
    minutes: number
    quality: Quality
  }[]
}

export type Contact = {
  point: PointKey
  id: number
  name: string
  role: string | null
  phone: string | null
  email: string | null
  note: string | null
}

export type ContactAsked = {
  name: string
  role?: string | null
  phone?: string | null
  email?: string | null
  note?: string | null
}

export type ContactPage = { point: PointKey; items: Contact[]; next: string | null }

export type ContactPatch = {
  name?: string
  role?: string | null
  phone?: string | null
  email?: string | null
  note?: string | null
}

export type CounterEvent = {
  at: Instant
  kind:
    | 'reset'
    | 'rollover'
    | 'gap'
    | 'zero'
    | 'truncated'
    | 'drop'
    | 'jump'
    | 'readmitted'
    | 'given_up'
    | 'returned'
    | 'entered'
    | 'entered_mismatch'
  count: number
  baselineCount: number
  amountM3: number | null
}

export type CounterEventPage = { point: PointKey; items: CounterEvent[]; next: string | null }

export type Credentials = { email: string; password: string }

export type Day = string

export type Delivery = {
  id: number
  incidentId: number | null
  channel: 'email' | 'webhook' | 'http'
  channelName: string | null
  recipient: string
  step: number
  state: 'pending' | 'notified' | 'failed'
  attempts: number
  createdAt: Instant
  dueAt: Instant
  stateAt: Instant
  answer: string | null
  tries: DeliveryTry[]
}

export type DeliveryList = { items: Delivery[] }

export type DeliveryTry = { at: Instant; outcome: 'accepted' | 'refused' | 'unanswered'; answer: string }

export type Device = {
  gateway: string
  project: ProjectKey
  device: string
  provider: 'twin' | 'nettra' | 'novus' | 'json' | null
  ok: number
  failed: number
  lastOkAt: Instant | null
  lastFailure: string | null
  toldAt: Instant | null
}

export type DeviceAsked = { bus?: Record<string, unknown>; device: Record<string, unknown> }

export type DevicePage = { items: Device[]; next: string | null }

export type FileFormat = {
  shape: 'wide' | 'long'
  delimiter: ';' | ',' | '\t' | '|'
  decimal: ',' | '.'
  dates: 'iso' | 'day-month-year' | 'month-day-year'
  zone: 'America/Santiago' | 'UTC-4' | 'UTC' | 'offset'
  time: 'measured' | 'logger'
  headerLine: number
  columns: { place: number; name: string; role: string }[]
  ignored: { name: string; why: string }[]
  assumed: ('decimal' | 'dates' | 'zone')[]
}

export type FileMistake = { line: number; column: string; detail: string }

export type Finding = {
  code: CheckCode
  severity: 'block' | 'review' | 'note' | 'off'
  quantity: 'flow' | 'total' | 'level' | null
  message: string
  saw: Record<string, number | string | null>
}

export type Flag =
  | 'out_of_range'
  | 'too_fast'
  | 'stuck'
  | 'sentinel'
  | 'clock_ahead'
  | 'clock_unsynced'
  | 'cut_off'
  | 'zero'
  | 'truncated'
  | 'dropped'
  | 'jumped'
  | 'jitter'
  | 'gap'
  | 'reset'
  | 'rollover'
  | 'meter_event'
  | 'excess'
  | 'readmitted'

export type Gateway = {
  gateway: string
  client: string
  project: string
  name: string | null
  place: string | null
  archived: boolean
  state: 'unknown' | 'init' | 'ready' | 'disconnected' | 'lost' | 'sleeping'
  since: Instant | null
  version: string | null
  lastSeenAt: Instant | null
  lastBatchAt: Instant | null
  healthAt: Instant | null
  configuration: 'unknown' | 'file' | 'waiting' | 'probation' | 'applied' | 'refused' | 'taken-back' | 'drift'
  health: GatewayHealth
}

export type GatewayAsked = {
  project: ProjectKey
  gateway: string
  name?: string | null
  place?: string | null
  note?: string | null
}

export type GatewayConfiguration = {
  state: 'unknown' | 'file' | 'waiting' | 'probation' | 'applied' | 'refused' | 'taken-back' | 'drift'
  desired: ConfigurationWithDocument | null
  reported: ConfigurationReported | null
}

export type GatewayEnrolment = {
  gateway: string
  state: 'certificate' | 'token' | 'revoked' | 'none'
  enrolledAt: Instant | null
  certificateEndsAt: Instant | null
  revokedAt: Instant | null
  claimExpiresAt: Instant | null
}

export type GatewayHealth = {
  version: string
  startedAt: Instant
  buffer: {
    readings: number
    bytes: number
    maxBytes: number
    daysLeft: number | null
    appended: number
    evicted: number
    damaged: number
    oldestAt: Instant | null
  }
  readings: { polled: number; acked: number; rejected: number }
  clock: { quality: string; errorMs: number | null }
  memoryBytes: number
  buses: { id: string; load: number }[]
  devices: {
    id: string
    provider: 'twin' | 'nettra' | 'novus' | 'json' | null
    ok: number
    failed: number
    lastOkAt: Instant | null
    lastFailure: string | null
  }[]
} | null

export type GatewayPage = { items: Gateway[]; next: string | null }

export type GatewayPatch = {
  name?: string | null
  place?: string | null
  note?: string | null
  archived?: boolean
}

export type GatewaySettings = {
  gateway: string
  project: ProjectKey
  name: string | null
  place: string | null
  note: string | null
  hasToken: boolean
  archived: boolean
  createdAt: Instant
}

export type GatewayToken = { gateway: string; token: string }

export type Grant = {
  role: 'administrator' | 'operator' | 'client_manager' | 'client_reader' | 'regulator_reader'
  client: string | null
}

export type Import = {
  id: number
  point: PointKey
  name: string
  bytes: number
  state: 'uploaded' | 'refused' | 'previewed' | 'confirmed' | 'done' | 'undoing' | 'undone' | 'discarded'
  stateAt: Instant
  reason: string | null
  askedBy: string
  askedAt: Instant
  confirmedBy: string | null
  undoneBy: string | null
  progress: { readings: number | null; stored: number; batchesToProcess: number; percent: number }
  settings: {
    delimiter?: ';' | ',' | '\t' | '|'
    decimal?: ',' | '.'
    dates?: 'iso' | 'day-month-year' | 'month-day-year'
    zone?: 'America/Santiago' | 'UTC-4' | 'UTC'
    time?: 'measured' | 'logger'
  }
  format: FileFormat | null
  mistakes: FileMistake[]
  mistakesCount: number
  preview: ImportPreview | null
  result: Record<string, number> | null
}

export type ImportPage = { items: Import[]; next: string | null }

export type ImportPreview = {
  rows: number
  repeated: number
  stale: number
  warnings: string[]
  variables: {
    variable: Variable
    readings: number
    withoutValue: number
    from: Instant
    to: Instant
    min: number | null
    max: number | null
    first: number | null
    last: number | null
    intervalMs: number | null
    gaps: { count: number; totalMs: number; longest: { from: Instant; to: Instant }[] }
    scaleJumps: {
      count: number
      first: { line: number; at: Instant; before: number; after: number; factor: number }[]
    }
    reversals: { count: number; first: { line: number; at: Instant; before: number; after: number }[] }
  }[]
  overlaps: {
    variable: Variable
    same: number
    different: number
    first: { at: Instant; stored: number | null; file: number | null }[]
  }[]
}

export type Incident = {
  id: number
  kind: string
  subject: string
  gateway: string | null
  client: string | null
  point: PointKey | null
  openedAt: Instant
  lastSeenAt: Instant
  count: number
  reopened: number
  closedAt: Instant | null
  details: Record<string, unknown>
  acknowledgedAt: Instant | null
  acknowledgedBy: string | null
  version: number
  assignedTo: string | null
  snoozedUntil: Instant | null
  escalated: number
  steps: number
  parentId: number | null
}

export type IncidentAcknowledged = {
  incident: number
  subject: string | null
  outcome: 'done' | 'known' | 'not_found'
}

export type IncidentAssignee = { email: string | null }

export type IncidentComment = { text: string }

export type IncidentEvent = {
  id: number
  at: Instant
  by: string | null
  kind:
    | 'opened'
    | 'reopened'
    | 'closed'
    | 'silenced'
    | 'unsilenced'
    | 'acknowledged'
    | 'assigned'
    | 'snoozed'
    | 'commented'
    | 'escalated'
  details: Record<string, unknown>
}

export type IncidentEventPage = { items: IncidentEvent[]; next: string | null }

export type IncidentPage = { items: Incident[]; next: string | null }

export type IncidentPeople = { items: IncidentPerson[] }

export type IncidentPerson = { email: string; name: string }

export type IncidentsAcknowledged = { items: IncidentAcknowledged[] }

export type IncidentSnooze = { until: string | null }

export type IncidentsToAcknowledge = { incidents: number[] }

export type Informant = { client: string; rut: string; name: string }

export type InformantList = { items: Informant[] }

export type Instant = string

export type LabelsAsked = { labels: { gateway: string; code: string; client?: string; place?: string }[] }

export type Latest = {
  variable: Variable
  unit: string
  at: Instant
  value: number | null
  quality: Quality
  timeQuality: TimeQuality
  goodAt: Instant | null
  goodValue: number | null
  flags: Flag[]
}

export type LinkShown = { email: string; name: string; expiresAt: Instant }

export type ListedClient = {
  client: string
  name: string
  rut: string | null
  address: string | null
  phone: string | null
  email: string | null
  note: string | null
  archived: boolean
  createdAt: Instant
  projects: number
  points: number
}

export type ListedProject = {
  key: ProjectKey
  client: string
  project: string
  name: string
  code: string | null
  note: string | null
  archived: boolean
  createdAt: Instant
  points: number
  gateways: number
}

export type MadeGateway = { settings: GatewaySettings; token: string }

export type Maintenance = {
  id: number
  client: string
  point: PointKey | null
  from: Instant
  to: Instant
  reason: string
  createdAt: Instant
  createdBy: string
  endedBy: string | null
}

export type MaintenanceAsked = { client: string; point?: string; from: string; to: string; reason: string }

export type MaintenancePage = { items: Maintenance[]; next: string | null }

export type Me = {
  kind: 'user' | 'token'
  id: string
  name: string
  email?: string
  grants: {
    role: 'administrator' | 'operator' | 'client_manager' | 'client_reader' | 'regulator_reader'
    client: string | null
  }[]
  scopes: ('read' | 'write' | 'subscribe')[]
  clients: 'all' | string[]
}

export type MeterEvent = {
  point: PointKey
  id: number
  at: Instant
  kind: 'replacement' | 'reset' | 'rollover'
  beforeCount: number | null
  afterCount: number
  note: string | null
  by: string
  createdAt: Instant
  withdrawnBy: string | null
  withdrawnAt: Instant | null
}

export type MeterEventAsked = {
  at: string
  kind: 'replacement' | 'reset' | 'rollover'
  beforeCount?: number | null
  afterCount?: number
  note?: string | null
}

export type MeterEventPage = { point: PointKey; items: MeterEvent[]; next: string | null }

export type ObligationAsked = {
  point: string
  obligation: {
    from: string
    to?: string
    backfillFrom?: string
    standard: 'mayor' | 'medio' | 'menor' | 'caudales_muy_pequenos' | 'custom'
    resolution?: string
    every?:
      | 'month'
      | 'half_year'
      | 'year'
      | string
      | { kind: 'interval'; everyMs: number; minute?: number }
      | { kind: 'weeks'; weekday: number; minute: number }
      | { kind: 'months'; everyMonths: 1; month?: number; day: number; minute: number }
    channel: 'rest' | 'soap'
    workCode: string
    kind?: 'groundwater' | 'surface_pipe' | 'surface_channel'
    informant: string
    required?: ('flow' | 'total' | 'level')[]
    levelExempt?: boolean
    exemptions?: { quantity: 'level'; from: string; to?: string; reason: string }[]
    alsoPoints?: string[]
    levelPoint?: string
    total?: 'meter' | 'volume'
    totalRounding?: 'truncate' | 'half_away'
    deadline?: string
    maxLag?: string
    grace?: string
    arrival?: string
    select?:
      | 'exact'
      | string
      | { mean: string; coverage?: number; within?: string }
      | { kind: 'exact' }
      | { kind: 'nearest'; withinMs: number }
      | { kind: 'mean'; overMs: number; coverage: number; withinMs: number }
    rights?: { flowLps: number; yearlyM3?: number }[]
    checks?: {
      severity?: {
        negative?: 'block' | 'review' | 'note' | 'off'
        too_long?: 'block' | 'review' | 'note' | 'off'
        partial?: 'block' | 'review' | 'note' | 'off'
        over_right?: 'block' | 'review' | 'note' | 'off'
        over_yearly_right?: 'block' | 'review' | 'note' | 'off'
        stuck?: 'block' | 'review' | 'note' | 'off'
        total_back?: 'block' | 'review' | 'note' | 'off'
        total_jump?: 'block' | 'review' | 'note' | 'off'
        total_rollover?: 'block' | 'review' | 'note' | 'off'
        meter_changed?: 'block' | 'review' | 'note' | 'off'
        volume_against_flow?: 'block' | 'review' | 'note' | 'off'
        level_range?: 'block' | 'review' | 'note' | 'off'
        level_jump?: 'block' | 'review' | 'note' | 'off'
        dry_sensor?: 'block' | 'review' | 'note' | 'off'
        stale?: 'block' | 'review' | 'note' | 'off'
        clock?: 'block' | 'review' | 'note' | 'off'
        bad_quality?: 'block' | 'review' | 'note' | 'off'
      }
      stuckAfter?: string
      maxM3PerHour?: number
      modulus?: number
      volumeTolerance?: number
      volumeSlackM3?: number
      levelMinM?: number
      levelMaxM?: number
      levelJumpM?: number
      dryBelowM?: number
      staleAfter?: string
      clockAfter?: string
    }
    mode?: 'send' | 'shadow' | 'off'
  }
  reason: string
}

export type ObligationChange = {
  at: Instant
  by: string
  reason: string
  from: Instant
  effect: ObligationEffect
}

export type ObligationChecks = {
  severity: {
    negative?: 'block' | 'review' | 'note' | 'off'
    too_long?: 'block' | 'review' | 'note' | 'off'
    partial?: 'block' | 'review' | 'note' | 'off'
    over_right?: 'block' | 'review' | 'note' | 'off'
    over_yearly_right?: 'block' | 'review' | 'note' | 'off'
    stuck?: 'block' | 'review' | 'note' | 'off'
    total_back?: 'block' | 'review' | 'note' | 'off'
    total_jump?: 'block' | 'review' | 'note' | 'off'
    total_rollover?: 'block' | 'review' | 'note' | 'off'
    meter_changed?: 'block' | 'review' | 'note' | 'off'
    volume_against_flow?: 'block' | 'review' | 'note' | 'off'
    level_range?: 'block' | 'review' | 'note' | 'off'
    level_jump?: 'block' | 'review' | 'note' | 'off'
    dry_sensor?: 'block' | 'review' | 'note' | 'off'
    stale?: 'block' | 'review' | 'note' | 'off'
    clock?: 'block' | 'review' | 'note' | 'off'
    bad_quality?: 'block' | 'review' | 'note' | 'off'
  }
  stuckAfter?: number
  maxM3PerHour?: number
  modulus?: number
  volumeTolerance?: number
  volumeSlackM3?: number
  levelMinM?: number
  levelMaxM?: number
  levelJumpM?: number
  dryBelowM?: number
  staleAfter?: number
  clockAfter?: number
}

export type ObligationEffect = { withdrawn: number; pickedAnew: number; toMake: number }

export type ObligationPreview = {
  hash: string
  effect: ObligationEffect
  versions: ObligationVersion[]
  calendar: {
    before: { at: Instant; regulator: string }[]
    after: { at: Instant; regulator: string }[]
    months: { month: string; before: number; after: number }[]
  }
  warnings: string[]
}

export type ObligationVersion = {
  from: Instant
  to: Instant | null
  until: Instant | null
  point: PointKey
  informant: string
  owedFrom: Instant
  standard: 'mayor' | 'medio' | 'menor' | 'caudales_muy_pequenos' | 'custom'
  resolution: string | null
  frequency:
    | { kind: 'interval'; everyMs: number; minute?: number }
    | { kind: 'weeks'; weekday: number; minute: number }
    | { kind: 'months'; everyMonths: 1; month?: number; day: number; minute: number }
  channel: 'rest' | 'soap'
  kind: 'groundwater' | 'surface_pipe' | 'surface_channel'
  required: ('flow' | 'total' | 'level')[] | null
  levelExempt: boolean
  exemptions: { quantity: 'level'; from: Instant; to: Instant | null; reason: string }[]
  alsoPoints: PointKey[]
  levelPoint: PointKey | null
  total: 'meter' | 'volume' | null
  totalRounding: 'truncate' | 'half_away'
  deadlineMs: number
  maxLagMs: number
  graceMs: number
  arrivalMs: number
  selection:
    | { kind: 'exact' }
    | { kind: 'nearest'; withinMs: number }
    | { kind: 'mean'; overMs: number; coverage: number; withinMs: number }
  rights: { flowLps: number; yearlyM3?: number }[]
  checks: ObligationChecks
  mode: 'send' | 'shadow' | 'off'
}

export type OpenSession = {
  id: string
  isThis: boolean
  begunAt: Instant
  address: string | null
  browser: string | null
}

export type OverviewPage = { at: Instant; items: OverviewPoint[]; next: string | null }

export type OverviewPoint = {
  key: PointKey
  client: string
  project: string
  point: string
  name: string
  kind: 'groundwater' | 'surface_pipe' | 'surface_channel'
  latitude: number | null
  longitude: number | null
  state: 'current' | 'fault' | 'late' | 'silent' | 'never'
  lastAt: Instant | null
  intervalMs: number
  latest: {
    variable: Variable
    at: Instant
    value: number | null
    quality: Quality
    goodAt: Instant | null
    goodValue: number | null
  }[]
  works: OverviewWork[]
}

export type OverviewWork = {
  workCode: string
  sent: number
  waiting: number
  noData: number
  review: number
  shadow: number
  closed: number
  lastAcceptedAt: Instant | null
}

export type OwnKeyAsked = {
  name: string
  role: 'administrator' | 'operator' | 'client_manager' | 'client_reader' | 'regulator_reader'
  client: string | null
  expiresAt?: string
  scopes: ('read' | 'write')[]
}

export type OwnKeys = { items: ApiKey[] }

export type OwnNotifications = {
  preferences: {
    language?: 'es' | 'en'
    email?: boolean
    channels?: { channel: number; to?: string }[]
    quietHours?: {
      days: ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]
      from: string
      to: string
    }[]
    criticalAtOnce?: boolean
    digest?: 'never' | 'hourly' | 'daily'
    digestAt?: string
  }
  version: number
}

export type OwnNotificationsTested = { deliveries: number[] }

export type Passkey = { id: string; name: string; createdAt: Instant; lastUsedAt: Instant | null }

export type PasskeyAnswer = {
  challenge: string
  credential: {
    id: string
    rawId: string
    type: 'public-key'
    clientExtensionResults?: Record<string, unknown>
    response: { clientDataJSON: string; authenticatorData: string; signature: string; userHandle?: string }
  }
}

export type PasskeyAsked = { challenge: string; options: Record<string, unknown> }

export type PasskeyMade = {
  challenge: string
  name: string
  credential: {
    id: string
    rawId: string
    type: 'public-key'
    clientExtensionResults?: Record<string, unknown>
    response: {
      clientDataJSON: string
      attestationObject: string
      transports?: ('ble' | 'cable' | 'hybrid' | 'internal' | 'nfc' | 'smart-card' | 'usb')[]
    }
  }
}

export type PasswordProof = { password?: string }

export type Point = {
  key: PointKey
  client: string
  project: string
  point: string
  name: string
  kind: 'groundwater' | 'surface_pipe' | 'surface_channel'
  latitude: number | null
  longitude: number | null
  wellDepthM: number | null
  pumpDepthM: number | null
  sensorDepthM: number | null
  dischargeDiameterIn: number | null
  meterDiameterIn: number | null
  meterInitialM3: number | null
  note: string | null
  origin: 'provisioned' | 'discovered'
  archived: boolean
  createdAt: Instant
}

export type PointAsked = {
  project: ProjectKey
  point: string
  name: string
  kind?: 'groundwater' | 'surface_pipe' | 'surface_channel'
  latitude?: number | null
  longitude?: number | null
  wellDepthM?: number | null
  pumpDepthM?: number | null
  sensorDepthM?: number | null
  dischargeDiameterIn?: number | null
  meterDiameterIn?: number | null
  meterInitialM3?: number | null
  note?: string | null
}

export type PointDocument = {
  point: PointKey
  id: number
  name: string
  title: string
  kind: 'resolution' | 'plan' | 'photo' | 'report' | 'certificate' | 'contract' | 'other'
  mediaType: string
  size: number
  sha256: string
  note: string | null
  by: string
  at: Instant
  archived: boolean
}

export type PointDocumentPage = { point: PointKey; items: PointDocument[]; next: string | null }

export type PointDocumentPatch = {
  title?: string
  kind?: 'resolution' | 'plan' | 'photo' | 'report' | 'certificate' | 'contract' | 'other'
  note?: string | null
  archived?: boolean
}

export type PointKey = string

export type PointLatest = { point: PointKey; latest: Latest[] }

export type PointPage = { items: Point[]; next: string | null }

export type PointPatch = {
  name?: string
  kind?: 'groundwater' | 'surface_pipe' | 'surface_channel'
  latitude?: number | null
  longitude?: number | null
  wellDepthM?: number | null
  pumpDepthM?: number | null
  sensorDepthM?: number | null
  dischargeDiameterIn?: number | null
  meterDiameterIn?: number | null
  meterInitialM3?: number | null
  note?: string | null
  archived?: boolean
}

export type PointVariable = {
  point: PointKey
  variable: Variable
  unit: string
  label: string | null
  decimals: number | null
  place: number | null
  hidden: boolean
}

export type PointVariablePatch = {
  label?: string | null
  decimals?: number | null
  place?: number | null
  hidden?: boolean
}

export type PointVariables = { point: PointKey; items: PointVariable[] }

export type Processing = { point: PointKey; rules: ProcessingRule[] }

export type ProcessingChange = {
  id: number
  at: Instant
  by: string
  what: 'rule' | 'meter_event'
  rule:
    | 'pulses_to_volume'
    | 'total_to_volume'
    | 'level_to_water_table'
    | 'unit_conversion'
    | 'checks'
    | 'low_flow_cut_off'
    | 'volume_to_flow'
    | null
  variable: Variable | null
  from: Instant
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
}

export type ProcessingChangePage = { point: PointKey; items: ProcessingChange[]; next: string | null }

export type ProcessingRule = {
  id: number
  rule:
    | 'pulses_to_volume'
    | 'total_to_volume'
    | 'level_to_water_table'
    | 'unit_conversion'
    | 'checks'
    | 'low_flow_cut_off'
    | 'volume_to_flow'
  variable: Variable | null
  params: Record<string, unknown>
  from: Instant
  to: Instant | null
  by: string
  createdAt: Instant
}

export type ProcessingRuleAsked =
  | {
      from: string
      rule: 'pulses_to_volume'
      litresPerPulse: number
      baseM3?: number
      modulus?: number
      maxM3PerHour?: number
    }
  | { from: string; rule: 'total_to_volume'; baseM3?: number; modulus?: number; maxM3PerHour?: number }
  | { from: string; rule: 'level_to_water_table'; sensorDepthM: number; offsetM?: number }
  | {
      from: string
      variable:
        | 'flow'
        | 'total'
        | 'level'
        | 'pulses'
        | 'pressure'
        | 'temperature'
        | 'conductivity'
        | 'velocity'
        | 'voltage'
        | 'battery'
        | 'stage'
        | 'ph'
        | 'turbidity'
        | 'status'
        | 'reverse_total'
        | 'net_total'
        | 'running_time'
        | 'energy'
        | 'power'
        | 'signal_quality'
      rule: 'unit_conversion'
      unit?:
        | 'L/s'
        | 'L/min'
        | 'L/h'
        | 'm³/s'
        | 'm³/h'
        | 'm³/d'
        | 'gal/min'
        | 'igal/min'
        | 'm³'
        | 'L'
        | 'mL'
        | 'mm³'
        | 'gal'
        | 'm'
        | 'cm'
        | 'mm'
        | 'ft'
        | 'm/s'
        | 'kPa'
        | 'Pa'
        | 'MPa'
        | 'bar'
        | 'mbar'
        | 'mH2O'
        | '°C'
        | '°F'
        | 'pulses'
        | '%'
        | 'V'
        | 'mV'
        | 'µS/cm'
        | 'mS/cm'
        | 'h'
        | 'min'
        | 's'
        | 'kWh'
        | 'Wh'
        | 'kW'
        | 'W'
        | 'pH'
        | 'NTU'
        | 'code'
      factor?: number
      offset?: number
    }
  | {
      from: string
      variable:
        | 'flow'
        | 'total'
        | 'level'
        | 'pulses'
        | 'pressure'
        | 'temperature'
        | 'conductivity'
        | 'velocity'
        | 'voltage'
        | 'battery'
        | 'stage'
        | 'ph'
        | 'turbidity'
        | 'status'
        | 'reverse_total'
        | 'net_total'
        | 'running_time'
        | 'energy'
        | 'power'
        | 'signal_quality'
      rule: 'checks'
      range?: { min?: number; max?: number }
      rate?: { maxPerMinute: number }
      stuck?: { afterMinutes: number; within?: number; except?: number[] }
      sentinels?: number[]
      clockAheadS?: number
    }
  | { from: string; variable?: 'flow'; rule: 'low_flow_cut_off'; belowLps: number }
  | {
      from: string
      rule: 'volume_to_flow'
      maxGapMinutes?: number
      maxConsumptionM3?: number
      maxFlowLps?: number
      overMinutes?: number
    }

export type Profile = {
  profile: string
  name: string
  source: string
  certainty: 'high' | 'medium-high' | 'medium'
  line: string | null
  notes: string | null
  signals: ProfileSignal[]
}

export type ProfileList = { items: Profile[] }

export type ProfileSignal = {
  variable:
    | 'flow'
    | 'total'
    | 'level'
    | 'pulses'
    | 'pressure'
    | 'temperature'
    | 'conductivity'
    | 'velocity'
    | 'voltage'
    | 'battery'
    | 'stage'
    | 'ph'
    | 'turbidity'
    | 'status'
    | 'reverse_total'
    | 'net_total'
    | 'running_time'
    | 'energy'
    | 'power'
    | 'signal_quality'
    | 'water_table'
    | 'volume'
    | 'mean_flow'
  unit: string
  table: 'coil' | 'discrete' | 'holding' | 'input'
  address: number
  type: string
}

export type Project = {
  key: ProjectKey
  client: string
  project: string
  name: string
  code: string | null
  note: string | null
  archived: boolean
  createdAt: Instant
}

export type ProjectAsked = {
  client: string
  project: string
  name: string
  code?: string | null
  note?: string | null
}

export type ProjectBalances = {
  project: ProjectKey
  by: 'day' | 'month'
  from: string
  to: string
  points: number
  consumptionM3: number | null
  periods: {
    period: string
    pointsKnown: number
    consumptionM3: number | null
    gapConsumptionM3: number | null
  }[]
  byPoint: { point: PointKey; daysKnown: number; consumptionM3: number | null }[]
}

export type Projections = {
  point: PointKey
  today: string
  confidencePercent: number
  grantedYearM3: number | null
  percentOfGranted: number | null
  month: {
    from: string
    to: string
    knownM3: number
    projectedM3: number
    lowM3: number
    highM3: number
    daysToCome: number
    daysOfHistory: number
    bySeason: boolean
  } | null
  year: {
    from: string
    to: string
    knownM3: number
    projectedM3: number
    lowM3: number
    highM3: number
    daysToCome: number
    daysOfHistory: number
    bySeason: boolean
  } | null
}

export type ProjectKey = string

export type ProjectPage = { items: ListedProject[]; next: string | null }

export type ProjectPatch = { name?: string; code?: string | null; note?: string | null; archived?: boolean }

export type Quality =
  | 'good'
  | 'uncertain'
  | 'sensor_code'
  | 'no_answer'
  | 'exception'
  | 'bad_answer'
  | 'not_a_number'
  | 'no_data'
  | 'request_failed'
  | 'auth_failed'
  | 'unknown'

export type Reading = {
  at: Instant
  value: number | null
  measured: number | null
  quality: Quality
  timeQuality: TimeQuality
  flags: Flag[]
}

export type ReadingPage = {
  point: PointKey
  variable: Variable
  unit: string
  from: Instant
  to: Instant
  items: Reading[]
  next: string | null
}

export type Recomputation = {
  id: number
  point: PointKey
  from: Instant
  to: Instant
  preview: number | null
  askedBy: string
  askedAt: Instant
  why: string | null
  refused: string | null
  consumptionM3: { before: number | null; after: number | null } | null
}

export type RecomputationAsked = { point: string; from: string; to: string }

export type RecomputationPage = { items: Recomputation[]; next: string | null }

export type RecomputationPreview = {
  preview: number
  point: PointKey
  consumptionM3: { before: number | null; after: number | null }
  buckets: { hour: number; day: number; month: number }
  judged: number
  variables: {
    variable: Variable
    computed: number
    changed: number
    removed: number
    changedFrom: Instant | null
    changedTo: Instant | null
  }[]
  days: {
    day: Day
    variable: Variable
    unit: string
    before: number | null
    after: number | null
    delta: number | null
  }[]
  daysMore: number
}

export type RecomputationReason = { why: string }

export type Reconciliation = {
  workCode: string
  point: PointKey
  owed: number
  measured: number
  sent: number
  accepted: number
  verified: number
  late: number
  failures: number
  missing: { state: SlotState; reason: string | null; count: number }[]
}

export type ReconciliationPage = { items: Reconciliation[]; next: string | null }

export type RevocationAsked = { reason: string }

export type SecondFactorBegun = { uri: string; recoveryCodes: string[] }

export type SecondFactorGiven = { code?: string; recoveryCode?: string }

export type SecondFactorWanted = { wants: 'second_factor' }

export type Security = {
  hasPassword: boolean
  hasSecondFactor: boolean
  recoveryCodes: number
  passkeys: Passkey[]
}

export type Sending = {
  all: { sending: boolean; turn: SendingTurn | null }
  stopped: { what: 'work' | 'informant' | 'sma_process'; key: string; turn: SendingTurn | null }[]
  turns: SendingTurn[]
}

export type SendingTurn = {
  at: Instant
  what: 'all' | 'work' | 'informant' | 'sma_process'
  key: string
  sending: boolean
  reason: string
  by: string
}

export type SendingTurnAsked =
  | { what: 'all'; sending: boolean; reason: string }
  | { what: 'work'; workCode: string; sending: boolean; reason: string }
  | { what: 'informant'; rut: string; sending: boolean; reason: string }
  | { what: 'sma_process'; process: string; sending: boolean; reason: string }

export type SensorFault = {
  id: number
  point: PointKey
  quantity: 'flow' | 'total' | 'level'
  state: 'declared' | 'expired' | 'ended'
  from: Instant
  until: Instant
  reason: string
  declaredBy: string
  declaredAt: Instant
  endedBy: string | null
  endedAt: Instant | null
  endedReason: string | null
}

export type SensorFaultAsked = {
  point: string
  quantity: 'flow' | 'total' | 'level'
  from: string
  until: string
  reason: string
}

export type SensorFaultEnd = { until?: string; reason: string }

export type SensorFaultPage = { items: SensorFault[]; next: string | null }

export type SensorFaultWritten = { fault: SensorFault; slots: number }

export type Series = {
  point: PointKey
  variable: Variable
  unit: string
  from: Instant
  to: Instant
  stepMs: number
  source: 'values' | 'hours'
  at: number[]
  min: (number | null)[]
  max: (number | null)[]
  mean: (number | null)[]
  last: (number | null)[]
  count: number[]
  valid: number[]
  quality: Quality[]
}

export type SessionUser = { id: string; email: string; name: string }

export type SignInWays = { issuer: string | null; mail: boolean }

export type Slot = {
  id: number
  point: PointKey
  workCode: string
  channel: 'rest' | 'soap'
  measuredAt: Instant
  state: SlotState
  stateAt: Instant
  reason: string | null
  heldBecause: string | null
  flow: {
    variable: Variable | null
    unit: string | null
    value: number | null
    declared: string
    readAt: Instant | null
    ageMs: number | null
    parts: { seriesId: number; readAt: Instant; ageMs: number; value: number }[]
    mean: { from: Instant; to: Instant; count: number; coverage: number } | null
    byPerson: boolean
  } | null
  total: {
    variable: Variable | null
    unit: string | null
    value: number | null
    declared: string
    readAt: Instant | null
    ageMs: number | null
    parts: { seriesId: number; readAt: Instant; ageMs: number; value: number }[]
    mean: { from: Instant; to: Instant; count: number; coverage: number } | null
    byPerson: boolean
  } | null
  level: {
    variable: Variable | null
    unit: string | null
    value: number | null
    declared: string
    readAt: Instant | null
    ageMs: number | null
    parts: { seriesId: number; readAt: Instant; ageMs: number; value: number }[]
    mean: { from: Instant; to: Instant; count: number; coverage: number } | null
    byPerson: boolean
  } | null
  findings: Finding[]
  person: SlotPerson | null
  attempts: number
  lastOutcome: {
    attempt: number
    at: Instant
    outcome:
      | 'accepted'
      | 'duplicate'
      | 'accepted_without_receipt'
      | 'configuration_error'
      | 'refused'
      | 'unknown_outcome'
      | 'not_sent'
      | 'abandoned'
    message: string | null
  } | null
  nextAttemptAt: Instant | null
  receipt: string | null
  recovered: boolean
  acceptedAt: Instant | null
  verification: 'match' | 'mismatch' | 'not_found' | 'no_answer' | null
  verifiedAt: Instant | null
}

export type SlotDecision = {
  at: Instant
  by: string
  action: 'approve' | 'replace' | 'reject' | 'reopen' | 'hold' | 'settle' | 'verify'
  reason: string
  from: SlotState
  to: SlotState
}

export type SlotDecisionAsked =
  | { action: 'approve' | 'reject' | 'reopen' | 'hold' | 'verify'; reason: string }
  | {
      action: 'replace'
      reason: string
      values: { flow?: number; total?: number; level?: number }
      despite?: CheckCode[]
    }
  | { action: 'settle'; reason: string; receipt: string }

export type SlotDecisionOutcome = {
  slot: number
  point: string | null
  outcome: 'done' | 'refused' | 'not_found'
  state: SlotState | null
  reason: string | null
  findings: Finding[]
}

export type SlotDecisionOutcomes = { dryRun: boolean; items: SlotDecisionOutcome[] }

export type SlotDecisionsAsked = {
  slots: number[]
  action: 'approve' | 'reject' | 'reopen' | 'hold' | 'verify'
  reason: string
  dryRun?: boolean
}

export type SlotHours = {
  point: PointKey
  from: Instant
  to: Instant
  items: {
    at: Instant
    sent: number
    waiting: number
    noData: number
    review: number
    shadow: number
    closed: number
  }[]
}

export type SlotPage = { items: Slot[]; next: string | null }

export type SlotPerson = { by: string; at: Instant; reason: string }

export type SlotState =
  | 'pending'
  | 'no_data'
  | 'ready'
  | 'sending'
  | 'sent'
  | 'review'
  | 'shadow'
  | 'not_measured'
  | 'rejected'
  | 'withdrawn'

export type SlotWithDecisions = { slot: Slot; decisions: SlotDecision[] }

export type SpecificCapacity = {
  point: PointKey
  from: string
  to: string
  lpsPerM: number | null
  spreadLpsPerM: number | null
  trendPercentAYear: number | null
  trendLow: number | null
  trendHigh: number | null
  days: { day: string; flowLps: number; drawdownM: number; lpsPerM: number }[]
}

export type TimeQuality = 'synced' | 'holdover' | 'unsynced' | 'corrected' | 'device' | 'unknown'

export type TrialAsked = { document: string; device: string }

export type Use = {
  point: PointKey
  year: number
  points: number
  workCodes: string[]
  grantedFlowLps: number | null
  maxFlowLps: number | null
  maxFlowDay: string | null
  daysAboveFlow: number
  grantedYearM3: number | null
  takenM3: number | null
  percentOfYear: number | null
}

export type User = {
  id: string
  email: string
  name: string
  state: 'invited' | 'active' | 'disabled'
  grants: Grant[]
  hasPassword: boolean
  hasSecondFactor: boolean
  passkeys: number
  sessions: number
  lastSeenAt: Instant | null
  createdAt: Instant
}

export type UserChanged = { name?: string; disabled?: boolean; grants?: Grant[] }

export type UserInvited = { email: string; name: string; grants: Grant[] }

export type UserPage = { items: User[]; next: string | null }

export type UserWithLink = { user: User; link: AccountLink }

export type Variable =
  | 'flow'
  | 'total'
  | 'level'
  | 'pulses'
  | 'pressure'
  | 'temperature'
  | 'conductivity'
  | 'velocity'
  | 'voltage'
  | 'battery'
  | 'stage'
  | 'ph'
  | 'turbidity'
  | 'status'
  | 'reverse_total'
  | 'net_total'
  | 'running_time'
  | 'energy'
  | 'power'
  | 'signal_quality'
  | 'water_table'
  | 'volume'
  | 'mean_flow'

export type WellAsked = {
  gateway: string
  document: string
  note?: string
  point: {
    id: string
    name: string
    kind?: 'groundwater' | 'surface_pipe' | 'surface_channel'
    wellDepthM?: number | null
    pumpDepthM?: number | null
    sensorDepthM?: number | null
  }
  device: string
  litresPerPulse?: number | null
  obligation?: {
    workCode: string
    standard: 'mayor' | 'medio' | 'menor' | 'caudales_muy_pequenos' | 'custom'
    channel?: 'rest' | 'soap'
    informant: string
    rights?: { flowLps: number; yearlyM3?: number }[]
  } | null
}

export type WellMade = { point: string; changes: string[]; configuration: ConfigurationVersion }

export type Work = {
  code: string
  client: string
  sending: boolean
  status: 'active' | 'blocked'
  reason: string | null
}

export type WorkPage = { items: Work[]; next: string | null }

export type WorkWithObligations = {
  work: Work
  versions: ObligationVersion[]
  changes: ObligationChange[]
  hash: string
}
