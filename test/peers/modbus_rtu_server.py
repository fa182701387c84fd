"""A Modbus RTU server on pymodbus: modbus_rtu_server.py PATH BAUD UNIT.

Holds what its standard input says, one cell a line: "table address value", with coil, discrete, holding or input, and a
line "serve" at the end. Prints "ready" and serves until it is killed.
"""
import asyncio
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartAsyncSerialServer
from pymodbus.transaction import ModbusRtuFramer

CELLS = 4096

path, baud, unit = sys.argv[1:]
tables = {table: [0] * CELLS for table in ("coil", "discrete", "holding", "input")}
for line in iter(sys.stdin.readline, "serve\n"):
    table, address, value = line.split()
    tables[table][int(address)] = int(value)

# Address 0 on the wire is the first cell of a block that begins at 1.
blocks = {table: ModbusSequentialDataBlock(1, cells) for table, cells in tables.items()}
device = ModbusSlaveContext(co=blocks["coil"], di=blocks["discrete"], hr=blocks["holding"], ir=blocks["input"])


async def main():
    server = await StartAsyncSerialServer(
        context=ModbusServerContext(slaves={int(unit): device}, single=False),
        framer=ModbusRtuFramer,
        port=path,
        baudrate=int(baud),
        defer_start=True,
    )
    await server.start()
    print("ready", flush=True)
    await server.serve_forever()


# A pseudo-terminal has no parity, and pyserial insists.
asyncio.run(main())
