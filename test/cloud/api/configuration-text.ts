// A configuration that the cloud lets pass, for the gateways of the scene.

/** What a gateway of the scene may run with. */
export const configurationOf = (client: string): string => `gateway: gw-${client}
client: ${client}
project: los-aromos
uplink: { url: "mqtts://cloud.example:8883", credentials: ./identity }
buffer: { path: ./buffer }
buses: [{ id: ${client}-plant, tcp: { host: 192.168.1.20 } }]
devices: [{ id: meter, bus: ${client}-plant, point: pozo-7, every: 1m, profile: siemens-mag-6000 }]
`
