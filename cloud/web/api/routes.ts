// The routes of the API that the web application asks. types.ts is written from the API's document for exactly these.

/** Method and path, as the document names them. */
export const ROUTES = [
  'POST /api/v1/session',
  'DELETE /api/v1/session',
  'GET /api/v1/session',
  'GET /api/v1/me/sessions',
  'DELETE /api/v1/me/sessions/{session}',
  'PUT /api/v1/me/password',
  'GET /api/v1/overview',
  'GET /api/v1/points/{point}',
  'GET /api/v1/points/{point}/latest',
  'GET /api/v1/points/{point}/series',
  'GET /api/v1/points/{point}/consumption',
  'GET /api/v1/points/{point}/slot-hours',
  'GET /api/v1/compliance/slots',
  'POST /api/v1/compliance/slots/decisions',
  'GET /api/v1/incidents',
  'POST /api/v1/incidents/{incident}/acknowledge',
  'GET /api/v1/gateways',
  'GET /api/v1/gateways/{gateway}',
  'GET /api/v1/gateways/{gateway}/commands',
] as const
