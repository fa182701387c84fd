// What points and readings are called, in English.

import type { words as es } from '../es/words.ts'

/** The words in English. */
export const words: typeof es = {
  state: { current: 'Up to date', fault: 'Faulty', late: 'Late', silent: 'Silent', never: 'No data' },
  stateHint: {
    current: 'Everything comes in time',
    fault: 'It is heard, but something has no value',
    late: 'The next reading is overdue',
    silent: 'Not heard for long',
    never: 'Nothing ever came',
  },
  variable: {
    flow: 'Flow',
    total: 'Totalizer',
    level: 'Level above sensor',
    pulses: 'Pulses',
    pressure: 'Pressure',
    temperature: 'Temperature',
    conductivity: 'Conductivity',
    velocity: 'Velocity',
    voltage: 'Voltage',
    battery: 'Battery',
    stage: 'Stage',
    ph: 'pH',
    turbidity: 'Turbidity',
    status: 'Status',
    reverse_total: 'Reverse totalizer',
    net_total: 'Net totalizer',
    running_time: 'Running time',
    energy: 'Energy',
    power: 'Power',
    signal_quality: 'Signal',
    water_table: 'Water table',
    volume: 'Volume',
    mean_flow: 'Mean flow',
  },
  unit: { pulses: 'pulses', code: 'code' },
  quality: {
    good: 'Good',
    uncertain: 'Uncertain',
    sensor_code: 'The sensor gave a fault code',
    no_answer: 'The instrument did not answer',
    exception: 'The instrument answered with an error',
    bad_answer: 'Damaged answer',
    not_a_number: 'Not a number',
    no_data: 'The provider has nothing',
    request_failed: 'The provider could not be asked',
    auth_failed: 'The provider refused the credentials',
    unknown: 'Unknown quality',
  },
}
