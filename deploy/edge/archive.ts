// Archives, byte for byte the same each time: tar as POSIX has it (ustar), ar as dpkg reads it.
//
// They are written here, because a package is built on machines that have neither dpkg nor root, and because what tar
// programs write depends on the machine: who owns a file, when it was copied, in which order a folder lists.

/** Something that goes into a tar archive. Its owner is root. */
export type Entry =
  | { kind: 'folder'; path: string; mode?: number }
  | { kind: 'file'; path: string; bytes: Uint8Array; mode?: number }
  | { kind: 'link'; path: string; target: string }

const BLOCK = 512
/** Where tar's reader looks for its end: two empty blocks, filled up to a record of twenty. */
const RECORD = 20 * BLOCK
const NAME_MAX = 100
const PREFIX_MAX = 155

/** A tar archive of `entries`, in their order, all of the same second. */
export function tar(entries: readonly Entry[], { seconds }: { seconds: number }): Uint8Array {
  const pieces = entries.flatMap(entry => {
    const bytes = entry.kind === 'file' ? entry.bytes : new Uint8Array()
    return [header(entry, bytes.length, seconds), bytes, new Uint8Array(padding(bytes.length, BLOCK))]
  })
  const end = new Uint8Array(2 * BLOCK)
  const length = pieces.reduce((sum, piece) => sum + piece.length, end.length)
  return Buffer.concat([...pieces, end, new Uint8Array(padding(length, RECORD))])
}

/** An ar archive of `members`, as Debian's packages are. */
export function ar(
  members: readonly { name: string; bytes: Uint8Array }[],
  { seconds }: { seconds: number },
): Uint8Array {
  const pieces = members.flatMap(({ name, bytes }) => {
    if (name.length > 16) throw new Error(`Cannot archive ${name}: ar takes names of 16 characters`)
    const fields: [string, number][] = [
      ...([
        [name, 16],
        [`${seconds}`, 12],
        ['0', 6],
        ['0', 6],
      ] as [string, number][]),
      ...([
        ['100644', 8],
        [`${bytes.length}`, 10],
      ] as [string, number][]),
    ]
    const text = `${fields.map(([value, width]) => value.padEnd(width)).join('')}\`\n`
    return [Buffer.from(text, 'latin1'), bytes, Buffer.from(bytes.length % 2 === 1 ? '\n' : '', 'latin1')]
  })
  return Buffer.concat([Buffer.from('!<arch>\n', 'latin1'), ...pieces])
}

function header(entry: Entry, length: number, seconds: number): Uint8Array {
  const { name, prefix } = split(entry.kind === 'folder' ? `${entry.path}/` : entry.path)
  const block = Buffer.alloc(BLOCK)
  const mode = entry.kind === 'link' ? 0o777 : (entry.mode ?? (entry.kind === 'folder' ? 0o755 : 0o644))
  block.write(name, 0, NAME_MAX)
  block.write(octal(mode, 7), 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(octal(length, 11), 124)
  block.write(octal(seconds, 11), 136)
  block.write(' '.repeat(8), 148)
  block.write({ file: '0', link: '2', folder: '5' }[entry.kind], 156)
  if (entry.kind === 'link') block.write(entry.target, 157, NAME_MAX)
  block.write('ustar\0', 257)
  block.write('00', 263)
  block.write('root', 265)
  block.write('root', 297)
  block.write(prefix, 345, PREFIX_MAX)
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
  )
  return block
}

/** A path as ustar holds it: a name of at most 100 bytes, and what comes before it in a field of its own. */
function split(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) !== path.length) throw new Error(`Cannot archive ${path}: it is not ASCII`)
  if (path.length <= NAME_MAX) return { name: path, prefix: '' }
  const at = path.indexOf('/', path.length - NAME_MAX - 1)
  if (at < 0 || at > PREFIX_MAX || at === path.length - 1) {
    throw new Error(`Cannot archive ${path}: its path is too long`)
  }
  return { name: path.slice(at + 1), prefix: path.slice(0, at) }
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

function padding(length: number, unit: number): number {
  return (unit - (length % unit)) % unit
}
