// What carries requests: a connection or a line that is open. tcp.ts and rtu.ts are the two there are.

import type { Outcome, Request } from './request.ts'

/** A way to devices that is open. */
export interface Wire {
  /** Whether it is good for another request. What is not is thrown away, and another one opened. */
  isOpen(): boolean
  /**
   * Asks. One call at a time; it has an outcome by its deadline. A write that has expired when its bytes would leave is
   * `unsent`. Rejects with the signal's reason only.
   */
  ask(request: Request, signal: AbortSignal): Promise<Outcome>
  /** Ends it at once. Whatever still arrives is not heard. */
  destroy(): void
}

/** Opens a wire, or says why it could not. */
export type Connect = (signal: AbortSignal) => Promise<Wire | string>
