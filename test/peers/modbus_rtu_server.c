/* A Modbus RTU server on libmodbus: modbus_rtu_server PATH BAUD UNIT.
 *
 * Holds what its standard input says, one cell a line: "table address value", with coil, discrete, holding or input, and
 * a line "serve" at the end. Prints "ready" and serves until it is killed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <modbus/modbus.h>

#define CELLS 4096

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

int main(int count, char **arguments)
{
    if (count != 4) return 2;
    modbus_t *context = modbus_new_rtu(arguments[1], atoi(arguments[2]), 'E', 8, 1);
    modbus_mapping_t *map = modbus_mapping_new(CELLS, CELLS, CELLS, CELLS);
    if (context == NULL || map == NULL) fail("new");
    char line[64], table[16];
    int address, value;
    while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "serve\n") != 0) {
        if (sscanf(line, "%15s %d %d", table, &address, &value) != 3 || address < 0 || address >= CELLS) return 2;
        if (strcmp(table, "coil") == 0) map->tab_bits[address] = value;
        else if (strcmp(table, "discrete") == 0) map->tab_input_bits[address] = value;
        else if (strcmp(table, "holding") == 0) map->tab_registers[address] = value;
        else map->tab_input_registers[address] = value;
    }
    modbus_set_slave(context, atoi(arguments[3]));
    if (modbus_connect(context) == -1) fail("connect");
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
        int length = modbus_receive(context, query);
        if (length > 0) modbus_reply(context, query, length, map);
    }
}
