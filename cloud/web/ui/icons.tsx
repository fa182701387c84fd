// The few signs that the application uses, drawn on a grid of 20.

import type { ReactNode } from 'react'

const PATHS = {
  overview: <path d="M3 3.5h5.5v6H3zM11.5 3.5H17v3.5h-5.5zM11.5 10.5H17v6h-5.5zM3 13h5.5v3.5H3z" />,
  gateway: (
    <>
      <rect x="3" y="11" width="14" height="6" rx="1.5" />
      <path d="M6 14h.01M9 14h.01M6.5 8a5 5 0 0 1 7 0M4 5.3a8.5 8.5 0 0 1 12 0" />
    </>
  ),
  incident: <path d="M10 3 2.5 16.5h15zM10 8v4M10 14.2h.01" />,
  review: <path d="M4 3h9l3 3v11H4zM7 9.5l2 2 4-4M7 14.5h6" />,
  account: (
    <>
      <circle cx="10" cy="6.5" r="3.25" />
      <path d="M3.5 17c.6-3.5 3-5.3 6.5-5.3s5.9 1.8 6.5 5.3" />
    </>
  ),
  signOut: (
    <path d="M8 3H4.5A1.5 1.5 0 0 0 3 4.5v11A1.5 1.5 0 0 0 4.5 17H8M12.5 6.5 16.5 10l-4 3.5M16 10H7.5" />
  ),
  search: (
    <>
      <circle cx="9" cy="9" r="5.25" />
      <path d="m13 13 4 4" />
    </>
  ),
  previous: <path d="m12 4-6 6 6 6" />,
  next: <path d="m8 4 6 6-6 6" />,
  down: <path d="m5 8 5 5 5-5" />,
  plus: <path d="M10 4v12M4 10h12" />,
  minus: <path d="M4 10h12" />,
  fit: <path d="M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4" />,
  download: <path d="M10 3v9.5M6 9l4 4 4-4M3.5 16.5h13" />,
  external: <path d="M8 4H4v12h12v-4M11.5 3.5h5v5M16 4l-7 7" />,
  check: <path d="m4 10.5 4 4 8-9" />,
  close: <path d="m5 5 10 10M15 5 5 15" />,
  warning: <path d="M10 3 2.5 16.5h15zM10 8v4M10 14.25h.01" />,
  table: <path d="M3 4h14v12H3zM3 8h14M3 12h14M8 8v8" />,
  chart: <path d="M3 3v14h14M6 13l3.5-4 3 2.5L17 6" />,
} satisfies Record<string, ReactNode>

/** A sign beside words; it says nothing by itself. */
export function Icon({ name, size = 20 }: { name: keyof typeof PATHS; size?: number }) {
  return (
    <svg
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {PATHS[name]}
    </svg>
  )
}

/** The mark of SmartHydro. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg className="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" className="mark-ground" />
      <path
        d="M16 5.5c4.4 5.2 7.3 8.9 7.3 12.7a7.3 7.3 0 0 1-14.6 0c0-3.8 2.9-7.5 7.3-12.7z"
        className="mark-drop"
      />
      <path d="M10.6 18.6c1.8-1.3 3.6-1.3 5.4 0s3.6 1.3 5.4 0a5.4 5.4 0 0 1-10.8 0z" className="mark-water" />
    </svg>
  )
}
