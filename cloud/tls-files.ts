// The certificates and keys that settings name: read and checked before anything listens.

import { readFile } from 'node:fs/promises'
import { ConfigError, type ConfigMistake, reasonOf } from '../protocol/runtime/errors.ts'
import { certificateMistake, keyMistake } from '../protocol/tls.ts'

/** A setting that names a file. */
export interface FileSetting {
  name: string
  path: string | undefined
}

/** PEM texts. */
export interface TlsTexts {
  ca?: string
  cert?: string
  key?: string
}

/** Reads the files. Throws ConfigError with every mistake. */
export async function readTlsFiles(settings: Record<keyof TlsTexts, FileSetting>): Promise<TlsTexts> {
  const mistakes: ConfigMistake[] = []
  const texts: TlsTexts = {}
  for (const kind of ['ca', 'cert', 'key'] as const) {
    const { name, path } = settings[kind]
    if (path === undefined) continue
    const miss = (message: string | undefined) => {
      if (message !== undefined) mistakes.push({ path: name, message: `${path} ${message}` })
    }
    try {
      texts[kind] = await readFile(path, 'utf8')
    } catch (error) {
      miss(`cannot be read: ${reasonOf(error)}`)
      continue
    }
    if (kind !== 'key') miss(certificateMistake(texts[kind]))
    else if (texts.cert !== undefined && certificateMistake(texts.cert) === undefined)
      miss(keyMistake(texts.key ?? '', texts.cert))
  }
  if (mistakes.length > 0) throw new ConfigError('environment', mistakes)
  return texts
}
