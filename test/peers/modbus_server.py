"""A Modbus TCP server on pymodbus: modbus_server.py PORT.

Reads from its standard input what it holds, one cell a line: "table address value", with coil, discrete, holding or
input, and ends with a line "serve". Answers any unit until its standard input ends.
"""
import os
import sys
import threading

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartTcpServer

CELLS = 4096

tables = {table: [0] * CELLS for table in ("coil", "discrete", "holding", "input")}
for line in iter(sys.stdin.readline, "serve\n"):
    table, address, value = line.split()
    tables[table][int(address)] = int(value)

threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()

# Address 0 on the wire is the first cell of a block that begins at 1.
blocks = {table: ModbusSequentialDataBlock(1, cells) for table, cells in tables.items()}
device = ModbusSlaveContext(co=blocks["coil"], di=blocks["discrete"], hr=blocks["holding"], ir=blocks["input"])
StartTcpServer(context=ModbusServerContext(slaves=device, single=True), address=("127.0.0.1", int(sys.argv[1])))
