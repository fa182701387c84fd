// Written from the API's document (deploy/client-types.ts); test/cloud/web/types.test.ts holds it to that.

export interface Routes {
  'POST /api/v1/session': {
    path: Record<string, never>
    query: Record<string, never>
    body: Credentials
    answer: SessionUser
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
        | 'alert'
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
    query: { cursor?: string; limit?: number }
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
    | null
  result: CommandResult | null
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

export type Credentials = { email: string; password: string }

export type Delivery = {
  channel: 'email'
  recipient: string
  state: 'pending' | 'notified' | 'failed'
  attempts: number
  createdAt: Instant
  stateAt: Instant
  answer: string | null
}

export type DeliveryList = { items: Delivery[] }

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
  state: 'unknown' | 'init' | 'ready' | 'disconnected' | 'lost' | 'sleeping'
  since: Instant | null
  version: string | null
  lastSeenAt: Instant | null
  lastBatchAt: Instant | null
  healthAt: Instant | null
  health: GatewayHealth
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

export type Instant = string

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
  origin: 'provisioned' | 'discovered'
  createdAt: Instant
}

export type PointKey = string

export type PointLatest = { point: PointKey; latest: Latest[] }

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

export type TimeQuality = 'synced' | 'holdover' | 'unsynced' | 'corrected' | 'device' | 'unknown'

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
