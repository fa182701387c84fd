// What a rule looks for, in words: for messages, and for the screens. No schema is needed here, so the pages stay small.

import { VARIABLES, type Variable } from '../../protocol/variables.ts'
import { words as en } from '../web/i18n/en/words.ts'
import { words as es } from '../web/i18n/es/words.ts'
import type { Language } from './preferences.ts'
import type { AlertConditionInput } from './rule.ts'

const VARIABLE_WORDS: Record<Language, Record<Variable, string>> = { es: es.variable, en: en.variable }

/** What a rule looks for, as the API shows it. */
export type AlertConditionShown = AlertConditionInput

/** A duration as it is written in a rule, in words: `90s`, `10m` → `10 min`. */
export function lastingWords(text: string, language: Language): string {
  const [, count = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? []
  const one = count === '1'
  const days = language === 'es' ? (one ? 'día' : 'días') : one ? 'day' : 'days'
  const named = { ms: 'ms', s: 's', m: 'min', h: 'h', d: days }[unit]
  return named === undefined ? text : `${count} ${named}`
}

/** The unit of the value that a condition looks at. */
export function unitOfCondition(condition: AlertConditionInput): string {
  if (condition.kind === 'forecast' || (condition.kind === 'over_right' && condition.of === 'year'))
    return '%'
  if (condition.kind === 'over_right') return VARIABLES.flow.unit
  return 'variable' in condition && condition.variable !== undefined ? VARIABLES[condition.variable].unit : ''
}

/** What a rule looks for, in words that go on a line. */
export function conditionWords(condition: AlertConditionInput, language: Language): string {
  const number = (value: number): string =>
    new Intl.NumberFormat(language === 'es' ? 'es-CL' : 'en-GB', { maximumFractionDigits: 3 }).format(value)
  const lasting = (text: string): string => lastingWords(text, language)
  const during = 'for' in condition && condition.for !== undefined ? lasting(condition.for) : undefined
  const words = language === 'es' ? spanish : english
  return words(condition, { number, lasting, during })
}

interface Said {
  number: (value: number) => string
  lasting: (text: string) => string
  /** How long it must last. */
  during: string | undefined
}

function spanish(condition: AlertConditionInput, { number, lasting, during }: Said): string {
  const name = (variable: Variable) => VARIABLE_WORDS.es[variable]
  const unit = unitOfCondition(condition)
  const lasts = during === undefined ? '' : ` durante ${during}`
  switch (condition.kind) {
    case 'threshold':
      return `${name(condition.variable)} ${condition.is === 'above' ? 'sobre' : 'bajo'} ${number(condition.limit)} ${unit}${lasts}`
    case 'rate':
      return `${name(condition.variable)} ${condition.is === 'rising' ? 'sube' : 'baja'} más de ${number(condition.perHour)} ${unit} por hora${lasts}`
    case 'duration':
      return `${name(condition.variable)} ${condition.is === 'above' ? 'sobre' : 'bajo'} ${number(condition.limit)} ${unit} por ${lasting(condition.total)} en total dentro de ${lasting(condition.within)}`
    case 'stuck':
      return `${name(condition.variable)} sin moverse por ${lasting(condition.for)}`
    case 'no_data':
      return `Sin datos${condition.variable === undefined ? '' : ` de ${name(condition.variable)}`} por ${lasting(condition.for)}`
    case 'counter_event':
      return 'El totalizador hizo algo que no es medir agua'
    case 'over_right':
      return condition.of === 'flow'
        ? `Caudal sobre el ${number(condition.percent ?? 100)} % del derecho${lasts}`
        : `Volumen del año sobre el ${number(condition.percent ?? 100)} % del derecho`
    case 'forecast':
      return `Se proyecta que ${condition.period === 'year' ? 'el año' : 'el mes'} pasará del ${number(condition.percent ?? 100)} % del derecho`
    case 'dga_late':
      return `Declaración a la DGA atrasada${during === undefined ? '' : ` por ${during}`}`
    case 'gateway_lost':
      return `Gateway sin señal${during === undefined ? '' : ` por ${during}`}`
  }
}

function english(condition: AlertConditionInput, { number, lasting, during }: Said): string {
  const name = (variable: Variable) => VARIABLE_WORDS.en[variable]
  const unit = unitOfCondition(condition)
  const lasts = during === undefined ? '' : ` for ${during}`
  switch (condition.kind) {
    case 'threshold':
      return `${name(condition.variable)} ${condition.is} ${number(condition.limit)} ${unit}${lasts}`
    case 'rate':
      return `${name(condition.variable)} ${condition.is} by more than ${number(condition.perHour)} ${unit} an hour${lasts}`
    case 'duration':
      return `${name(condition.variable)} ${condition.is} ${number(condition.limit)} ${unit} for ${lasting(condition.total)} altogether within ${lasting(condition.within)}`
    case 'stuck':
      return `${name(condition.variable)} has not moved for ${lasting(condition.for)}`
    case 'no_data':
      return `No data${condition.variable === undefined ? '' : ` of ${name(condition.variable)}`} for ${lasting(condition.for)}`
    case 'counter_event':
      return 'The counter did something that is no metering of water'
    case 'over_right':
      return condition.of === 'flow'
        ? `Flow above ${number(condition.percent ?? 100)} % of the right${lasts}`
        : `Volume of the year above ${number(condition.percent ?? 100)} % of the right`
    case 'forecast':
      return `The ${condition.period} is projected to pass ${number(condition.percent ?? 100)} % of the right`
    case 'dga_late':
      return `Declaration to DGA late${during === undefined ? '' : ` by ${during}`}`
    case 'gateway_lost':
      return `Gateway lost${during === undefined ? '' : ` for ${during}`}`
  }
}
