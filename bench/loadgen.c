/*
 * loadgen.c - load generator and torture client for length-prefixed TCP servers.
 *
 *   gcc -O2 -o loadgen loadgen.c            (Linux, no dependencies)
 *
 * One thread, one epoll instance, no memory allocation while it measures.
 *
 * Wire format of a frame:  u32 little-endian payload length, then the payload.  With --ws, after an HTTP upgrade on
 * each connection, an unfragmented binary WebSocket message; the client masks with key zero, which leaves the payload
 * as it is (a server that looks for key zero saves the unmasking).
 *
 * Modes
 *   echo      C connections, D frames outstanding on each; the server sends every
 *             frame back.  Closed loop; open loop with --rate.
 *   raw       as echo, but chunks of S bytes without a length prefix, for servers
 *             that echo bytes and know no frames.
 *   fanout    C receivers and one sender; the server sends every frame that it
 *             receives to every connection.  A frame is outstanding until the last
 *             connection has it, so a slow receiver slows the sender down and the
 *             server's queues stay bounded.
 *             With --count each connection sends so many frames and no more; measured
 *             is then everything from the first dial to the last close.
 *   idle      opens C connections and holds them; with --pid it reports the growth
 *             of the server's resident memory per connection, with --touch after one frame
 *             on each, with --touch-size again after a second, large one.
 *   trickle   correctness torture for echo servers: frames of random sizes, written
 *             in random pieces of 1..k bytes and in random coalesced runs, with an
 *             optional reader that stalls so that the server meets backpressure.
 *
 * How the check works.  A frame's bytes are a pure function of (connection, sequence
 * number, seed), so nothing is stored for frames in flight: the sender produces any
 * slice of its byte stream on demand, and the receiver compares what arrives with
 * what must arrive.  A wrong length prefix is a mismatch and ends that connection (the
 * stream has lost its framing); a wrong payload is a mismatch and the run goes on.
 * After the measured time no new frame is sent, and whatever has not come back by
 * the drain limit is counted as missing.
 *
 * Output: one line of JSON on stdout.  Exit status: 0 when everything came back
 * right, 1 on any mismatch, missing frame or connection error, 2 on wrong usage or
 * when not all connections could be opened.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum mode { ECHO_MODE, RAW_MODE, FANOUT_MODE, IDLE_MODE, TRICKLE_MODE };

/* ---------------------------------------------------------------- options */

static struct {
  enum mode mode;
  const char *mode_name;
  const char *host;
  int port;
  int conns;
  uint32_t size;     /* payload bytes; in trickle the largest payload */
  uint32_t min_size; /* trickle: the smallest payload */
  uint32_t depth;    /* frames outstanding on a connection */
  double secs, warmup, drain;
  double rate;       /* echo: frames per second and connection; 0 = closed loop */
  uint64_t seed;
  uint32_t split;    /* trickle: the largest small write (k) */
  uint32_t pace_us;  /* trickle: pause between rounds of writes */
  uint32_t stall_ms; /* trickle: how long a reader stops reading now and then */
  int rcvbuf, sndbuf;
  int pid;           /* server process, for its CPU time and memory */
  bool touch;        /* idle: echo one frame on each connection first */
  uint32_t touch_size; /* idle: then hold, echo one of this size, and hold again */
  uint32_t count;    /* echo, raw: frames of a connection before it is closed; 0 = until the time is up */
  bool ws;           /* WebSocket framing */
  bool spin;         /* busy-poll instead of sleeping in epoll_wait */
  uint32_t settle_ms;
} opt = {.host = "127.0.0.1", .port = 9000, .conns = 1, .size = 64, .depth = 1,
         .secs = 5, .warmup = 1, .drain = 5, .seed = 1, .split = 7, .settle_ms = 200};

static void usage(void) {
  fputs(
      "usage: loadgen MODE [options]\n"
      "modes: echo raw fanout idle trickle\n"
      "  --host A      IPv4 address                         127.0.0.1\n"
      "  --port N                                           9000\n"
      "  --conns C     connections (fanout: receivers)      1\n"
      "  --size S      payload bytes (trickle: the most)    64\n"
      "  --depth P     frames outstanding a connection      1\n"
      "  --secs T      measured (idle: held) seconds        5\n"
      "  --warmup W    unmeasured seconds before            1\n"
      "  --drain D     seconds to wait for the last echoes  5\n"
      "  --seed N                                           1\n"
      "  --rate R      echo: R frames/s a connection, open loop; latency counts\n"
      "                from the time a frame was due\n"
      "  --spin        busy-poll, so that no wake-up of the client is measured\n"
      "  --pid N       server process: report its CPU time and memory\n"
      "  --settle MS   pause after connecting               200\n"
      "  --rcvbuf N, --sndbuf N  socket buffer sizes of the client\n"
      "  --touch       idle: echo one frame on each connection first\n"
      "  --touch-size S  idle: hold, echo a second frame of S bytes on each, hold again\n"
      "  --count N     echo, raw: N frames a connection, measured from dial to close\n"
      "  --ws          WebSocket messages instead of length-prefixed frames\n"
      "  --min-size N  trickle: smallest payload            0\n"
      "  --split K     trickle: small writes have 1..K bytes 7\n"
      "  --pace US     trickle: pause between write rounds  0\n"
      "  --stall MS    trickle: readers stop for MS now and then 0\n",
      stderr);
  exit(2);
}

static void die(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fputs("loadgen: ", stderr);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
  exit(2);
}

static void parse_options(int argc, char **argv) {
  static const char *names[] = {"echo", "raw", "fanout", "idle", "trickle"};
  if (argc < 2) usage();
  int m = -1;
  for (int i = 0; i < 5; i++)
    if (!strcmp(argv[1], names[i])) m = i;
  if (m < 0) usage();
  opt.mode = (enum mode)m;
  opt.mode_name = names[m];
  for (int i = 2; i < argc; i++) {
    const char *a = argv[i];
    if (!strcmp(a, "--touch")) { opt.touch = true; continue; }
    if (!strcmp(a, "--spin")) { opt.spin = true; continue; }
    if (!strcmp(a, "--ws")) { opt.ws = true; continue; }
    if (i + 1 >= argc) usage();
    const char *v = argv[++i];
    if (!strcmp(a, "--host")) opt.host = v;
    else if (!strcmp(a, "--port")) opt.port = atoi(v);
    else if (!strcmp(a, "--conns")) opt.conns = atoi(v);
    else if (!strcmp(a, "--size")) opt.size = (uint32_t)strtoul(v, NULL, 10);
    else if (!strcmp(a, "--min-size")) opt.min_size = (uint32_t)strtoul(v, NULL, 10);
    else if (!strcmp(a, "--depth")) opt.depth = (uint32_t)strtoul(v, NULL, 10);
    else if (!strcmp(a, "--secs")) opt.secs = atof(v);
    else if (!strcmp(a, "--warmup")) opt.warmup = atof(v);
    else if (!strcmp(a, "--drain")) opt.drain = atof(v);
    else if (!strcmp(a, "--rate")) opt.rate = atof(v);
    else if (!strcmp(a, "--seed")) opt.seed = strtoull(v, NULL, 10);
    else if (!strcmp(a, "--split")) opt.split = (uint32_t)strtoul(v, NULL, 10);
    else if (!strcmp(a, "--pace")) opt.pace_us = (uint32_t)strtoul(v, NULL, 10);
    else if (!strcmp(a, "--stall")) opt.stall_ms = (uint32_t)strtoul(v, NULL, 10);
    else if (!strcmp(a, "--rcvbuf")) opt.rcvbuf = atoi(v);
    else if (!strcmp(a, "--sndbuf")) opt.sndbuf = atoi(v);
    else if (!strcmp(a, "--pid")) opt.pid = atoi(v);
    else if (!strcmp(a, "--touch-size")) opt.touch_size = (uint32_t)strtoul(v, NULL, 10);
    else if (!strcmp(a, "--count")) opt.count = (uint32_t)strtoul(v, NULL, 10);
    else if (!strcmp(a, "--settle")) opt.settle_ms = (uint32_t)strtoul(v, NULL, 10);
    else usage();
  }
  if (opt.conns < 1 || opt.depth < 1 || opt.split < 1) usage();
  if (opt.size > (64u << 20)) die("--size is limited to 64 MiB");
  if (opt.mode == RAW_MODE && opt.size < 1) die("raw needs --size of at least 1");
  if (opt.mode == FANOUT_MODE && opt.size < 16)
    die("fanout needs --size of at least 16 (it carries a timestamp)");
  if (opt.mode == TRICKLE_MODE && opt.min_size > opt.size) die("--min-size > --size");
  if (opt.rate > 0 && opt.mode != ECHO_MODE && opt.mode != RAW_MODE)
    die("--rate is for echo and raw");
  if (opt.count && ((opt.mode != ECHO_MODE && opt.mode != RAW_MODE) || opt.rate > 0))
    die("--count is for echo and raw in closed loop");
  if (opt.touch_size > (64u << 20) || (opt.touch_size && (opt.mode != IDLE_MODE || !opt.touch)))
    die("--touch-size is for idle with --touch, and limited to 64 MiB");
  if (opt.ws && opt.mode == RAW_MODE) die("--ws has frames: not for raw");
}

/* ---------------------------------------------------- time, random numbers */

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void sleep_us(uint64_t us) {
  struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
  while (nanosleep(&t, &t) < 0 && errno == EINTR) {}
}

static uint64_t mix64(uint64_t x) { /* the finaliser of splitmix64 */
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

static uint64_t next_random(uint64_t *state) {
  *state += 0x9e3779b97f4a7c15ull;
  return mix64(*state);
}

/* -------------------------------------------------------------- histogram */

/* Log-linear: 64 steps per power of two, so a value is known to 1.6 %. */
#define HIST_SLOTS (58 * 64 + 64)
typedef struct {
  uint64_t slot[HIST_SLOTS], count, max;
} hist;

static void hist_add(hist *h, uint64_t ns) {
  unsigned shift = ns < 128 ? 0 : (unsigned)(57 - __builtin_clzll(ns));
  h->slot[shift * 64 + (ns >> shift)]++;
  h->count++;
  if (ns > h->max) h->max = ns;
}

static double hist_us(const hist *h, double q) {
  if (!h->count) return 0;
  uint64_t want = (uint64_t)(q * (double)h->count), seen = 0;
  if (want >= h->count) want = h->count - 1;
  for (unsigned i = 0; i < HIST_SLOTS; i++) {
    seen += h->slot[i];
    if (seen > want) {
      unsigned shift = i < 128 ? 0 : i / 64 - 1;
      double low = (double)((uint64_t)(i - shift * 64) << shift);
      double mid = low + (double)(1ull << shift) / 2;
      return (mid > (double)h->max ? (double)h->max : mid) / 1000.0;
    }
  }
  return (double)h->max / 1000.0;
}

/* ------------------------------------------------------------ connections */

typedef struct {
  int fd;
  uint32_t id;
  bool dead, want_in, want_out;
  bool bad_frame;       /* the frame being received has shown a mismatch */
  uint32_t tx_seq;      /* the frame being sent ... */
  uint32_t tx_off;      /* ... and how much of it has gone out */
  uint32_t allow;       /* frames below this number may be sent */
  uint32_t due;         /* open loop: frames below this number are due */
  uint32_t rx_seq;      /* the frame being received ... */
  uint32_t rx_off;      /* ... and how much of it has come */
  uint32_t rx_mark;     /* rx_seq when the measured time began */
  uint64_t *ts;         /* start times of the outstanding frames, by seq % depth */
  uint64_t rng;
  uint64_t stall_until; /* trickle: not reading before this time */
} conn;

static conn *conns;
static int nconns;       /* all connections, with the fanout sender */
static int established;
static conn *sender;     /* fanout: the last connection opened, else NULL */
static uint32_t *arrived; /* fanout: deliveries of each outstanding frame */
static int epfd;

static bool measuring, draining;
static uint64_t frames_in, bytes_in;           /* measured */
static uint64_t broadcasts;                    /* measured, fanout */
static uint64_t errors, mismatches, missing;   /* of the whole run */
static hist latency, completion;
static uint64_t t0_rate;
static double ns_per_frame;                    /* open loop, over all connections */

/* ----------------------------------------------------------------- frames */

/*
 * A frame is   [u32 length]  [16 bytes: seq, connection, timestamp or hash]  [body]
 * with the second part cut short when the payload is smaller.  The body is a window
 * on a random table at an offset that depends on connection and sequence number.
 */
#define META 16
#define TABLE_SPAN 1024
static uint8_t *table;

/* Writes what stands before the payload on the wire to out; returns its length, 14 at the most.  Of a length
   prefix it is the same both ways; a WebSocket client masks, its server does not. */
static uint32_t wire_prefix(uint32_t size, bool to_server, uint8_t *out) {
  if (opt.mode == RAW_MODE) return 0;
  if (!opt.ws) {
    memcpy(out, &size, 4); /* this program is for little-endian machines */
    return 4;
  }
  uint32_t n = 2;
  out[0] = 0x82; /* final, binary */
  if (size < 126) {
    out[1] = (uint8_t)size;
  } else if (size < 65536) {
    out[1] = 126;
    out[n++] = (uint8_t)(size >> 8);
    out[n++] = (uint8_t)size;
  } else {
    out[1] = 127;
    memset(out + n, 0, 4);
    for (int i = 0; i < 4; i++) out[n + 4 + (uint32_t)i] = (uint8_t)(size >> (24 - 8 * i));
    n += 8;
  }
  if (!to_server) return n;
  out[1] |= 0x80;
  memset(out + n, 0, 4); /* the masking key */
  return n + 4;
}

static uint32_t prefix_length(uint32_t size, bool to_server) {
  uint8_t out[14];
  return wire_prefix(size, to_server, out);
}

static uint64_t frame_hash(const conn *c, uint32_t seq) {
  return mix64(opt.seed ^ ((uint64_t)c->id << 32) ^ seq);
}

static uint32_t frame_size(const conn *c, uint32_t seq) {
  if (opt.mode == IDLE_MODE && seq > 0) return opt.touch_size;
  if (opt.mode != TRICKLE_MODE) return opt.size;
  uint64_t h = mix64(frame_hash(c, seq) + 1);
  uint32_t span = opt.size - opt.min_size;
  switch (h & 7) {
    case 0: return opt.min_size;                                /* often empty */
    case 1: return opt.size;                                    /* the largest */
    case 2: case 3: case 4: if (span > 40) span = 40; /* fall through */
    default: return opt.min_size + (uint32_t)((h >> 8) % ((uint64_t)span + 1));
  }
}

/* Writes the prefix and the meta part to out; returns their length. */
static uint32_t frame_head(const conn *c, uint32_t seq, uint32_t size, bool to_server, uint8_t *out) {
  if (sender) c = sender; /* in fanout all receive the sender's frames */
  uint64_t third = sender ? c->ts[seq % opt.depth] : frame_hash(c, seq);
  uint32_t prefix = wire_prefix(size, to_server, out);
  memcpy(out + prefix, &seq, 4);
  memcpy(out + prefix + 4, &c->id, 4);
  memcpy(out + prefix + 8, &third, 8);
  return prefix + (size < META ? size : META);
}

static const uint8_t *frame_body(const conn *c, uint32_t seq) {
  if (sender) c = sender;
  return table + ((c->id * 37u + seq * 61u) % TABLE_SPAN);
}

/* ------------------------------------------------------------------ epoll */

static void set_interest(conn *c, bool in, bool out) {
  if (c->dead || (c->want_in == in && c->want_out == out)) return;
  c->want_in = in;
  c->want_out = out;
  struct epoll_event e = {.events = (in ? EPOLLIN : 0) | (out ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epfd, EPOLL_CTL_MOD, c->fd, &e);
}

static void conn_fail(conn *c, const char *why) {
  if (c->dead) return;
  if (errors + mismatches <= 5)
    fprintf(stderr, "loadgen: connection %u: %s (sent %u, received %u frames)\n", c->id, why,
            c->tx_seq, c->rx_seq);
  c->dead = true;
  close(c->fd);
}

/* ---------------------------------------------------------------- sending */

#define ARENA (128 * 1024)
#define MAX_IOV 64
static uint8_t arena[ARENA + 64];

static void allow_frame(conn *c, uint64_t start) {
  c->ts[c->allow % opt.depth] = start;
  c->allow++;
}

/*
 * Sends up to max bytes of what the window allows, in as few system calls as it can:
 * small frames are copied together, large bodies go out straight from the table.
 */
static void flush_conn(conn *c, size_t max) {
  while (!c->dead) {
    struct iovec iov[MAX_IOV];
    int n = 0;
    size_t used = 0, total = 0;
    uint32_t seq = c->tx_seq, off = c->tx_off;
    bool open_tail = false; /* the last vector ends where the arena goes on */
    while (seq < c->allow && total < max && n < MAX_IOV - 1) {
      uint32_t size = frame_size(c, seq), wire = prefix_length(size, true) + size;
      uint8_t head[14 + META];
      uint32_t hlen = frame_head(c, seq, size, true, head);
      uint32_t hpart = off < hlen ? hlen - off : 0;
      uint32_t bpart = wire - (off > hlen ? off : hlen);
      bool copy_body = bpart < 2048;
      if (used + hpart + (copy_body ? bpart : 0) > ARENA) break;
      if (hpart + bpart > 0) {
        if (!open_tail) { iov[n].iov_base = arena + used; iov[n].iov_len = 0; n++; }
        memcpy(arena + used, head + (hpart ? off : 0), hpart);
        used += hpart; iov[n - 1].iov_len += hpart;
        const uint8_t *body = frame_body(c, seq) + (wire - bpart - hlen);
        if (copy_body) {
          memcpy(arena + used, body, bpart);
          used += bpart; iov[n - 1].iov_len += bpart;
          open_tail = true;
        } else {
          iov[n].iov_base = (void *)body; iov[n].iov_len = bpart; n++;
          open_tail = false;
        }
        total += hpart + bpart;
      }
      seq++;
      off = 0;
    }
    if (!total) { /* nothing left, or only empty raw chunks, which do not exist */
      set_interest(c, c->want_in, false);
      return;
    }
    if (total > max) { /* trickle: cut the last vectors so that exactly max bytes go */
      size_t left = max;
      int i = 0;
      while (left > iov[i].iov_len) left -= iov[i++].iov_len;
      iov[i].iov_len = left;
      n = i + 1;
      total = max;
    }
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n};
    ssize_t w = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
    if (w < 0) {
      if (errno == EAGAIN || errno == EINTR) { set_interest(c, c->want_in, true); return; }
      errors++;
      conn_fail(c, strerror(errno));
      return;
    }
    for (size_t left = (size_t)w + c->tx_off;;) {
      uint32_t size = frame_size(c, c->tx_seq), wire = prefix_length(size, true) + size;
      if (left < wire) { c->tx_off = (uint32_t)left; break; }
      left -= wire;
      c->tx_seq++;
    }
    bool more = c->tx_seq < c->allow;
    if ((size_t)w < total || opt.mode == TRICKLE_MODE) {
      set_interest(c, c->want_in, more);
      return;
    }
    if (!more) { set_interest(c, c->want_in, false); return; }
  }
}

/* Trickle: one write of a random size. */
static void trickle_write(conn *c) {
  uint64_t r = next_random(&c->rng);
  size_t max;
  if ((r & 7) < 5) max = 1 + (r >> 8) % opt.split;        /* a few bytes */
  else if ((r & 7) < 7) max = 1 + (r >> 8) % 4096;        /* part of a packet */
  else max = ARENA;                                       /* all there is */
  flush_conn(c, max);
}

static void send_allowed(conn *c) {
  if (opt.mode == TRICKLE_MODE) set_interest(c, c->want_in, c->tx_seq < c->allow);
  else if (!c->want_out) flush_conn(c, SIZE_MAX);
}

/* Open loop: lets the frames go that are due and that the window has room for. */
static void allow_due(conn *c) {
  while (c->allow < c->due && c->allow - c->rx_seq < opt.depth) {
    double at = ((double)c->allow * nconns + c->id) * ns_per_frame;
    allow_frame(c, t0_rate + (uint64_t)at);
  }
}

/* -------------------------------------------------------------- receiving */

#define RBUF (256 * 1024)
static uint8_t rbuf[RBUF];

static void frame_done(conn *c, uint32_t size, uint64_t now) {
  uint32_t slot = c->rx_seq % opt.depth;
  conn *from = sender ? sender : c;
  if (c->bad_frame) {
    if (++mismatches <= 5)
      fprintf(stderr, "loadgen: connection %u: frame %u has a wrong payload\n", c->id, c->rx_seq);
    c->bad_frame = false;
  }
  uint64_t start = from->ts[slot];
  if (measuring) {
    frames_in++;
    bytes_in += size;
    hist_add(&latency, now > start ? now - start : 0);
  }
  c->rx_seq++;
  c->rx_off = 0;
  if (sender) {
    if (++arrived[slot] < (uint32_t)nconns) return;
    arrived[slot] = 0; /* the last connection has it */
    if (measuring) { broadcasts++; hist_add(&completion, now - start); }
    if (!draining) allow_frame(sender, now);
  } else if (opt.rate > 0) {
    allow_due(c);
  } else if (!draining && !(opt.count && c->allow >= opt.count)) {
    allow_frame(c, now);
  }
}

static void on_readable(conn *c) {
  ssize_t n = recv(c->fd, rbuf, RBUF, 0);
  if (n <= 0) {
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    errors++;
    conn_fail(c, n == 0 ? "closed by the server" : strerror(errno));
    return;
  }
  uint64_t now = now_ns();
  const uint8_t *p = rbuf, *end = rbuf + n;
  conn *from = sender ? sender : c;
  while (p < end) {
    if (c->rx_seq >= from->tx_seq + (from->tx_off > 0)) { /* nothing was asked for */
      mismatches++;
      conn_fail(c, "bytes beyond the last frame");
      return;
    }
    uint32_t size = frame_size(from, c->rx_seq), prefix = prefix_length(size, false), wire = prefix + size;
    uint8_t head[14 + META];
    uint32_t hlen = frame_head(c, c->rx_seq, size, false, head);
    if (c->rx_off < hlen) {
      uint32_t part = hlen - c->rx_off;
      if (part > end - p) part = (uint32_t)(end - p);
      uint32_t in_prefix = c->rx_off < prefix ? prefix - c->rx_off : 0;
      if (in_prefix > part) in_prefix = part;
      if (in_prefix && memcmp(p, head + c->rx_off, in_prefix)) {
        mismatches++;
        conn_fail(c, "wrong length prefix");
        return;
      }
      if (memcmp(p, head + c->rx_off, part)) c->bad_frame = true;
      p += part;
      c->rx_off += part;
    }
    if (c->rx_off >= hlen && p < end && c->rx_off < wire) {
      uint32_t part = wire - c->rx_off;
      if (part > end - p) part = (uint32_t)(end - p);
      if (memcmp(p, frame_body(c, c->rx_seq) + (c->rx_off - hlen), part)) c->bad_frame = true;
      p += part;
      c->rx_off += part;
    }
    if (c->rx_off == wire) frame_done(c, size, now);
  }
  if (from->tx_seq < from->allow) send_allowed(from);
  if (opt.stall_ms && opt.mode == TRICKLE_MODE && !draining && next_random(&c->rng) % 64 == 0) {
    c->stall_until = now + opt.stall_ms * 1000000ull;
    set_interest(c, false, c->want_out);
  }
}

/* ------------------------------------------------------------- connecting */

/* Asks for the WebSocket protocol; the socket still blocks. */
static int upgrade(int fd) {
  char text[1024];
  int n = snprintf(text, sizeof text,
                   "GET / HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                   opt.host, opt.port);
  if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n) return -1;
  struct timeval limit = {.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  for (size_t used = 0; used < sizeof text - 1;) {
    ssize_t r = recv(fd, text + used, 1, 0); /* not a byte beyond the answer's head */
    if (r <= 0) return -1;
    text[++used] = 0;
    if (used >= 4 && !strcmp(text + used - 4, "\r\n\r\n"))
      return strncmp(text, "HTTP/1.1 101", 12) ? -1 : 0;
  }
  return -1;
}

static int open_conn(conn *c) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (opt.rcvbuf) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &opt.rcvbuf, sizeof opt.rcvbuf);
  if (opt.sndbuf) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &opt.sndbuf, sizeof opt.sndbuf);
  struct timeval limit = {.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
  if (inet_pton(AF_INET, opt.host, &to.sin_addr) != 1) die("not an IPv4 address: %s", opt.host);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) { close(fd); return -1; }
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (opt.ws && upgrade(fd) < 0) { close(fd); return -1; }
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  c->fd = fd;
  c->want_in = true;
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e);
  return 0;
}

static void open_all(void) {
  struct rlimit lim;
  if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
    lim.rlim_cur = lim.rlim_max;
    setrlimit(RLIMIT_NOFILE, &lim);
  }
  nconns = opt.conns + (opt.mode == FANOUT_MODE);
  conns = calloc((size_t)nconns, sizeof *conns);
  uint64_t *rings = calloc((size_t)nconns * opt.depth, sizeof *rings);
  arrived = calloc(opt.depth, sizeof *arrived);
  if (!conns || !rings || !arrived) die("out of memory");
  for (int i = 0; i < nconns; i++) {
    conn *c = &conns[i];
    c->id = (uint32_t)i;
    c->ts = rings + (size_t)i * opt.depth;
    c->rng = mix64(opt.seed * 1000003u + (uint64_t)i);
    c->fd = -1;
    if (open_conn(c) < 0)
      die("connection %d of %d to %s:%d: %s", i + 1, nconns, opt.host, opt.port, strerror(errno));
    established++;
    if (i % 64 == 63) sleep_us(2000); /* the accept queue of the server is short */
  }
  /* The sender was connected last: a server that accepts in order knows all the
     receivers when it knows the sender; the pause below covers the rest. */
  if (opt.mode == FANOUT_MODE) sender = &conns[nconns - 1];
  if (!opt.count) sleep_us(opt.settle_ms * 1000ull);
}

/* --------------------------------------------- the server's CPU and memory */

static double server_cpu(void) { /* seconds of all threads so far, -1 if unknown */
  if (!opt.pid) return -1;
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(opt.pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return -1;
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long server_rss_kb(void) {
  if (!opt.pid) return -1;
  char path[64], line[256];
  long kb = -1;
  snprintf(path, sizeof path, "/proc/%d/status", opt.pid);
  FILE *f = fopen(path, "r");
  if (!f) return -1;
  while (fgets(line, sizeof line, f))
    if (sscanf(line, "VmRSS: %ld", &kb) == 1) break;
  fclose(f);
  return kb;
}

/* Seconds that all CPUs of the machine were at work so far, what a hypervisor took included, and how many CPUs. */
static double machine_cpu(double *cpus) {
  char line[512];
  double busy = -1;
  *cpus = -1; /* the first line is the sum over all */
  FILE *f = fopen("/proc/stat", "r");
  if (!f) return -1;
  while (fgets(line, sizeof line, f) && !strncmp(line, "cpu", 3)) {
    unsigned long long user, nice, sys, idle, wait, irq, soft, steal;
    if (sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &sys, &idle, &wait, &irq, &soft,
               &steal) == 8)
      busy = (double)(user + nice + sys + irq + soft + steal) / (double)sysconf(_SC_CLK_TCK);
    ++*cpus;
  }
  fclose(f);
  return busy;
}

static double own_cpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
         (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

/* -------------------------------------------------------------- main loop */

static bool all_back(void) {
  if (sender) {
    for (int i = 0; i < nconns; i++)
      if (!conns[i].dead && conns[i].rx_seq < sender->allow) return false;
    return true;
  }
  for (int i = 0; i < nconns; i++)
    if (!conns[i].dead && conns[i].rx_seq < conns[i].allow) return false;
  return true;
}

/* Waits at most ms, handles what is ready.  In trickle mode a connection with
   something to send is always ready, so every turn makes one write on each. */
static void turn(int ms) {
  static struct epoll_event ev[1024];
  int n = epoll_wait(epfd, ev, 1024, ms);
  for (int i = 0; i < n; i++) {
    conn *c = ev[i].data.ptr;
    if (c->dead) continue;
    if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(c);
    if (!c->dead && (ev[i].events & EPOLLOUT)) {
      if (opt.mode == TRICKLE_MODE) trickle_write(c);
      else flush_conn(c, SIZE_MAX);
    }
  }
  if (opt.mode == TRICKLE_MODE) {
    if (opt.stall_ms) {
      uint64_t now = now_ns();
      for (int i = 0; i < nconns; i++)
        if (!conns[i].want_in && (draining || now >= conns[i].stall_until))
          set_interest(&conns[i], true, conns[i].want_out);
    }
    if (opt.pace_us) sleep_us(opt.pace_us);
  }
}

static uint64_t rate_next; /* open loop: the number of the next frame, over all */

static void release_due(uint64_t now) {
  while (!draining && t0_rate + (uint64_t)((double)rate_next * ns_per_frame) <= now) {
    conn *c = &conns[rate_next++ % (uint64_t)nconns];
    c->due++;
    if (c->dead) continue;
    allow_due(c);
    if (c->tx_seq < c->allow) send_allowed(c);
  }
}

static void run_until(uint64_t end) {
  for (;;) {
    uint64_t now = now_ns();
    if (now >= end) return;
    int ms = (int)((end - now) / 1000000) + 1;
    if (opt.rate > 0) { release_due(now); ms = 0; } /* open loop polls */
    bool any = false;
    for (int i = 0; i < nconns && !any; i++) any = !conns[i].dead;
    if (!any || (sender && sender->dead)) return;
    turn(opt.spin ? 0 : ms > 100 ? 100 : ms);
  }
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static int traffic(void) {
  uint32_t *served = calloc((size_t)nconns, sizeof *served);
  if (!served) die("out of memory");
  uint64_t start = now_ns();
  if (opt.rate > 0) {
    t0_rate = start;
    ns_per_frame = 1e9 / (opt.rate * nconns);
  } else {
    for (int i = 0; i < nconns; i++) {
      conn *c = &conns[i];
      if (sender && c != sender) continue;
      for (uint32_t d = 0; d < opt.depth; d++) allow_frame(c, now_ns());
      send_allowed(c);
    }
  }
  run_until(start + (uint64_t)(opt.warmup * 1e9));

  double cpus, all0 = machine_cpu(&cpus), cpu0 = own_cpu(), srv0 = server_cpu();
  uint64_t m0 = now_ns();
  for (int i = 0; i < nconns; i++) conns[i].rx_mark = conns[i].rx_seq;
  measuring = true;
  run_until(m0 + (uint64_t)(opt.secs * 1e9));
  measuring = false;
  double secs = (double)(now_ns() - m0) / 1e9;
  double cpu = own_cpu() - cpu0, srv = server_cpu() - srv0;
  double others = machine_cpu(&cpus) - all0 - cpu - srv;
  long rss = server_rss_kb();
  for (int i = 0; i < nconns; i++) served[i] = conns[i].rx_seq - conns[i].rx_mark;
  qsort(served, (size_t)nconns, sizeof *served, by_value);

  draining = true;
  uint64_t limit = now_ns() + (uint64_t)(opt.drain * 1e9);
  while (!all_back() && now_ns() < limit) turn(10);
  for (int i = 0; i < nconns; i++)
    missing += (sender ? sender->allow : conns[i].allow) - conns[i].rx_seq;

  printf("{\"mode\":\"%s\",\"conns\":%d,\"established\":%d,\"size\":%u,\"depth\":%u,\"secs\":%.3f,"
         "\"msgs\":%llu,\"msgs_per_s\":%.0f,\"mb_per_s\":%.3f,"
         "\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,",
         opt.mode_name, opt.conns, established, opt.size, opt.depth, secs,
         (unsigned long long)frames_in, (double)frames_in / secs, (double)bytes_in / secs / 1e6,
         hist_us(&latency, .5), hist_us(&latency, .9), hist_us(&latency, .99),
         hist_us(&latency, .999), (double)latency.max / 1000);
  if (sender)
    printf("\"broadcasts_per_s\":%.0f,\"complete_p50_us\":%.1f,\"complete_p99_us\":%.1f,"
           "\"complete_max_us\":%.1f,",
           (double)broadcasts / secs, hist_us(&completion, .5), hist_us(&completion, .99),
           (double)completion.max / 1000);
  /* Fairness: frames that the least, the median and the most served connection got. */
  printf("\"conn_min\":%u,\"conn_p50\":%u,\"conn_max\":%u,", served[0], served[nconns / 2],
         served[nconns - 1]);
  printf("\"client_cpu\":%.3f,", cpu / secs);
  if (srv0 >= 0) /* others_cpu: the share of the machine that neither the server nor this program took */
    printf("\"server_cpu\":%.3f,\"server_us_per_msg\":%.4f,\"server_rss_kb\":%ld,\"others_cpu\":%.3f,", srv / secs,
           frames_in ? srv * 1e6 / (double)frames_in : 0, rss, others > 0 && cpus > 0 ? others / secs / cpus : 0);
  printf("\"errors\":%llu,\"mismatches\":%llu,\"missing\":%llu}\n", (unsigned long long)errors,
         (unsigned long long)mismatches, (unsigned long long)missing);
  return errors || mismatches || missing || !frames_in ? 1 : 0;
}

/* Ends every connection in order, and waits for the server to do the same. */
static void close_all(uint64_t limit) {
  for (int i = 0; i < nconns; i++)
    if (!conns[i].dead) shutdown(conns[i].fd, SHUT_WR);
  for (int i = 0; i < nconns; i++) {
    conn *c = &conns[i];
    if (c->dead) continue;
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) & ~O_NONBLOCK);
    struct timeval left = {.tv_sec = 1};
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &left, sizeof left);
    ssize_t n = now_ns() < limit ? recv(c->fd, rbuf, 1, 0) : -1;
    if (n > 0) mismatches++; /* nothing was asked for */
    if (n < 0) errors++;
    close(c->fd);
    c->dead = true;
  }
}

/* --count: from the first dial, at start, to the last close. */
static int counted(uint64_t start, double cpu0, double srv0) {
  uint64_t dialled = now_ns(), limit = dialled + (uint64_t)((opt.secs + opt.drain) * 1e9);
  measuring = true;
  for (int i = 0; i < nconns; i++) {
    for (uint32_t d = 0; d < opt.depth && d < opt.count; d++) allow_frame(&conns[i], now_ns());
    send_allowed(&conns[i]);
  }
  while (!all_back() && now_ns() < limit) turn(opt.spin ? 0 : 10);
  measuring = false;
  for (int i = 0; i < nconns; i++) missing += opt.count - conns[i].rx_seq;
  double served = (double)(now_ns() - dialled) / 1e9;
  close_all(limit);
  double secs = (double)(now_ns() - start) / 1e9, cpu = own_cpu() - cpu0, srv = server_cpu() - srv0;
  printf("{\"mode\":\"%s\",\"conns\":%d,\"established\":%d,\"size\":%u,\"depth\":%u,\"count\":%u,\"secs\":%.3f,"
         "\"dial_secs\":%.3f,\"echo_secs\":%.3f,\"msgs\":%llu,\"msgs_per_s\":%.0f,"
         "\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"client_cpu\":%.3f,",
         opt.mode_name, opt.conns, established, opt.size, opt.depth, opt.count, secs,
         (double)(dialled - start) / 1e9, served, (unsigned long long)frames_in, (double)frames_in / secs,
         hist_us(&latency, .5), hist_us(&latency, .9), hist_us(&latency, .99), hist_us(&latency, .999),
         (double)latency.max / 1000, cpu / secs);
  if (srv0 >= 0)
    printf("\"server_cpu\":%.3f,\"server_us_per_msg\":%.4f,\"server_rss_kb\":%ld,", srv / secs,
           frames_in ? srv * 1e6 / (double)frames_in : 0, server_rss_kb());
  printf("\"errors\":%llu,\"mismatches\":%llu,\"missing\":%llu}\n", (unsigned long long)errors,
         (unsigned long long)mismatches, (unsigned long long)missing);
  return errors || mismatches || missing || !frames_in ? 1 : 0;
}

/* Echoes one more frame on each connection, a few connections at a time: all at once, large frames would fill the
   system's socket memory.  draining is set, so no other frame follows. */
#define TOUCHED_AT_ONCE 64
static void touch_all(void) {
  uint64_t limit = now_ns() + (uint64_t)(opt.drain * 1e9);
  draining = true;
  for (int first = 0; first < nconns; first += TOUCHED_AT_ONCE) {
    for (int i = first; i < first + TOUCHED_AT_ONCE && i < nconns; i++) {
      if (conns[i].dead) continue;
      allow_frame(&conns[i], now_ns());
      flush_conn(&conns[i], SIZE_MAX);
    }
    while (!all_back() && now_ns() < limit) turn(10);
  }
}

static int idle(long rss0) {
  long rss1 = server_rss_kb();
  if (opt.touch) touch_all();
  long rss2 = server_rss_kb();
  double cpu0 = server_cpu();
  sleep_us((uint64_t)(opt.secs * 1e6));
  double cpu1 = server_cpu();
  long rss3 = server_rss_kb(), rss4 = rss3;
  if (opt.touch_size) {
    touch_all();
    sleep_us((uint64_t)(opt.secs * 1e6));
    rss4 = server_rss_kb();
  }
  for (int i = 0; i < nconns; i++) missing += conns[i].allow - conns[i].rx_seq;
  int alive = 0;
  for (int i = 0; i < nconns; i++) {
    char b;
    if (conns[i].dead) continue;
    ssize_t n = recv(conns[i].fd, &b, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) alive++;
    else errors++;
  }
  printf("{\"mode\":\"idle\",\"conns\":%d,\"established\":%d,\"alive\":%d,\"secs\":%.1f,", opt.conns,
         established, alive, opt.secs);
  if (opt.pid)
    printf("\"rss_before_kb\":%ld,\"rss_connected_kb\":%ld,\"rss_touched_kb\":%ld,"
           "\"rss_end_kb\":%ld,\"peak_bytes_per_conn\":%.0f,\"end_bytes_per_conn\":%.0f,"
           "\"large_bytes_per_conn\":%.0f,\"idle_cpu\":%.4f,",
           rss0, rss1, rss2, rss3,
           ((double)(rss2 > rss1 ? rss2 : rss1) - rss0) * 1024 / established,
           ((double)rss3 - rss0) * 1024 / established, ((double)rss4 - rss0) * 1024 / established,
           (cpu1 - cpu0) / opt.secs);
  printf("\"errors\":%llu,\"mismatches\":%llu,\"missing\":%llu}\n", (unsigned long long)errors,
         (unsigned long long)mismatches, (unsigned long long)missing);
  return errors || mismatches || missing ? 1 : 0;
}

int main(int argc, char **argv) {
  parse_options(argc, argv);
  size_t span = (size_t)(opt.size > opt.touch_size ? opt.size : opt.touch_size) + TABLE_SPAN;
  table = malloc(span);
  if (!table) die("out of memory");
  uint64_t state = opt.seed;
  for (size_t i = 0; i < span; i++) table[i] = (uint8_t)(next_random(&state) >> 56);
  epfd = epoll_create1(EPOLL_CLOEXEC);
  if (epfd < 0) die("epoll_create1: %s", strerror(errno));
  long rss0 = server_rss_kb();
  uint64_t start = now_ns();
  double cpu0 = own_cpu(), srv0 = server_cpu();
  open_all();
  if (opt.mode == IDLE_MODE) return idle(rss0);
  return opt.count ? counted(start, cpu0, srv0) : traffic();
}
