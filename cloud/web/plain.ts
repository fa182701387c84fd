// Text as people search it.

/** Without case or accents: nobody types them when searching. */
export const plain = (text: string): string => text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase()
