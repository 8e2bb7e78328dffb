/* What the upstream and the client share: clock, sockets, growing buffers, header fields, and the
 * marker that numbers each chunk of a stream and says when it was sent: "#000017@000012345678901234;"
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SEQUENCE_DIGITS = 6, CLOCK_DIGITS = 18 };

/* A plain answer carries this word, so that the client knows that it is the upstream's. */
static const char PLAIN_WORD[] = "the-upstream-answered";

static inline void die(const char *what) {
    perror(what);
    exit(1);
}

static inline int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void no_delay(int fd) {
    int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) die("TCP_NODELAY");
}

static inline void non_blocking(int fd) {
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) die("O_NONBLOCK");
}

static inline struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* Waits until something is ready or `timeout_ns` is over; below 0 is without end. */
static inline int wait_ns(int poller, struct epoll_event *events, int most, int64_t timeout_ns) {
    struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    int ready = epoll_pwait2(poller, events, most, timeout_ns < 0 ? NULL : &limit, NULL);
    if (ready < 0 && errno != EINTR) die("epoll_pwait2 (needs Linux 5.11)");
    return ready < 0 ? 0 : ready;
}

struct buffer {
    char *bytes;
    size_t length, capacity;
};

static inline void reserve(struct buffer *buffer, size_t more) {
    if (buffer->length + more <= buffer->capacity) return;
    size_t wanted = (buffer->length + more) * 2;
    buffer->bytes = realloc(buffer->bytes, wanted);
    if (buffer->bytes == NULL) die("realloc");
    buffer->capacity = wanted;
}

static inline void append(struct buffer *buffer, const char *bytes, size_t length) {
    reserve(buffer, length);
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

static inline void drop_front(struct buffer *buffer, size_t length) {
    buffer->length -= length;
    memmove(buffer->bytes, buffer->bytes + length, buffer->length);
}

/* The value of a header field in a head that ends in an empty line, or NULL. */
static inline const char *field(const char *head, size_t length, const char *name) {
    size_t wanted = strlen(name);
    const char *line = head, *end = head + length;
    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        line++;
        if ((size_t)(end - line) <= wanted + 1) return NULL;
        if (strncasecmp(line, name, wanted) != 0 || line[wanted] != ':') continue;
        line += wanted + 1;
        while (*line == ' ') line++;
        return line;
    }
    return NULL;
}

static inline int64_t digits(const char *text, int count) {
    int64_t value = 0;
    for (int i = 0; i < count; i++) value = value * 10 + (text[i] - '0');
    return value;
}

static inline void put_digits(char *text, int count, int64_t value) {
    for (int i = count - 1; i >= 0; i--, value /= 10) text[i] = (char)('0' + value % 10);
}
