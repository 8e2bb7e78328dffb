/* The load: so many connections, each asking again and again, every answer checked.
 *
 *     client PORT CONNECTIONS SECONDS GRACE_S ONCE STAGGER_US CHUNKS GAP_US WARM_FILE REQUEST_FILE
 *
 * Opens the connections and sends the first file's request on each; says "ready" when all were
 * answered, and begins with the second file's when a line comes on standard input. With CHUNKS 0 an
 * answer is plain; otherwise it is a stream of so many numbered events and an end. ONCE is one
 * request a connection, begun over STAGGER_US; else they go on for SECONDS. What is not answered
 * GRACE_S later is cut. Then one line of JSON; the connections stay open until standard input ends.
 */
#include "wire.h"

enum { MOST_EVENTS = 256, READ_SIZE = 64 << 10, MOST_TEXT = 1 << 20, MOST_FAILURES = 100 };

enum state { IDLE, HEAD, SIZE, CHUNK, CHUNK_END, TRAILER, COUNTED, UNTIL_CLOSE };

struct connection {
    int fd, warm, reused;
    enum state state;
    const struct buffer *request;
    size_t written;
    int64_t left; /* of a chunk, or of a counted body */
    int status, done, heard, kept;
    struct buffer head, text;
    int64_t start_at, began, first, last, got;
};

struct samples {
    int64_t *ns;
    size_t count, capacity;
};

static int port, poller;
static int64_t chunks, gap_ns, deadline, asked, answered, reads, failures, cut, reconnects;
static int64_t cut_chunks, whole_chunks;
static double delivered;
static int begun, once, measured;
static struct buffer warm_request, request;
static struct samples latencies, firsts, relays;
static char first_failure[600];

static void note(struct samples *samples, int64_t ns) {
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? 2 * samples->capacity : 4096;
        samples->ns = realloc(samples->ns, samples->capacity * sizeof *samples->ns);
        if (samples->ns == NULL) die("realloc");
    }
    samples->ns[samples->count++] = ns;
}

static struct buffer file(const char *path) {
    struct buffer read_in = {0};
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) die(path);
    char piece[65536];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, stream)) > 0) append(&read_in, piece, got);
    fclose(stream);
    return read_in;
}

static void watch(struct connection *connection, int how, uint32_t what) {
    struct epoll_event wanted = {.events = what, .data.ptr = connection};
    if (epoll_ctl(poller, how, connection->fd, &wanted) < 0) die("epoll_ctl");
}

static void dial(struct connection *connection) {
    struct sockaddr_in address = loopback(port);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) die("socket");
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) < 0) die("connect");
    no_delay(connection->fd);
    non_blocking(connection->fd);
    connection->reused = 0;
    watch(connection, EPOLL_CTL_ADD, EPOLLIN);
}

static void redial(struct connection *connection) {
    close(connection->fd);
    dial(connection);
}

static void write_on(struct connection *connection) {
    const struct buffer *whole = connection->request;
    size_t left = whole->length - connection->written;
    ssize_t done = send(connection->fd, whole->bytes + connection->written, left, MSG_NOSIGNAL);
    if (done < 0) return; /* full, or gone: then reading tells */
    int partial = connection->written > 0;
    connection->written += (size_t)done;
    if (connection->written < whole->length) watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    else if (partial) watch(connection, EPOLL_CTL_MOD, EPOLLIN);
}

static void ask(struct connection *connection, int64_t now) {
    connection->state = HEAD;
    connection->written = connection->head.length = connection->text.length = 0;
    connection->status = connection->done = connection->heard = 0;
    connection->got = connection->first = connection->last = 0;
    connection->began = now;
    write_on(connection);
}

static void ask_next(struct connection *connection, int64_t now) {
    connection->state = IDLE;
    if (connection->warm) return;
    if (once ? connection->start_at > 0 : now < deadline) {
        connection->start_at = 0;
        begun++;
        asked++;
        ask(connection, now);
    }
}

static void settle(struct connection *connection) {
    if (connection->state == IDLE || connection->warm) return;
    begun--;
}

static void fail(struct connection *connection, const char *why) {
    if (failures++ == 0) {
        snprintf(first_failure, sizeof first_failure, "%s; status %d, %lld chunks, answer %.*s", why,
                 connection->status, (long long)connection->got,
                 (int)(connection->text.length < 300 ? connection->text.length : 300),
                 connection->text.bytes ? connection->text.bytes : "");
    }
    if (connection->warm || failures > MOST_FAILURES) {
        fprintf(stderr, "%s\n", first_failure);
        exit(3);
    }
    settle(connection);
    redial(connection);
    ask_next(connection, now_ns());
}

/* The share of the offered rate at which a stream came. */
static double share(int64_t gaps, int64_t took) {
    double ideal = (double)(gaps * gap_ns);
    return took <= 0 || ideal >= (double)took ? 1.0 : ideal / (double)took;
}

static void succeed(struct connection *connection, int64_t now) {
    connection->reused = 1;
    settle(connection);
    if (connection->warm) {
        connection->state = IDLE;
        measured++;
        return;
    }
    answered++;
    note(&latencies, now - connection->began);
    if (chunks > 0) {
        whole_chunks += chunks;
        note(&firsts, connection->first - connection->began);
        delivered += share(chunks - 1, connection->last - connection->first);
    }
    if (!connection->kept) {
        reconnects++;
        redial(connection);
    }
    ask_next(connection, now);
}

static void end(struct connection *connection, int64_t now) {
    struct buffer *text = &connection->text;
    if (connection->status != 200) fail(connection, "an error");
    else if (connection->warm || chunks == 0) {
        if (memmem(text->bytes, text->length, PLAIN_WORD, sizeof PLAIN_WORD - 1)) {
            succeed(connection, now);
        } else fail(connection, "another answer than the upstream's");
    } else if (connection->got != chunks) fail(connection, "chunks are missing");
    else if (!connection->done) fail(connection, "[DONE] is missing");
    else succeed(connection, now);
}

/* One line of an event stream. False for a chunk out of turn. */
static int hear(struct connection *connection, const char *line, size_t length, int64_t now) {
    if (length < 6 || memcmp(line, "data: ", 6) != 0) return 1;
    if (length >= 12 && memcmp(line + 6, "[DONE]", 6) == 0) {
        connection->done = 1;
        return 1;
    }
    const char *mark = memchr(line, '#', length);
    if (mark == NULL || line + length - mark < SEQUENCE_DIGITS + CLOCK_DIGITS + 3) return 1;
    if (digits(mark + 1, SEQUENCE_DIGITS) != connection->got) return 0;
    if (connection->got++ == 0) connection->first = now;
    connection->last = now;
    connection->heard = 1;
    note(&relays, now - digits(mark + SEQUENCE_DIGITS + 2, CLOCK_DIGITS));
    return 1;
}

static int take(struct connection *connection, const char *bytes, size_t length, int64_t now) {
    struct buffer *text = &connection->text;
    if (text->length + length > MOST_TEXT) return 0;
    append(text, bytes, length);
    if (connection->warm || chunks == 0 || connection->status != 200) return 1;
    size_t used = 0;
    char *stop;
    while ((stop = memchr(text->bytes + used, '\n', text->length - used)) != NULL) {
        size_t line = (size_t)(stop - text->bytes) - used;
        if (!hear(connection, text->bytes + used, line, now)) return 0;
        used += line + 1;
    }
    drop_front(text, used);
    return 1;
}

static int begin_body(struct connection *connection) {
    struct buffer *head = &connection->head;
    if (head->length < 12) return 0;
    connection->status = atoi(head->bytes + 9);
    const char *manner = field(head->bytes, head->length, "connection");
    connection->kept = manner == NULL || strncasecmp(manner, "close", 5) != 0;
    const char *length = field(head->bytes, head->length, "content-length");
    const char *coding = field(head->bytes, head->length, "transfer-encoding");
    if (coding != NULL && strncasecmp(coding, "chunked", 7) == 0) {
        connection->state = SIZE;
        connection->left = 0;
    } else if (length != NULL) {
        connection->state = COUNTED;
        connection->left = atoll(length);
    } else {
        connection->state = UNTIL_CLOSE;
        connection->kept = 0;
    }
    return 1;
}

static int hex(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/* Eats from the front of `bytes`; 0 for what is no HTTP or no stream of ours. `*whole` is set
 * when the answer is complete. */
static size_t step(struct connection *connection, const char *bytes, size_t here, int64_t now,
                   int *whole) {
    const char *stop;
    size_t part;
    switch (connection->state) {
    case HEAD:
        part = (stop = memchr(bytes, '\n', here)) == NULL ? here : (size_t)(stop - bytes) + 1;
        append(&connection->head, bytes, part);
        if (connection->head.length >= 4 &&
            memcmp(connection->head.bytes + connection->head.length - 4, "\r\n\r\n", 4) == 0) {
            if (!begin_body(connection)) return 0;
            *whole = connection->state == COUNTED && connection->left == 0;
        }
        return connection->head.length > 65536 ? 0 : part;
    case SIZE:
        if (*bytes == '\n') connection->state = connection->left > 0 ? CHUNK : TRAILER;
        else if (*bytes != '\r') {
            if (hex(*bytes) < 0) return 0;
            connection->left = connection->left * 16 + hex(*bytes);
        }
        return 1;
    case CHUNK:
    case COUNTED:
        part = here < (size_t)connection->left ? here : (size_t)connection->left;
        connection->left -= (int64_t)part;
        if (!take(connection, bytes, part, now)) return 0;
        if (connection->left == 0 && connection->state == COUNTED) *whole = 1;
        if (connection->left == 0 && connection->state == CHUNK) connection->state = CHUNK_END;
        return part;
    case CHUNK_END:
        if (*bytes == '\n') connection->state = SIZE;
        return 1;
    case TRAILER:
        *whole = *bytes == '\n'; /* nobody here sends trailers */
        return *bytes == '\n' || *bytes == '\r';
    case UNTIL_CLOSE:
        return take(connection, bytes, here, now) ? here : 0;
    case IDLE:
        break;
    }
    return 0;
}

static void closed(struct connection *connection, int64_t now) {
    if (connection->state == IDLE) {
        reconnects++;
        redial(connection);
    } else if (connection->state == UNTIL_CLOSE) end(connection, now);
    else if (connection->state == HEAD && connection->head.length == 0 && connection->reused) {
        reconnects++; /* it met a closing connection: ask again, as any client does */
        redial(connection);
        int64_t began = connection->began;
        ask(connection, now);
        connection->began = began;
    } else fail(connection, "the connection broke");
}

static void receive(struct connection *connection) {
    static char bytes[READ_SIZE];
    ssize_t got = recv(connection->fd, bytes, sizeof bytes, 0);
    if (got < 0 && errno == EAGAIN) return;
    int64_t now = now_ns();
    if (got <= 0) {
        closed(connection, now);
        return;
    }
    connection->heard = 0;
    for (size_t used = 0; used < (size_t)got;) {
        int whole = 0;
        size_t part = step(connection, bytes + used, (size_t)got - used, now, &whole);
        if (part == 0) {
            fail(connection, "chunks out of turn, or no HTTP");
            return;
        }
        used += part;
        if (whole) {
            reads += connection->heard;
            if (used < (size_t)got) fail(connection, "bytes after the end");
            else end(connection, now);
            return;
        }
    }
    reads += connection->heard;
}

static void turn(int64_t until) {
    struct epoll_event events[MOST_EVENTS];
    int64_t limit = until - now_ns();
    int ready = wait_ns(poller, events, MOST_EVENTS, limit < 0 ? 0 : limit);
    for (int i = 0; i < ready; i++) {
        struct connection *connection = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) write_on(connection);
        if (events[i].events & ~(uint32_t)EPOLLOUT) receive(connection);
    }
}

static void warm_up(struct connection *all, int count) {
    for (int i = 0; i < count; i++) {
        all[i].warm = 1;
        all[i].request = &warm_request;
        dial(&all[i]);
        ask(&all[i], now_ns());
    }
    int64_t limit = now_ns() + 120000000000;
    while (measured < count && now_ns() < limit) turn(limit);
    if (measured < count) {
        fprintf(stderr, "%d of %d first answers within 120 s\n", measured, count);
        exit(3);
    }
    for (int i = 0; i < count; i++) {
        all[i].warm = 0;
        all[i].request = &request;
    }
    failures = reconnects = 0;
}

/* What is still under way when the grace is over. */
static void cut_off(struct connection *all, int count, int64_t now) {
    for (int i = 0; i < count; i++) {
        if (all[i].state == IDLE) continue;
        cut++;
        cut_chunks += all[i].got;
        if (chunks > 0) delivered += share(all[i].got, now - all[i].began);
    }
}

static int ascending(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void print_samples(const char *name, struct samples *samples) {
    qsort(samples->ns, samples->count, sizeof *samples->ns, ascending);
    size_t count = samples->count;
    printf(",\"%s\":", name);
    if (count == 0) {
        printf("null");
        return;
    }
    printf("{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", (double)samples->ns[count / 2] / 1000,
           (double)samples->ns[count * 99 / 100] / 1000, (double)samples->ns[count - 1] / 1000);
}

static void print_text(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~') putchar(' ');
        else if (*text == '"' || *text == '\\') printf("\\%c", *text);
        else putchar(*text);
    }
    putchar('"');
}

static void report(int64_t took) {
    int64_t judged = answered + cut;
    printf("{\"asked\":%lld,\"answered\":%lld,\"chunks\":%lld,\"reads\":%lld,\"failures\":%lld,"
           "\"cut\":%lld,\"reconnects\":%lld,\"elapsed_s\":%.6f,\"delivered\":%.5f",
           (long long)asked, (long long)answered, (long long)(whole_chunks + cut_chunks),
           (long long)reads, (long long)failures, (long long)cut, (long long)reconnects,
           (double)took / 1e9, judged > 0 ? delivered / (double)judged : 0.0);
    print_samples("latency_us", &latencies);
    print_samples("first_us", &firsts);
    print_samples("relay_us", &relays);
    printf(",\"first_failure\":");
    print_text(first_failure);
    printf("}\n");
    fflush(stdout);
}

/* Streams begun once start one after another: the staggered ones do not beat in step. */
static int64_t start_due(struct connection *all, int count, int64_t now) {
    int64_t next = INT64_MAX;
    for (int i = 0; i < count; i++) {
        if (all[i].start_at == 0) continue;
        if (all[i].start_at <= now) ask_next(&all[i], now);
        else if (all[i].start_at < next) next = all[i].start_at;
    }
    return next;
}

int main(int count, char **words) {
    if (count != 11) return fprintf(stderr, "usage: see the head of client.c\n"), 2;
    prctl(PR_SET_TIMERSLACK, 1);
    port = atoi(words[1]);
    int connections = atoi(words[2]);
    int64_t seconds_ns = (int64_t)(atof(words[3]) * 1e9), grace_ns = (int64_t)(atof(words[4]) * 1e9);
    once = atoi(words[5]);
    int64_t stagger_ns = atoll(words[6]) * 1000;
    chunks = atoll(words[7]);
    gap_ns = atoll(words[8]) * 1000;
    warm_request = file(words[9]);
    request = file(words[10]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc((size_t)connections, sizeof *all);
    if (all == NULL) die("calloc");
    warm_up(all, connections);

    printf("ready\n");
    fflush(stdout);
    if (getchar() == EOF) return 0;
    int64_t start = now_ns();
    deadline = start + seconds_ns;
    int64_t last = deadline + grace_ns, next = 0;
    for (int i = 0; i < connections; i++) {
        if (once) all[i].start_at = start + 1 + stagger_ns * i / connections;
        else ask_next(&all[i], start);
    }
    int64_t now = start;
    while (now < last) {
        if (once && now >= next) next = start_due(all, connections, now);
        if (begun == 0 && (!once || next == INT64_MAX)) break;
        turn(once && next < last ? next : last);
        now = now_ns();
    }
    cut_off(all, connections, now);
    report(now - start);
    while (getchar() != EOF) continue;
    return 0;
}
