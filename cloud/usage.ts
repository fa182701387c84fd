// What smarthydro-cloud says of its command line.

import { ASSUMABLE, DATE_FORMATS, ZONES } from './imports/format.ts'
import { SERVICE_NAMES } from './service.ts'
import { ROLES, SCOPES } from './store/accounts.ts'

/** Every command, with its options. */
export const USAGE = `smarthydro-cloud: collects what gateways measure, computes, declares, shows

  smarthydro-cloud run [--services ${SERVICE_NAMES.join(',')}]
                                              run these services, or all, until told to stop
  smarthydro-cloud health [--services …]      whether these services of this machine are well
  smarthydro-cloud trace --work W --at T [--otlp URL]
                                              the way of a declaration, from its readings to its receipt
  smarthydro-cloud smoke [--broker URL] [--api URL]
                                              sends a reading of a point of its own through everything
  smarthydro-cloud migrate                    bring the database to the shape this version needs
  smarthydro-cloud provision FILE             make what a site.yaml describes; a second time changes nothing
  smarthydro-cloud pack --work W --month 2026-01 [--out FOLDER]
                                              writes a month of a work, to be signed and kept
  smarthydro-cloud verify-evidence [--pack FILE.json]
                                              finds what was altered in, removed from or moved within what was declared
  smarthydro-cloud grafana-role [--client C]  prints the script of a database role that reads what dashboards show
  smarthydro-cloud sending [on|off --reason R [--work W | --informant RUT]]
                                              says what is declared; stops it or goes on, all of it or one's
  smarthydro-cloud secrets rewrap             seals passwords with the current key that a former one sealed
  smarthydro-cloud recompute --point P --from T --to T
                                              says what computing a stretch of a point again would change
  smarthydro-cloud recompute PREVIEW --reason R   does what that said, or nothing
  smarthydro-cloud user create --email A --name N --role R [--client C]
  smarthydro-cloud user reset-password --email A    takes a second factor away too
                                              both print the drawn password, once
  smarthydro-cloud token create --name N --role R [--client C] [--scopes ${SCOPES.join(',')}] [--days D]
                                              prints the token, once
  smarthydro-cloud token revoke --name N      ends it at once
  smarthydro-cloud gateway token GATEWAY      gives a gateway another token and prints it, once
  smarthydro-cloud fleet list | show GATEWAY | logs [GATEWAY]       each also with --json
  smarthydro-cloud fleet key                  what gateways believe configurations by: their fleet-key.pem
  smarthydro-cloud fleet claim GATEWAY … [--days D] [--labels FILE.pdf] [--replace]
                                              draws a claim code for each and prints the command that enrols it
  smarthydro-cloud fleet claim CLIENT.PROJECT --uses N [--days D]
                                              one code for many gateways, which name themselves
  smarthydro-cloud fleet revoke GATEWAY … --reason R    cuts them off at once
  smarthydro-cloud fleet command GATEWAY '{"kind":"restart"}' [--wait S]
                                              gives a command and prints what comes of it
  smarthydro-cloud fleet release [VERSION]    says what there is and how it goes; brings one to gateways, in stages
  smarthydro-cloud fleet release halt --reason R        asks no further gateway
  smarthydro-cloud fleet certificate NAME … [--out FOLDER]
                                              a certificate by the fleet's authority for a server of the cloud
  smarthydro-cloud fleet rotate issuing|root  from now on another authority issues
  smarthydro-cloud nats users [--mqtt] [--certificates] [--follow --out FILE [--pid FILE]]
                                              prints who may do what on a nats-server, for its configuration; or
                                              keeps a file so, and tells the server when it has changed
  smarthydro-cloud import file FILE --point P [--delimiter ;] [--decimal ,] [--dates D] [--zone Z] [--time T]
                                              reads a file of history and shows what it would bring
  smarthydro-cloud import confirm ID [--accept ${ASSUMABLE.join(',')}]
                                              stores it, and computes what follows
  smarthydro-cloud import list | show ID | settings ID [--zone Z …] | undo ID | discard ID
  smarthydro-cloud --version

Roles: ${ROLES.join(', ')}.
Dates of files: ${DATE_FORMATS.join(', ')}. Zones: ${ZONES.join(', ')}. Times: measured, logger.
Settings come from the environment and from ./.env; .env.example lists them.
Exit status: 0 stopped or done, 1 refused, 64 wrong command line, 69 no database, 78 wrong configuration.
`
