// What the screens of configurations and the wizard ask.

import { queryOptions } from '@tanstack/react-query'
import { ask } from './client.ts'
import type { Command } from './types.ts'

const LIVE_MS = 2_000

/** What a gateway should run with, and what it runs with. */
export const configurationQuery = (gateway: string) =>
  queryOptions({
    queryKey: ['configuration', gateway],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/gateways/{gateway}/configuration', { path: { gateway }, signal }),
    refetchInterval: LIVE_MS,
  })

/** What it should have run with. */
export const versionsQuery = (gateway: string) =>
  queryOptions({
    queryKey: ['configuration-versions', gateway],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/gateways/{gateway}/configuration/versions', {
        path: { gateway },
        query: { limit: 100 },
        signal,
      }),
  })

/** One version with its document; it never changes. */
export const versionQuery = (gateway: string, version: number) =>
  queryOptions({
    queryKey: ['configuration-version', gateway, version],
    queryFn: ({ signal }) =>
      ask('GET /api/v1/gateways/{gateway}/configuration/versions/{version}', {
        path: { gateway, version: String(version) as never },
        signal,
      }),
    staleTime: Number.POSITIVE_INFINITY,
  })

/** Instruments whose registers are known. */
export const profilesQuery = queryOptions({
  queryKey: ['profiles'],
  queryFn: ({ signal }) => ask('GET /api/v1/profiles', { signal }),
  staleTime: Number.POSITIVE_INFINITY,
})

/** Who may declare. */
export const informantsQuery = queryOptions({
  queryKey: ['informants'],
  queryFn: ({ signal }) => ask('GET /api/v1/compliance/informants', { signal }),
})

const ASK_EVERY_MS = 700

/** Waits until a command has come to something. Throws the signal's reason. */
export async function settled(command: Command, signal: AbortSignal): Promise<Command> {
  const { gateway, id } = command
  let last = command
  while (last.state === 'waiting' || last.state === 'sent') {
    await new Promise(done => window.setTimeout(done, ASK_EVERY_MS))
    signal.throwIfAborted()
    last = await ask('GET /api/v1/gateways/{gateway}/commands/{command}', {
      path: { gateway, command: id },
      signal,
    })
  }
  return last
}
