// The colours of the style sheets for what is drawn on a canvas, which does not know them by name.

const probes = new Map<string, string>()
let scheme = ''

/** What a custom property is now, as a colour that a canvas takes. */
export function colourOf(name: string): string {
  const now = `${document.documentElement.dataset.theme ?? ''} ${matchMedia('(prefers-color-scheme: dark)').matches}`
  if (now !== scheme) {
    scheme = now
    probes.clear()
  }
  const known = probes.get(name)
  if (known !== undefined) return known
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  probes.set(name, color)
  return color
}

/** Calls back whenever the appearance changes. Returns how to stop. */
export function onAppearance(changed: () => void): () => void {
  const media = matchMedia('(prefers-color-scheme: dark)')
  const observer = new MutationObserver(changed)
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  media.addEventListener('change', changed)
  return () => {
    observer.disconnect()
    media.removeEventListener('change', changed)
  }
}
