/* A Modbus TCP client on libmodbus: reads the same registers again and again, one request after the other.
 *
 * modbus_client PORT REQUESTS REGISTERS prints how many seconds that took. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <modbus/modbus.h>

int main(int count, char **arguments)
{
    if (count != 4) return 2;
    int requests = atoi(arguments[2]), registers = atoi(arguments[3]);
    uint16_t values[MODBUS_MAX_READ_REGISTERS];
    modbus_t *context = modbus_new_tcp("127.0.0.1", atoi(arguments[1]));
    modbus_set_slave(context, 1);
    if (modbus_connect(context) == -1) {
        fprintf(stderr, "connect: %s\n", modbus_strerror(errno));
        return 1;
    }
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int at = 0; at < requests; at += 1) {
        if (modbus_read_registers(context, 0, registers, values) != registers || values[1] != 1) {
            fprintf(stderr, "read: %s\n", modbus_strerror(errno));
            return 1;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.9f\n", (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9);
    modbus_close(context);
    modbus_free(context);
    return 0;
}
