// What stands outside of SmartHydro, simulated by the same doubles that the tests use: two wells with an instrument each, a
// third behind a provider's API, an instrument that nobody reads yet, and DGA.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Scope } from '../../protocol/runtime/scope.ts'
import { openDga } from '../../test/doubles/dga/server.ts'
import { openInstrument, wellRegisters } from '../../test/doubles/instrument.ts'
import { wellValues } from '../../test/doubles/providers/samples.ts'
import { openTwin } from '../../test/doubles/providers/twin.ts'
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
const POZO_9 = {
  ...WELL,
  since: WELL.since + 700_000,
  flowLps: 4.1,
  firstTotalM3: 1_204,
}

/** Of an instrument that nobody reads yet: the wizard brings it live. */
const SPARE = {
  ...WELL,
  since: WELL.since + 2_100_000,
  flowLps: 9.8,
  firstTotalM3: 402,
  restLevelM: 24.1,
  drawdownM: 3.3,
}

/** The provider's name for the third well's device, and who signs in there. */
export const TWIN = { device: 'demo-device-9', username: 'campo' } as const
const TWIN_EVERY_MS = 10_000

/** Opens all of it in a scope. */
export async function openSimulation(
  scope: Scope,
  { clock }: { clock: Clock },
  { dgaPassword, twinPassword }: Credentials,
): Promise<void> {
  const wells = {
    'instrument of pozo-7 (Modbus TCP)': POZO_7,
    'instrument of pozo-8 (Modbus TCP)': POZO_8,
    'spare instrument (Modbus TCP)': SPARE,
  }
  for (const [place, well] of Object.entries(wells)) {
    const port = PLACES[place as keyof typeof wells]
    scope.use(await openInstrument({ clock }, { port, registers: wellRegisters({ clock }, well) }))
  }
  scope.use(
    await openTwin(
      { clock },
      {
        port: PLACES['Twin (simulated provider)'],
        users: { [TWIN.username]: twinPassword },
        everyMs: TWIN_EVERY_MS,
        values: wellValues({ [TWIN.device]: POZO_9 }, { '5001': 'pulses', '5003': 'flowLps' }),
      },
    ),
  )
  const dga = scope.use(
    await openDga({ clock }, { port: PLACES['DGA (simulated)'], file: `${DEMO_FOLDER}/dga.jsonl` }),
  )
  dga.registry.controlCentres.push(CONTROL_CENTRE)
  dga.registry.informants.push({ rut: INFORMANT, password: dgaPassword })
  for (const code of ['OB-0602-7', 'OB-0602-8', 'OB-0602-9']) {
    dga.registry.works.push({ code, kind: 'groundwater', informants: [INFORMANT] })
  }
}
