// Labels for gateways: who it is, its claim code, and a QR code of the command that enrols it.
//
// 21 on a page of A4, 63.5 × 38.1 mm each (Avery L7160 and the like). The QR code holds the whole command, so that who stands before
// the cabinet scans it and pastes it.

import PDFDocument from 'pdfkit'
import { encode } from 'uqr'

const MM = 72 / 25.4
const LABEL = { widthMm: 63.5, heightMm: 38.1, gapXMm: 2.5, leftMm: 7.2, topMm: 15.1, columns: 3, rows: 7 }
const QR_MM = 31
const PADDING_MM = 2.5

/** A label. */
export interface Label {
  gateway: string
  code: string
  client: string
  /** What a person calls where it goes. */
  place: string
}

/** The command that enrols a gateway. */
export const enrolCommand = (code: string, url: string): string =>
  `smarthydro-edge enroll --code ${code} ${url}`

/** Draws the pages. The same labels at the same time give the same bytes. */
export async function toLabels(
  labels: readonly Label[],
  { url, now }: { url: string; now: number },
): Promise<Uint8Array> {
  const made = new Date(now)
  const pdf = new PDFDocument({
    ...{ size: 'A4', margin: 0, lang: 'es-CL', autoFirstPage: false },
    info: {
      ...{
        Title: 'Etiquetas de gateways',
        Author: 'SmartHydro',
        Creator: 'SmartHydro',
        Producer: 'SmartHydro',
      },
      ...{ Keywords: labels.map(({ gateway }) => gateway).join(' '), CreationDate: made, ModDate: made },
    },
  })
  const chunks: Buffer[] = []
  pdf.on('data', (chunk: Buffer) => chunks.push(chunk))
  const ended = new Promise(resolve => pdf.on('end', resolve))
  const aPage = LABEL.columns * LABEL.rows
  for (const [index, label] of labels.entries()) {
    if (index % aPage === 0) pdf.addPage()
    const place = index % aPage
    drawLabel(pdf, label, url, {
      x: (LABEL.leftMm + (place % LABEL.columns) * (LABEL.widthMm + LABEL.gapXMm)) * MM,
      y: (LABEL.topMm + Math.floor(place / LABEL.columns) * LABEL.heightMm) * MM,
    })
  }
  pdf.end()
  await ended
  return new Uint8Array(Buffer.concat(chunks))
}

type Pdf = InstanceType<typeof PDFDocument>

function drawLabel(pdf: Pdf, label: Label, url: string, { x, y }: { x: number; y: number }): void {
  const top = y + ((LABEL.heightMm - QR_MM) / 2) * MM
  drawQr(pdf, enrolCommand(label.code, url), { x: x + PADDING_MM * MM, y: top, side: QR_MM * MM })
  const left = x + (PADDING_MM + QR_MM + 2) * MM
  const width = (LABEL.widthMm - QR_MM - 2 * PADDING_MM - 2) * MM
  const line = (text: string, atMm: number, size: number, font: string) => {
    pdf.font(font).fontSize(fitting(pdf, text, size, width))
    pdf.text(text, left, top + atMm * MM, { width, height: size * 1.2, lineBreak: false, ellipsis: true })
  }
  line(label.gateway, 0.5, 11, 'Helvetica-Bold')
  line(label.place, 6, 7.5, 'Helvetica')
  line(label.client, 9.5, 7.5, 'Helvetica')
  line('Código de enrolamiento', 14.5, 6, 'Helvetica')
  const half = label.code.indexOf('-', label.code.length / 2 - 1)
  line(label.code.slice(0, half), 17.5, 11, 'Courier-Bold')
  line(label.code.slice(half + 1), 22, 11, 'Courier-Bold')
  line(new URL(url).host, 27.5, 6, 'Helvetica')
}

const SIZE_MIN = 5

/** The largest size, up to `size`, in which a text fits. */
function fitting(pdf: Pdf, text: string, size: number, width: number): number {
  const natural = pdf.fontSize(size).widthOfString(text)
  return natural <= width ? size : Math.max(SIZE_MIN, (size * width) / natural)
}

function drawQr(pdf: Pdf, text: string, { x, y, side }: { x: number; y: number; side: number }): void {
  const { data, size } = encode(text, { ecc: 'M', border: 1 })
  const cell = side / size
  for (const [row, cells] of data.entries()) {
    for (const [column, isDark] of cells.entries()) {
      if (isDark) pdf.rect(x + column * cell, y + row * cell, cell, cell)
    }
  }
  pdf.fill('black')
}
