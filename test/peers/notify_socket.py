# A socket as systemd opens one for a service of Type=notify: says each line that it is told, and lets who told it go on.

import array
import os
import socket
import sys

told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.bind(sys.argv[1])
print("bound", flush=True)
while True:
    lines, ancillary, _, _ = told.recvmsg(4096, socket.CMSG_SPACE(16 * 4))
    for _, _, descriptors in ancillary:
        for descriptor in array.array("i", descriptors):
            os.close(descriptor)
    print(lines.decode(), flush=True)
