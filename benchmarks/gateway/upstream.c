/* An inference server without inference, far faster than any gateway.
 *
 *     upstream PORT
 *
 * A request whose body says "chunks=200 gap_us=5000" gets a stream of so many events, so far apart;
 * each event is one send(). Any other POST gets a plain answer. The few GETs that gateways make of a
 * worker are answered too; one that is not known goes to standard error.
 */
#include "wire.h"

enum { MOST_EVENTS = 256, EVENT_SIZE = 215, PLAIN_SIZE = 424, READ_SIZE = 256 << 10 };

struct connection {
    int fd, place; /* place in the schedule, or -1 */
    struct buffer in, out;
    size_t sent; /* of `out` */
    int64_t chunks, next, gap_ns, due_ns;
    int streaming, closing;
};

static int poller;
static struct connection **schedule; /* a binary heap, the earliest first */
static int scheduled, schedule_capacity;

static char plain[1024], event[512];
static size_t plain_length, event_length;
static char *event_sequence, *event_clock;

static const char STREAM_HEAD[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                                  "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
static char ending[1024];

#define CHUNK_OPENS                                                                               \
    "{\"id\":\"chatcmpl-benchmark\",\"object\":\"chat.completion.chunk\",\"created\":1700000000," \
    "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{"

static void prepare(void) {
    char body[PLAIN_SIZE + 1];
    const char *tail = "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,"
                       "\"completion_tokens\":24,\"total_tokens\":36}}";
    int used = snprintf(body, sizeof body,
                        "{\"id\":\"chatcmpl-benchmark\",\"object\":\"chat.completion\","
                        "\"created\":1700000000,\"model\":\"bench\",\"choices\":[{\"index\":0,"
                        "\"message\":{\"role\":\"assistant\",\"content\":\"%s ",
                        PLAIN_WORD);
    size_t room = PLAIN_SIZE - strlen(tail);
    memset(body + used, '.', room - (size_t)used);
    strcpy(body + room, tail);
    plain_length = (size_t)snprintf(plain, sizeof plain,
                                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                    "content-length: %d\r\n\r\n%s",
                                    PLAIN_SIZE, body);

    char data[EVENT_SIZE + 1];
    const char *close = "\"},\"finish_reason\":null}]}\n\n";
    used = snprintf(data, sizeof data, "data: " CHUNK_OPENS "\"content\":\"#%06d@%018d;", 0, 0);
    room = EVENT_SIZE - strlen(close);
    memset(data + used, '.', room - (size_t)used);
    strcpy(data + room, close);
    event_length = (size_t)snprintf(event, sizeof event, "%x\r\n%s\r\n", EVENT_SIZE, data);
    event_sequence = strchr(event, '#') + 1;
    event_clock = strchr(event, '@') + 1;

    char last[512];
    snprintf(last, sizeof last,
             "data: " CHUNK_OPENS "},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,"
             "\"completion_tokens\":24,\"total_tokens\":36}}\n\ndata: [DONE]\n\n");
    snprintf(ending, sizeof ending, "%zx\r\n%s\r\n0\r\n\r\n", strlen(last), last);
}

static void place(struct connection *connection, int at) {
    schedule[at] = connection;
    connection->place = at;
}

static void sift(struct connection *connection, int at) {
    while (at > 0 && schedule[(at - 1) / 2]->due_ns > connection->due_ns) {
        place(schedule[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    for (;;) {
        int child = 2 * at + 1;
        if (child >= scheduled) break;
        if (child + 1 < scheduled && schedule[child + 1]->due_ns < schedule[child]->due_ns) child++;
        if (schedule[child]->due_ns >= connection->due_ns) break;
        place(schedule[child], at);
        at = child;
    }
    place(connection, at);
}

static void plan(struct connection *connection) {
    if (connection->place >= 0) {
        sift(connection, connection->place);
        return;
    }
    if (scheduled == schedule_capacity) {
        schedule_capacity = schedule_capacity ? 2 * schedule_capacity : 256;
        schedule = realloc(schedule, (size_t)schedule_capacity * sizeof *schedule);
        if (schedule == NULL) die("realloc");
    }
    scheduled++;
    sift(connection, scheduled - 1);
}

static void unplan(struct connection *connection) {
    int at = connection->place;
    if (at < 0) return;
    connection->place = -1;
    struct connection *last = schedule[--scheduled];
    if (last != connection) sift(last, at);
}

static void watch(struct connection *connection, int how, uint32_t what) {
    struct epoll_event wanted = {.events = what, .data.ptr = connection};
    if (epoll_ctl(poller, how, connection->fd, &wanted) < 0) die("epoll_ctl");
}

/* Memory goes back after the round: events of this connection may still stand in the list. */
static struct connection *dead[MOST_EVENTS * 2];
static int deaths;

static void leave(struct connection *connection) {
    if (connection->fd < 0) return;
    unplan(connection);
    close(connection->fd);
    connection->fd = -1;
    if (deaths < MOST_EVENTS * 2) dead[deaths++] = connection;
}

static void bury(void) {
    while (deaths > 0) {
        struct connection *connection = dead[--deaths];
        free(connection->in.bytes);
        free(connection->out.bytes);
        free(connection);
    }
}

/* False when the receiver is full: the rest waits until it has room, or has gone. */
static int put(struct connection *connection, const char *bytes, size_t length) {
    ssize_t done = send(connection->fd, bytes, length, MSG_NOSIGNAL);
    if (done == (ssize_t)length) return 1;
    if (done < 0 && errno != EAGAIN) {
        leave(connection);
        return 0;
    }
    size_t start = done < 0 ? 0 : (size_t)done;
    connection->out.length = connection->sent = 0;
    append(&connection->out, bytes + start, length - start);
    unplan(connection);
    watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    return 0;
}

static void serve(struct connection *connection);

static void finish(struct connection *connection) {
    connection->streaming = 0;
    unplan(connection);
    if (connection->closing) leave(connection);
    else serve(connection);
}

/* Send what is due: one event, or without a gap all of them. */
static void stream(struct connection *connection, int64_t now) {
    while (connection->next < connection->chunks) {
        if (connection->due_ns > now) {
            plan(connection);
            return;
        }
        put_digits(event_sequence, SEQUENCE_DIGITS, connection->next);
        put_digits(event_clock, CLOCK_DIGITS, now_ns());
        connection->next++;
        connection->due_ns += connection->gap_ns;
        if (!put(connection, event, event_length)) return;
        if (connection->gap_ns > 0 && connection->next < connection->chunks) {
            plan(connection); /* overdue ones take turns with the other streams */
            return;
        }
    }
    if (connection->next == connection->chunks) {
        connection->next++;
        if (!put(connection, ending, strlen(ending))) return;
    }
    finish(connection);
}

static void flush(struct connection *connection) {
    size_t left = connection->out.length - connection->sent;
    ssize_t done = send(connection->fd, connection->out.bytes + connection->sent, left, MSG_NOSIGNAL);
    if (done < 0) {
        if (errno != EAGAIN) leave(connection);
        return;
    }
    connection->sent += (size_t)done;
    if (connection->sent < connection->out.length) return;
    connection->out.length = connection->sent = 0;
    watch(connection, EPOLL_CTL_MOD, EPOLLIN);
    if (connection->streaming) stream(connection, now_ns());
    else finish(connection);
}

static int is_get(const char *head, const char *path) {
    size_t length = strlen(path);
    return strncmp(head, "GET ", 4) == 0 && strncmp(head + 4, path, length) == 0 &&
           (head[4 + length] == ' ' || head[4 + length] == '?');
}

static void inform(struct connection *connection, const char *head) {
    const char *status = "200 OK", *body = "{}";
    if (is_get(head, "/v1/models")) {
        body = "{\"object\":\"list\",\"data\":[{\"id\":\"bench\",\"object\":\"model\","
               "\"created\":1700000000,\"owned_by\":\"benchmark\",\"max_model_len\":1000000}]}";
    } else if (is_get(head, "/get_model_info") || is_get(head, "/model_info")) {
        body = "{\"model_path\":\"bench\",\"tokenizer_path\":\"\",\"is_generation\":true,"
               "\"served_model_name\":\"bench\"}";
    } else if (is_get(head, "/get_server_info") || is_get(head, "/server_info")) {
        body = "{\"model_path\":\"bench\",\"served_model_name\":\"bench\",\"version\":\"0\","
               "\"tp_size\":1,\"dp_size\":1}";
    } else if (!is_get(head, "/health") && !is_get(head, "/ready") &&
               !is_get(head, "/health_generate")) {
        fprintf(stderr, "not known: %.*s\n", (int)strcspn(head, "\r\n"), head);
        status = "404 Not Found";
    }
    char text[1024];
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 %s\r\ncontent-type: application/json\r\n"
                          "content-length: %zu\r\n\r\n%s",
                          status, strlen(body), body);
    if (put(connection, text, (size_t)length)) finish(connection);
}

static int64_t said(const char *body, size_t length, const char *name) {
    const char *found = memmem(body, length, name, strlen(name));
    return found == NULL ? -1 : atoll(found + strlen(name));
}

static void answer(struct connection *connection, const char *head, const char *body, size_t size) {
    int64_t chunks = said(body, size, "chunks=");
    if (strncmp(head, "POST ", 5) != 0) {
        inform(connection, head);
    } else if (chunks <= 0) {
        if (put(connection, plain, plain_length)) finish(connection);
    } else {
        int64_t gap_us = said(body, size, "gap_us=");
        connection->chunks = chunks;
        connection->next = 0;
        connection->gap_ns = gap_us > 0 ? gap_us * 1000 : 0;
        connection->due_ns = now_ns();
        connection->streaming = 1;
        if (put(connection, STREAM_HEAD, sizeof STREAM_HEAD - 1)) {
            stream(connection, connection->due_ns);
        }
    }
}

/* The length of a whole body, or -1 while some of it has yet to come. Nobody in front of a worker
 * pipelines, so that a chunked body ends where the buffer ends. */
static int64_t body_size(const char *head, size_t head_length, size_t here, const char *end) {
    const char *length = field(head, head_length, "content-length");
    if (length != NULL) {
        int64_t wanted = atoll(length);
        return (int64_t)here >= wanted ? wanted : -1;
    }
    if (field(head, head_length, "transfer-encoding") == NULL) return 0;
    return here >= 5 && memcmp(end - 5, "0\r\n\r\n", 5) == 0 ? (int64_t)here : -1;
}

/* Answer the request that stands whole in the buffer, if there is one. */
static void serve(struct connection *connection) {
    struct buffer *in = &connection->in;
    if (in->length == 0) return;
    const char *end = memmem(in->bytes, in->length, "\r\n\r\n", 4);
    if (end == NULL) return;
    size_t head = (size_t)(end - in->bytes) + 4;
    int64_t body = body_size(in->bytes, head, in->length - head, in->bytes + in->length);
    if (body < 0) return;
    const char *manner = field(in->bytes, head, "connection");
    connection->closing = manner != NULL && strncasecmp(manner, "close", 5) == 0;
    size_t whole = head + (size_t)body;
    char *request = in->bytes;
    if (whole == in->length) {
        in->length = 0; /* its bytes stay where they are while it is answered */
        answer(connection, request, request + head, (size_t)body);
        return;
    }
    request = malloc(whole);
    if (request == NULL) die("malloc");
    memcpy(request, in->bytes, whole);
    drop_front(in, whole);
    answer(connection, request, request + head, (size_t)body);
    free(request);
}

static void receive(struct connection *connection) {
    reserve(&connection->in, READ_SIZE);
    struct buffer *in = &connection->in;
    ssize_t got = recv(connection->fd, in->bytes + in->length, in->capacity - in->length, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        leave(connection);
        return;
    }
    in->length += (size_t)got;
    if (!connection->streaming && connection->out.length == 0) serve(connection);
}

static void welcome(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    no_delay(fd);
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) die("calloc");
    connection->fd = fd;
    connection->place = -1;
    watch(connection, EPOLL_CTL_ADD, EPOLLIN);
}

static int listen_on(int port) {
    struct sockaddr_in address = loopback(port);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    if (listen(listener, 4096) < 0) die("listen");
    non_blocking(listener);
    return listener;
}

int main(int count, char **words) {
    if (count != 2) return fprintf(stderr, "usage: upstream PORT\n"), 2;
    prctl(PR_SET_TIMERSLACK, 1);
    prepare();
    int listener = listen_on(atoi(words[1]));
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &wanted) < 0) die("epoll_ctl");
    for (;;) {
        struct epoll_event events[MOST_EVENTS];
        int64_t limit = scheduled > 0 ? schedule[0]->due_ns - now_ns() : -1;
        if (scheduled > 0 && limit < 0) limit = 0;
        int ready = wait_ns(poller, events, MOST_EVENTS, limit);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == NULL) welcome(listener);
            else if (connection->fd >= 0 && events[i].events & EPOLLOUT) flush(connection);
            else if (connection->fd >= 0) receive(connection);
        }
        int64_t now = now_ns();
        for (int turn = 0; turn < MOST_EVENTS / 2; turn++) {
            if (scheduled == 0 || schedule[0]->due_ns > now) break;
            stream(schedule[0], now);
        }
        bury();
    }
}
