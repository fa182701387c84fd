// The browser's clock, corrected by what the server last said the time is.

let offsetMs = 0

/** Now, epoch milliseconds, as the server counts. */
export const now = (): number => Date.now() + offsetMs

/** Takes over the server's time; a device whose clock is wrong must not make every value look old. */
export function heed(serverNow: number): void {
  offsetMs = serverNow - Date.now()
}
