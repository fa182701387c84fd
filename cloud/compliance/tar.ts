// Files in one: POSIX ustar, with nothing in it that differs from one time to the next.

/** A file by its name, which has at most a hundred ASCII characters. */
export interface PackedFile {
  name: string
  bytes: Uint8Array
}

const BLOCK = 512

/** Packs files, in their order, readable by all, of 1 January 1970. */
export function toTar(files: readonly PackedFile[]): Uint8Array {
  const parts = files.flatMap(({ name, bytes }) => [header(name, bytes.length), bytes, padding(bytes.length)])
  return new Uint8Array(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]))
}

function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  block.write(name, 0, 100, 'ascii')
  block.write('0000644\0', 100)
  block.write('0000000\0', 108)
  block.write('0000000\0', 116)
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  block.write('00000000000\0', 136)
  block.write(' '.repeat(8), 148)
  block.write('0', 156)
  block.write('ustar\x0000', 257)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)
