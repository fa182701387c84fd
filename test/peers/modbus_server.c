/* A Modbus TCP server on libmodbus, for any number of clients at once.
 *
 * Reads from its standard input what it holds, one cell a line: "table address value", with coil, discrete, holding or
 * input, and ends with a line "serve". Prints its port and serves until its standard input ends. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>
#include <modbus/modbus.h>

#define CELLS 4096

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

static void read_cells(modbus_mapping_t *map)
{
    char line[64], table[16];
    int address, value;
    while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "serve\n") != 0) {
        if (sscanf(line, "%15s %d %d", table, &address, &value) != 3 || address < 0 || address >= CELLS) {
            fprintf(stderr, "no cell: %s", line);
            exit(1);
        }
        if (strcmp(table, "coil") == 0) map->tab_bits[address] = value;
        else if (strcmp(table, "discrete") == 0) map->tab_input_bits[address] = value;
        else if (strcmp(table, "holding") == 0) map->tab_registers[address] = value;
        else map->tab_input_registers[address] = value;
    }
}

int main(void)
{
    modbus_t *context = modbus_new_tcp("127.0.0.1", 0);
    modbus_mapping_t *map = modbus_mapping_new(CELLS, CELLS, CELLS, CELLS);
    if (context == NULL || map == NULL) fail("new");
    read_cells(map);

    int listener = modbus_tcp_listen(context, 8);
    struct sockaddr_in bound;
    socklen_t size = sizeof bound;
    if (listener == -1 || getsockname(listener, (struct sockaddr *)&bound, &size) == -1) fail("listen");
    printf("%d\n", ntohs(bound.sin_port));
    fflush(stdout);

    fd_set open;
    FD_ZERO(&open);
    FD_SET(STDIN_FILENO, &open);
    FD_SET(listener, &open);
    int highest = listener;
    for (;;) {
        fd_set ready = open;
        if (select(highest + 1, &ready, NULL, NULL, NULL) == -1) fail("select");
        for (int at = 0; at <= highest; at += 1) {
            if (!FD_ISSET(at, &ready)) continue;
            if (at == STDIN_FILENO) return 0;
            if (at == listener) {
                int client = accept(listener, NULL, NULL);
                if (client == -1) continue;
                int on = 1;
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                FD_SET(client, &open);
                if (client > highest) highest = client;
                continue;
            }
            uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
            modbus_set_socket(context, at);
            int length = modbus_receive(context, query);
            if (length > 0) modbus_reply(context, query, length, map);
            else if (length == -1) {
                close(at);
                FD_CLR(at, &open);
            }
        }
    }
}
