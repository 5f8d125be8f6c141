/* What attacker.c and honest.c share: time, an end in any case, dialling, and the messages of the broadcast row. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000ull
#define MS 1000000ull

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static inline void die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(2);
}

/* The process ends with its parent, and after `seconds` in any case, whatever program it becomes. */
static inline void bound_life(double seconds) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm((unsigned)seconds + 1);
}

/* All descriptors that the system allows are the process's, and a peer that has gone is an error of send. */
static inline void prepare_sockets(void) {
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

/* Starts to connect to 127.0.0.1; `source` is the address that it comes from, from 127.0.0.0 on: 1 for the usual one. A
   source of its own has ports of its own: connections that were closed keep theirs for a minute. `is_remote`: with the
   segments of Ethernet and small send buffers, as if it came from elsewhere. */
static inline int dial(int port, int source, bool is_remote) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  int segment = 1448, buffer = 1 << 16;
  if (is_remote) {
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  }
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (source > 1) {
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    address.sin_addr.s_addr = htonl(0x7f000000u + (uint32_t)source);
    bind(fd, (struct sockaddr *)&address, sizeof address);
  }
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((uint16_t)port);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS) return fd;
  close(fd);
  return -1;
}

/* Whether a connection that epoll says is writable is there. */
static inline bool is_connected(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0;
}

static inline void put_le32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static inline uint32_t get_le32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* A message of the broadcast row: 'F' of the sender at full speed or 'S' of the slow one, its number, and bytes that
   depend on both. */
#define BROADCAST_PAYLOAD 200
#define BROADCAST_FRAME (4 + BROADCAST_PAYLOAD)

static inline void make_broadcast(uint8_t *frame, char kind, uint32_t number) {
  put_le32(frame, BROADCAST_PAYLOAD);
  memset(frame + 4, kind, 4);
  put_le32(frame + 8, number);
  for (uint32_t i = 8; i < BROADCAST_PAYLOAD; i++) frame[4 + i] = (uint8_t)(number * 31 + i * 7 + (uint32_t)kind);
}
