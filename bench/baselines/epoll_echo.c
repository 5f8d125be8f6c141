/*
 * epoll_echo.c - the limit: what a small C server on one epoll instance reaches. Linux only.
 *
 *   gcc -O2 -o epoll_echo epoll_echo.c && ./epoll_echo --kind raw|framed|fanout --port 0
 *
 *   raw      sends back the bytes of each read.
 *   framed   parses frames (u32 little-endian length, payload), copies each answer into one buffer, one send a read.
 *   fanout   parses frames, sends the whole frames of a read to every connection: one send a connection and read.
 *
 * What does not fit in the socket is kept for the connection, which is not read from until it is gone.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (64 * 1024)
#define MOST_FRAME_BYTES (16u << 20)
#define MOST_EVENTS 256

enum kind { RAW, FRAMED, FANOUT };

typedef struct conn {
  int fd;
  size_t index;             /* where in `all` */
  uint8_t *tail;            /* the beginning of a frame that has not all come */
  size_t tail_bytes, tail_room;
  uint8_t *rest;            /* what the socket did not take yet */
  size_t rest_bytes, rest_room;
  bool dead;
} conn;

static enum kind kind = FRAMED;
static int epfd;
static conn **all;
static size_t count, room;
static conn *gone[4096];    /* freed once the events at hand are over */
static size_t gone_count;
static uint8_t in[READ_BYTES];
static uint8_t *out;
static size_t out_bytes, out_room;

static void stop(int signal) { (void)signal; _exit(0); }

static void *need(void *memory) {
  if (!memory) { fputs("epoll_echo: out of memory\n", stderr); exit(1); }
  return memory;
}

static void append(uint8_t **to, size_t *used, size_t *size, const uint8_t *bytes, size_t n) {
  if (*used + n > *size) {
    *size = *used + n > 2 * *size ? *used + n : 2 * *size;
    *to = need(realloc(*to, *size));
  }
  memcpy(*to + *used, bytes, n);
  *used += n;
}

static void watch(conn *c, uint32_t events) {
  struct epoll_event e = {.events = events, .data.ptr = c};
  epoll_ctl(epfd, EPOLL_CTL_MOD, c->fd, &e);
}

static void drop(conn *c) {
  if (c->dead) return;
  c->dead = true;
  close(c->fd);
  all[c->index] = all[--count];
  all[c->index]->index = c->index;
  if (gone_count < sizeof gone / sizeof *gone) gone[gone_count++] = c; /* else lost: a thousand at once is no steady state */
}

static void send_bytes(conn *c, const uint8_t *bytes, size_t n) {
  ssize_t sent = 0;
  if (!c->rest_bytes) {
    sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) { drop(c); return; }
    if (sent < 0) sent = 0;
  }
  if ((size_t)sent == n) return;
  if (!c->rest_bytes) watch(c, kind == FANOUT ? EPOLLIN | EPOLLOUT : EPOLLOUT);
  append(&c->rest, &c->rest_bytes, &c->rest_room, bytes + sent, n - (size_t)sent);
}

static void on_writable(conn *c) {
  ssize_t sent = send(c->fd, c->rest, c->rest_bytes, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) drop(c);
    return;
  }
  c->rest_bytes -= (size_t)sent;
  memmove(c->rest, c->rest + sent, c->rest_bytes);
  if (c->rest_bytes) return;
  free(c->rest);
  c->rest = NULL;
  c->rest_room = 0;
  watch(c, EPOLLIN);
}

/* Appends the answer to each whole frame to `out`; returns how many bytes were used. */
static size_t answer_frames(conn *c, const uint8_t *bytes, size_t n) {
  size_t at = 0;
  while (n - at >= 4) {
    uint32_t length;
    memcpy(&length, bytes + at, 4);
    if (length > MOST_FRAME_BYTES) { drop(c); return n; }
    if (n - at - 4 < length) break;
    append(&out, &out_bytes, &out_room, bytes + at, 4); /* the header of the answer, then its payload */
    append(&out, &out_bytes, &out_room, bytes + at + 4, length);
    at += 4 + length;
  }
  return at;
}

static void on_readable(conn *c) {
  ssize_t n = recv(c->fd, in, sizeof in, 0);
  if (n <= 0) {
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) drop(c);
    return;
  }
  if (kind == RAW) { send_bytes(c, in, (size_t)n); return; }
  out_bytes = 0;
  if (c->tail_bytes) {
    append(&c->tail, &c->tail_bytes, &c->tail_room, in, (size_t)n);
    size_t used = answer_frames(c, c->tail, c->tail_bytes);
    c->tail_bytes -= used;
    memmove(c->tail, c->tail + used, c->tail_bytes);
    if (!c->tail_bytes) { free(c->tail); c->tail = NULL; c->tail_room = 0; }
  } else {
    size_t used = answer_frames(c, in, (size_t)n);
    if (used < (size_t)n) append(&c->tail, &c->tail_bytes, &c->tail_room, in + used, (size_t)n - used);
  }
  if (!out_bytes) return;
  if (kind == FRAMED) { if (!c->dead) send_bytes(c, out, out_bytes); return; }
  for (size_t i = count; i-- > 0;) send_bytes(all[i], out, out_bytes);
}

static void accept_all(int listener) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conn *c = need(calloc(1, sizeof *c));
    if (count == room) all = need(realloc(all, (room = room ? 2 * room : 64) * sizeof *all));
    c->fd = fd;
    c->index = count;
    all[count++] = c;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e);
  }
}

static int open_listener(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, 511) < 0) { perror("epoll_echo"); exit(1); }
  getsockname(fd, (struct sockaddr *)&at, &size);
  printf("listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  int port = 11110;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--port")) port = atoi(argv[i + 1]);
    else if (!strcmp(argv[i], "--kind") && !strcmp(argv[i + 1], "raw")) kind = RAW;
    else if (!strcmp(argv[i], "--kind") && !strcmp(argv[i + 1], "framed")) kind = FRAMED;
    else if (!strcmp(argv[i], "--kind") && !strcmp(argv[i + 1], "fanout")) kind = FANOUT;
    else { fputs("usage: epoll_echo --kind raw|framed|fanout --port N\n", stderr); return 2; }
  }
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
  epfd = epoll_create1(EPOLL_CLOEXEC);
  int listener = open_listener(port);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[MOST_EVENTS];
  epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &e);
  for (;;) {
    int n = epoll_wait(epfd, events, MOST_EVENTS, -1);
    for (int i = 0; i < n; i++) {
      conn *c = events[i].data.ptr;
      if (!c) { accept_all(listener); continue; }
      if (!c->dead && (events[i].events & EPOLLOUT)) on_writable(c);
      if (!c->dead && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !(c->rest_bytes && kind != FANOUT))
        on_readable(c);
    }
    while (gone_count > 0) {
      conn *c = gone[--gone_count];
      free(c->tail);
      free(c->rest);
      free(c);
    }
  }
}
