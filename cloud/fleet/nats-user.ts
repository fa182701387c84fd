// How nats-server knows an enrolled gateway by its certificate.

/** The name in the certificate that nats-server takes: another key is another user. */
export const natsUserOf = (gateway: string, keyHash: Uint8Array): string =>
  `${gateway}.${Buffer.from(keyHash).toString('hex').slice(0, 16)}`
