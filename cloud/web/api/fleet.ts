// What the web application asks of the fleet.

import { queryOptions } from '@tanstack/react-query'
import { ask, askFile } from './client.ts'

/** By what a gateway is known. */
export const enrolmentQuery = (gateway: string) =>
  queryOptions({
    queryKey: ['enrolment', gateway],
    queryFn: ({ signal }) => ask('GET /api/v1/gateways/{gateway}/enrolment', { path: { gateway }, signal }),
  })

/** A code that was drawn. */
export interface DrawnCode {
  gateway: string
  code: string
  client: string
  place: string
}

/** Has the labels of codes drawn, and hands them to who asks as a file. */
export async function downloadLabels(labels: readonly DrawnCode[]): Promise<void> {
  const file = await askFile('POST /api/v1/fleet/labels', { body: { labels: [...labels] } })
  const url = URL.createObjectURL(file)
  const link = document.createElement('a')
  link.href = url
  link.download = labels.length === 1 ? `${labels[0]?.gateway}.pdf` : 'labels.pdf'
  link.click()
  URL.revokeObjectURL(url)
}

/** The command that enrols a gateway, as its label says it. */
export const enrolCommand = (code: string): string =>
  `smarthydro-edge enroll --code ${code} ${window.location.origin}`
