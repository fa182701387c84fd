// Whether the files of an evidence pack are what its SHA256SUMS says: a tar file, read here.

/** What came of looking. `bad`: files that are missing, or are not what their sums say, or have none. */
export type PackVerdict =
  | { kind: 'good'; files: number }
  | { kind: 'bad'; names: string[] }
  | { kind: 'none' }

const BLOCK = 512
const SUMS = 'SHA256SUMS'

/** Holds a pack against its own sums. */
export async function verifyPack(bytes: ArrayBuffer): Promise<PackVerdict> {
  const files = readTar(new Uint8Array(bytes))
  const sums = files?.get(SUMS)
  if (files === undefined || sums === undefined) return { kind: 'none' }
  const said = new Map(
    new TextDecoder()
      .decode(sums)
      .split('\n')
      .flatMap(line => {
        const [, sum, name] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? []
        return sum === undefined || name === undefined ? [] : [[name, sum] as const]
      }),
  )
  const names = new Set([...said.keys(), ...files.keys()])
  names.delete(SUMS)
  const wrong: string[] = []
  for (const name of names) {
    const content = files.get(name)
    if (content === undefined || (await sumOf(content)) !== said.get(name)) wrong.push(name)
  }
  return wrong.length === 0 && names.size > 0
    ? { kind: 'good', files: names.size }
    : { kind: 'bad', names: wrong }
}

async function sumOf(content: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', content)).toHex()
}

/** The files of a tar file by their names, without folders; undefined when it is none. */
function readTar(bytes: Uint8Array<ArrayBuffer>): Map<string, Uint8Array<ArrayBuffer>> | undefined {
  const files = new Map<string, Uint8Array<ArrayBuffer>>()
  const text = (from: number, length: number) =>
    new TextDecoder().decode(bytes.subarray(from, from + length)).replace(/\0.*$/s, '')
  for (let at = 0; at + BLOCK <= bytes.length; ) {
    if (bytes[at] === 0) return files
    const size = Number.parseInt(text(at + 124, 12).trim(), 8)
    if (text(at + 257, 5) !== 'ustar' || !Number.isInteger(size) || at + BLOCK + size > bytes.length)
      return undefined
    const name = text(at, 100)
    files.set(name.split('/').at(-1) ?? name, bytes.slice(at + BLOCK, at + BLOCK + size))
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return files.size === 0 ? undefined : files
}
