// What stands outside of SmartHydro, simulated by the same doubles that the tests use: a well for each way of reading one.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Scope } from '../../protocol/runtime/scope.ts'
import { openDga } from '../../test/doubles/dga/server.ts'
import { openInstrument, wellRegisters } from '../../test/doubles/instrument.ts'
import { WELL } from '../../test/doubles/well.ts'
import type { Credentials } from './credentials.ts'
import { DEMO_FOLDER, PLACES } from './places.ts'

/** What the simulated site declares as; site.yaml says the same. */
const INFORMANT = '12345678-5'
const CONTROL_CENTRE = '76543210-3'

const POZO_7 = WELL
const POZO_8 = {
  ...WELL,
  since: WELL.since + 1_500_000,
  flowLps: 7.4,
  firstTotalM3: 9_120,
  restLevelM: 18.6,
  drawdownM: 2.9,
}

/** The provider's name for the third well's device, and who signs in there. */
export const TWIN = { device: 'demo-device-9', username: 'campo' } as const

/** Opens all of it in a scope. */
export async function openSimulation(
  scope: Scope,
  { clock }: { clock: Clock },
  { dgaPassword }: Credentials,
): Promise<void> {
  const wells = { 'instrument of pozo-7 (Modbus TCP)': POZO_7, 'instrument of pozo-8 (Modbus TCP)': POZO_8 }
  for (const [place, well] of Object.entries(wells)) {
    const port = PLACES[place as keyof typeof wells]
    scope.use(await openInstrument({ clock }, { port, registers: wellRegisters({ clock }, well) }))
  }
  const dga = scope.use(
    await openDga({ clock }, { port: PLACES['DGA (simulated)'], file: `${DEMO_FOLDER}/dga.jsonl` }),
  )
  dga.registry.controlCentres.push(CONTROL_CENTRE)
  dga.registry.informants.push({ rut: INFORMANT, password: dgaPassword })
  for (const code of ['OB-0602-7', 'OB-0602-8']) {
    dga.registry.works.push({ code, kind: 'groundwater', informants: [INFORMANT] })
  }
}
