// X.509 as both sides write it. The library needs the other package to be there before it is loaded.

import 'reflect-metadata'

export * from '@peculiar/x509'
