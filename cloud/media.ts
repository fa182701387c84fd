// Which files may be documents, and whether their bytes are what they say.
//
// A type that a browser could run (HTML, SVG) is none. What is taken is sent back as a download, never shown in our pages.

/** Types of documents, and the ending that each is given when it is downloaded. */
export const MEDIA_TYPES = {
  'application/pdf': 'pdf',
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'text/plain': 'txt',
  'text/csv': 'csv',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
} as const

/** The type of a document. */
export type MediaType = keyof typeof MEDIA_TYPES

/** The type that a content-type names; undefined for one that is not taken. */
export function mediaTypeOf(contentType: string): MediaType | undefined {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  return Object.hasOwn(MEDIA_TYPES, type) ? (type as MediaType) : undefined
}

/** How files of a type begin: bytes at a place. */
const BEGINNINGS: Partial<Record<MediaType, readonly [at: number, bytes: string][]>> = {
  'application/pdf': [[0, '%PDF-']],
  'image/png': [[0, '\x89PNG\r\n\x1a\n']],
  'image/jpeg': [[0, '\xff\xd8\xff']],
  'image/webp': [
    [0, 'RIFF'],
    [8, 'WEBP'],
  ],
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': [[0, 'PK\x03\x04']],
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': [[0, 'PK\x03\x04']],
}

/** Whether bytes begin as those of the type do; texts are UTF-8 without control characters. */
export function isOfType(bytes: Uint8Array, type: MediaType): boolean {
  const beginnings = BEGINNINGS[type]
  if (beginnings !== undefined) {
    return beginnings.every(
      ([at, text]) => Buffer.from(bytes.subarray(at, at + text.length)).toString('latin1') === text,
    )
  }
  try {
    return !/(?![\t\n\f\r])\p{Cc}/u.test(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return false
  }
}

/** `content-disposition` of a download, for names in any script (RFC 6266). */
export function attachmentOf(name: string): string {
  const plain = name.normalize('NFKD').replace(/[^\w. ()-]/g, '_')
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
