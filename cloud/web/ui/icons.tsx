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
  more: <path strokeWidth="3" d="M4 10h.01M10 10h.01M16 10h.01" />,
  upload: <path d="M10 13V3.5M6 7l4-4 4 4M3.5 16.5h13" />,
  balance: <path d="M3.5 16.5h13M5 16V9.5h2.5V16M9 16V4h2.5v12M13 16v-8.5h2.5V16" />,
  compare: <path d="M3 14c2.5 0 3-8 5.5-8s3 8 5.5 8M6 16.5c2.5 0 3-5 5.5-5s3 3 5.5 3" />,
  dga: <path d="M5 2.5h7l3.5 3.5v11.5H5zM12 2.5V6h3.5M8 10h5M8 13h5" />,
  edit: <path d="M3.5 16.5v-3l9-9 3 3-9 9zM10.5 6.5l3 3" />,
  history: <path d="M4 10a6 6 0 1 0 2-4.5L4 7.5M4 3.5v4h4M10 7v3.5l2.5 1.5" />,
  key: <path d="M7 10a3.25 3.25 0 1 0 0 .01M10 10h7M15 10v3M12.5 10v2" />,
  people: (
    <path d="M7.5 9.5a3 3 0 1 0-.01 0M2.5 16.5c.4-3 2.2-4.5 5-4.5s4.6 1.5 5 4.5M13 4a2.7 2.7 0 0 1 0 5.2M14.5 12c1.8.5 2.8 2 3 4.5" />
  ),
  settings: <path d="M3 6h6M13 6h4M11 4v4M3 14h3M10 14h7M8 12v4" />,
  bell: <path d="M5 14V9a5 5 0 0 1 10 0v5l1.5 1.5h-13zM8.5 17.5h3" />,
  wizard: <path d="M4 16 13 7M11 5l4 4M5 3v3M3.5 4.5h3M15 12v3M13.5 13.5h3" />,
  shield: <path d="M10 2.5 4 5v5c0 3.5 2.5 6 6 7.5 3.5-1.5 6-4 6-7.5V5zM7.5 10l2 2 3.5-4" />,
  table: <path d="M3 4h14v12H3zM3 8h14M3 12h14M8 8v8" />,
  chart: <path d="M3 3v14h14M6 13l3.5-4 3 2.5L17 6" />,
} satisfies Record<string, ReactNode>

/** The name of a sign. */
export type IconName = keyof typeof PATHS

/** A sign beside words; it says nothing by itself. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
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
