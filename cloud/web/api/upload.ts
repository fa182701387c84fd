// Sends a file to the API and says how much of it is there: fetch cannot.

import { ApiProblem, type FieldWrong, toUrl, Unreachable } from './client.ts'
import type { Import } from './types.ts'

const TIMEOUT_MS = 10 * 60_000

/** Uploads a file of history. Throws as `ask` does. */
export function uploadHistory(
  { file, query }: { file: File; query: Record<string, string | undefined> },
  onProgress: (percent: number) => void,
): Promise<Import> {
  const { promise, resolve, reject } = Promise.withResolvers<Import>()
  const request = new XMLHttpRequest()
  request.open('POST', toUrl('/api/v1/imports', {}, { ...query, name: file.name }))
  request.timeout = TIMEOUT_MS
  request.setRequestHeader('content-type', 'text/csv')
  request.upload.onprogress = ({ loaded, total }) => onProgress(total === 0 ? 0 : (100 * loaded) / total)
  const unreachable = () => reject(new Unreachable('Nobody answered'))
  request.onerror = unreachable
  request.ontimeout = unreachable
  request.onload = () => {
    const isJson = (request.getResponseHeader('content-type') ?? '').includes('json')
    const body: unknown = isJson ? JSON.parse(request.responseText) : {}
    if (request.status < 300) return resolve(body as Import)
    const { title, ...facts } = body as {
      title?: string
      detail?: string
      requestId?: string
      errors?: FieldWrong[]
    }
    reject(new ApiProblem(title ?? request.statusText, { status: request.status, ...facts }))
  }
  request.send(file)
  return promise
}
