// Enough XML for SOAP 1.1 requests: elements, namespaces, text. No DTD, no entities but the five, no attributes kept.

/** An element. */
export interface XmlElement {
  namespace: string
  name: string
  children: XmlElement[]
  text: string
}

const TOKEN =
  /<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<\/([\w.:-]+)\s*>|<([\w.:-]+)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/y
const ATTRIBUTE = /([\w.:-]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/g
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** Reads a document. Throws with the offset when it is not well formed. */
export function parseXml(document: string): XmlElement {
  const root: XmlElement = { namespace: '', name: '', children: [], text: '' }
  const open: { element: XmlElement; tag: string; names: Map<string, string> }[] = [
    { element: root, tag: '', names: new Map([['', '']]) },
  ]
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < document.length) {
    const at = TOKEN.lastIndex
    const [whole, closing, opening, attributes = '', selfClosing, text] = TOKEN.exec(document) ?? []
    const top = open.at(-1)
    if (whole === undefined || top === undefined) throw new Error(`Not well formed at ${at}`)
    if (text !== undefined) top.element.text += unescapeXml(text)
    else if (closing !== undefined) {
      if (closing !== top.tag)
        throw new Error(`Not well formed at ${at}: </${closing}> where <${top.tag}> is open`)
      open.pop()
    } else if (opening !== undefined) {
      const names = new Map(top.names)
      for (const [, name = '', double, single] of attributes.matchAll(ATTRIBUTE)) {
        if (name === 'xmlns') names.set('', double ?? single ?? '')
        else if (name.startsWith('xmlns:')) names.set(name.slice(6), double ?? single ?? '')
      }
      const [prefix, name] = opening.includes(':') ? (opening.split(':') as [string, string]) : ['', opening]
      const namespace = names.get(prefix)
      if (namespace === undefined) throw new Error(`Not well formed at ${at}: unknown prefix ${prefix}`)
      const element: XmlElement = { namespace, name, children: [], text: '' }
      top.element.children.push(element)
      if (selfClosing !== '/') open.push({ element, tag: opening, names })
    }
  }
  const [document_, ...more] = root.children
  if (open.length !== 1 || document_ === undefined || more.length > 0)
    throw new Error('Not well formed: not one root element')
  return document_
}

/** The first child of that name; `undefined` when there is none. */
export function child(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find(one => one.name === name)
}

/** Text for an element. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function unescapeXml(text: string): string {
  return text.replace(/&(#x?[\da-f]+|\w+);/gi, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16))
    if (name.startsWith('#')) return String.fromCodePoint(Number(name.slice(1)))
    return ENTITIES[name] ?? whole
  })
}
