// What the cloud's own processes say to each other at nats-server. Nothing of it is kept, and nothing depends on it.

/** Something was committed: whoever looks for work need not wait. */
export const COMMITTED_SUBJECT = 'cloud.v1.committed'

/** A gateway's state was kept by the replica that says it. `+` for all gateways. */
export const stateSubject = (gateway: string): string => `cloud.v1.state.${gateway === '+' ? '*' : gateway}`
