// Why a device at a provider is silent: by asking its provider once, where no gateway runs.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { RunnableProvider } from '../config.ts'
import { showRemote } from '../providers/show.ts'
import type { Finding } from './finding.ts'

/** Asks a device's provider once, as a gateway that starts would. */
export async function examineProvider(
  { clock }: { clock: Clock },
  config: RunnableProvider,
  signal: AbortSignal,
): Promise<Finding> {
  const { id, provider } = config
  const subject = `device ${id}`
  const tried = `asking ${provider} once for the newest of each signal`
  const { failure } = await showRemote({ clock }, config, signal)
  if (failure === undefined) return { state: 'ok', subject, found: 'its provider gives its values', tried }
  return { state: 'wrong', subject, found: failure, tried, todo: providerAdviceOn(failure) }
}

/** What a person can do about why a provider gave nothing. */
export function providerAdviceOn(failure: string): string {
  if (/too many requests/.test(failure))
    return 'the provider wants to be asked less often: raise `every`, or wait'
  if (/HTTP (401|403)\b/.test(failure)) {
    return 'the provider refuses us: check the name and password, or the token, that the configuration takes from the environment or a file'
  }
  if (/HTTP 404\b/.test(failure))
    return 'the provider is there and does not know this: check the device, its keys and baseUrl'
  if (/HTTP \d/.test(failure))
    return 'the provider is there and in trouble: nothing to do here unless it lasts'
  if (/has nothing|nothing new|no sample|the device’s time|the device gave/.test(failure)) {
    return 'the provider answers: look at the logger itself, its power, its SIM and its sensor, and whether the keys are its'
  }
  if (/not JSON|longer than/.test(failure))
    return 'what answers there is not this provider’s API: check baseUrl or the url, and any proxy on the way'
  return 'check the site’s internet and its name server, and that its firewall lets this provider through'
}
