/* A link between this machine and itself that delays every packet and loses some, below the kernel's own TCP.
 *
 * lossy_link DELAY_MS LOST_PART SEED makes the network 198.18.0.0/30 (RFC 2544 keeps it for such things) on a tun device,
 * prints "ready", and ends with its input. What this machine, 198.18.0.1, sends to 198.18.0.2 comes back DELAY_MS later
 * with both addresses exchanged: whoever connects to a port of 198.18.0.2 reaches that port of 198.18.0.1. The checksums
 * stay right, because they are sums. Needs root. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { PACKETS_MAX = 65536, MTU = 1500, ADDRESSES_AT = 12 };

struct packet {
    long long due;
    int length;
    unsigned char bytes[MTU];
};

static struct packet queue[PACKETS_MAX];

static void check(int result, const char *what)
{
    if (result >= 0) return;
    perror(what);
    exit(1);
}

static long long now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static struct sockaddr address(const char *text)
{
    union { struct sockaddr any; struct sockaddr_in in; } both = { .in = { .sin_family = AF_INET } };
    inet_pton(AF_INET, text, &both.in.sin_addr);
    return both.any;
}

static int open_tun(void)
{
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK), control = socket(AF_INET, SOCK_DGRAM, 0);
    check(tun, "/dev/net/tun");
    struct ifreq request = { .ifr_name = "lossy%d" };
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    check(ioctl(tun, TUNSETIFF, &request), "TUNSETIFF");
    request.ifr_addr = address("198.18.0.1");
    check(ioctl(control, SIOCSIFADDR, &request), "SIOCSIFADDR");
    request.ifr_netmask = address("255.255.255.252");
    check(ioctl(control, SIOCSIFNETMASK, &request), "SIOCSIFNETMASK");
    request.ifr_mtu = MTU;
    check(ioctl(control, SIOCSIFMTU, &request), "SIOCSIFMTU");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    check(ioctl(control, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
    close(control);
    return tun;
}

int main(int count, char **arguments)
{
    if (count != 4) return 2;
    long long delay_us = atoll(arguments[1]) * 1000;
    double lost_part = atof(arguments[2]);
    srand48(atol(arguments[3]));
    int tun = open_tun();
    unsigned head = 0, tail = 0;
    puts("ready");
    fflush(stdout);
    for (;;) {
        long long wait_us = head == tail ? 1000000 : queue[head % PACKETS_MAX].due - now_us();
        struct timespec wait = { 0, (wait_us < 0 ? 0 : wait_us > 999999 ? 999999 : wait_us) * 1000 };
        struct pollfd inputs[] = { { .fd = tun, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
        check(ppoll(inputs, 2, &wait, NULL), "ppoll");
        if (inputs[1].revents != 0) return 0;
        for (;;) {
            struct packet *packet = &queue[tail % PACKETS_MAX];
            if (tail - head == PACKETS_MAX) break;
            packet->length = read(tun, packet->bytes, MTU);
            if (packet->length < 20) break;
            if (packet->bytes[0] >> 4 != 4 || drand48() < lost_part) continue;
            unsigned char from[4];
            memcpy(from, packet->bytes + ADDRESSES_AT, 4);
            memmove(packet->bytes + ADDRESSES_AT, packet->bytes + ADDRESSES_AT + 4, 4);
            memcpy(packet->bytes + ADDRESSES_AT + 4, from, 4);
            packet->due = now_us() + delay_us;
            tail += 1;
        }
        for (; head != tail && queue[head % PACKETS_MAX].due <= now_us(); head += 1) {
            struct packet *packet = &queue[head % PACKETS_MAX];
            if (write(tun, packet->bytes, packet->length) < 0) perror("write");
        }
    }
}
