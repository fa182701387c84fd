// The report of a work's month, to be signed: what was owed, what DGA holds, and what is missing, with its reason.

import PDFDocument from 'pdfkit'
import type { PackSlot } from '../store/reconciliation.ts'
import { regulatorDate, regulatorMonth, regulatorTime } from './calendar.ts'
import type { PackFacts } from './pack.ts'

const MARGIN = 50
const ROW_HEIGHT = 12
const MONTHS = [
  ...['enero', 'febrero', 'marzo', 'abril', 'mayo', 'junio', 'julio', 'agosto', 'septiembre', 'octubre'],
  ...['noviembre', 'diciembre'],
]

/** What a slot's state is called. */
const STATES: Record<PackSlot['state'], string> = {
  pending: 'en espera de lecturas',
  no_data: 'sin medición',
  ready: 'por enviar',
  sending: 'en envío',
  sent: 'aceptada',
  review: 'en revisión',
  shadow: 'no enviada (modo de prueba)',
  not_measured: 'no medida',
  rejected: 'rechazada por una persona',
  withdrawn: 'retirada',
}

/** Writes the report. The same facts give the same bytes. */
export async function toPdf(
  facts: PackFacts,
  hashes: readonly { name: string; hash: string }[],
): Promise<Uint8Array> {
  const { work, month } = facts
  // Its id follows from what `info` says: dates are of the month, not of the making.
  const made = new Date(regulatorMonth(month).to)
  const pdf = new PDFDocument({
    ...{ size: 'A4', margin: MARGIN, compress: false, bufferPages: true, lang: 'es-CL' },
    info: {
      ...{ Title: `Declaraciones de ${work.workCode}, ${month}`, Author: work.informantName },
      ...{ Creator: 'SmartHydro', Producer: 'SmartHydro', CreationDate: made, ModDate: made },
    },
  })
  const chunks: Buffer[] = []
  pdf.on('data', (chunk: Buffer) => chunks.push(chunk))
  const ended = new Promise(resolve => pdf.on('end', resolve))
  writeSummary(pdf, facts)
  writeHashes(pdf, facts, hashes)
  writeSignature(pdf, facts)
  writeSlots(pdf, facts)
  numberPages(pdf, facts)
  pdf.end()
  await ended
  return new Uint8Array(Buffer.concat(chunks))
}

type Pdf = InstanceType<typeof PDFDocument>

function writeSummary(pdf: Pdf, { work, month, counts }: PackFacts): void {
  const [year = '', number = '1'] = month.split('-')
  pdf.font('Helvetica-Bold').fontSize(16).text(`Declaraciones de la obra ${work.workCode}`)
  pdf
    .fontSize(12)
    .text(`${MONTHS[Number(number) - 1]} de ${year} (hora oficial UTC-4)`)
    .moveDown()
  pdf.font('Helvetica').fontSize(10)
  pairs(pdf, [
    ['Titular', [work.clientName, work.clientRut].filter(text => text !== null).join(', RUT ')],
    ['Punto de captación', `${work.pointName} (${work.point})`],
    ['Informante', `${work.informantName}, RUT ${work.informantRut}`],
    ['Centro de control', `RUT ${work.controlCentreRut}`],
  ])
  pdf.moveDown()
  pairs(pdf, [
    ['Declaraciones debidas', String(counts.owed)],
    ['Medidas', String(counts.measured)],
    ['Enviadas', String(counts.sent)],
    ['Aceptadas por la DGA', String(counts.accepted)],
    ['Verificadas con su comprobante', String(counts.verified)],
    ['Aceptadas fuera de plazo', String(counts.late)],
    ['Aceptadas fuera del desfase máximo', String(counts.failures)],
    ['Faltantes', String(counts.owed - counts.accepted)],
  ])
  pdf.moveDown()
  if (counts.missing.length === 0) return
  pdf.font('Helvetica-Bold').text('Faltantes, con su motivo').font('Helvetica')
  for (const { state, reason, count } of counts.missing) {
    pdf.text(`${count} × ${STATES[state]}${reason === null ? '' : `: ${plain(reason)}`}`)
  }
  pdf.moveDown()
}

function pairs(pdf: Pdf, rows: readonly (readonly [string, string])[]): void {
  for (const [name, value] of rows) {
    pdf.font('Helvetica-Bold').text(`${name}: `, { continued: true }).font('Helvetica').text(plain(value))
  }
}

function writeHashes(pdf: Pdf, { last }: PackFacts, hashes: readonly { name: string; hash: string }[]): void {
  pdf.font('Helvetica-Bold').text('Archivos de este informe (SHA-256)').font('Courier').fontSize(7)
  for (const { name, hash } of hashes) pdf.text(`${hash}  ${name}`)
  pdf.moveDown().font('Helvetica-Bold').fontSize(10).text('Última fila de evidencia del mes')
  pdf.font('Courier').fontSize(7)
  pdf.text(last === undefined ? 'No hay evidencia.' : `${last.hash}  fila ${last.seq}`)
  pdf.font('Helvetica').fontSize(10).moveDown()
}

function writeSignature(pdf: Pdf, { work }: PackFacts): void {
  pdf.moveDown(4)
  const { x, y } = pdf
  pdf
    .moveTo(x, y)
    .lineTo(x + 220, y)
    .stroke()
  pdf
    .moveTo(x + 270, y)
    .lineTo(x + 420, y)
    .stroke()
  pdf.text(plain(work.informantName), x, y + 4).text('Fecha', x + 270, y + 4)
}

/** Columns of the table, from the left margin. */
const COLUMNS = [
  { title: 'Fecha', x: 0 },
  { title: 'Hora', x: 52 },
  { title: 'Caudal L/s', x: 92 },
  { title: 'Total m³', x: 142 },
  { title: 'Nivel', x: 200 },
  { title: 'Estado, comprobante', x: 240 },
] as const

function writeSlots(pdf: Pdf, { slots }: PackFacts): void {
  const bottom = pdf.page.height - MARGIN - 2 * ROW_HEIGHT
  let y = Number.POSITIVE_INFINITY
  for (const { dueAt, declaration, state, reason, receipt, verification } of slots) {
    if (y > bottom) {
      pdf.addPage().font('Helvetica-Bold').fontSize(8)
      y = MARGIN
      for (const { title, x } of COLUMNS) pdf.text(title, MARGIN + x, y, { lineBreak: false })
      pdf.font('Helvetica').fontSize(7)
      y += ROW_HEIGHT
    }
    const verified = verification === 'match' ? ' (verificado)' : ''
    const outcome =
      receipt === null
        ? [STATES[state], reason].filter(text => text !== null).join(': ')
        : `${receipt}${verified}`
    const cells = [
      ...[regulatorDate(dueAt), regulatorTime(dueAt), declaration?.flow ?? '', declaration?.total ?? ''],
      ...[declaration?.level ?? '', plain(outcome).slice(0, 72)],
    ]
    for (const [index, { x }] of COLUMNS.entries()) {
      pdf.text(cells[index] ?? '', MARGIN + x, y, { lineBreak: false })
    }
    y += ROW_HEIGHT
  }
}

function numberPages(pdf: Pdf, { work, month }: PackFacts): void {
  const { count } = pdf.bufferedPageRange()
  for (let page = 0; page < count; page += 1) {
    pdf.switchToPage(page)
    pdf.page.margins.bottom = 0
    const y = pdf.page.height - MARGIN + ROW_HEIGHT
    pdf.font('Helvetica').fontSize(7)
    pdf.text(`${work.workCode}, ${month}: página ${page + 1} de ${count}`, MARGIN, y, { lineBreak: false })
  }
}

/** The standard fonts hold Latin-1: what is not in it is told by a question mark, the tables have it whole. */
const plain = (text: string): string => text.replace(/[^\x20-\x7e\xa0-\xff]/g, '?')
