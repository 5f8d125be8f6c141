/*
 * attacker.c - peers that mean harm to a server of length-prefixed frames, or that are merely careless.
 *
 *   attacker flood      --port N --secs T --conns C (--size S | --tiny | --frame HEX | --garbage)
 *             [--prefix HEX] [--bytes B] [--read]
 *   attacker loris      --port N --secs T --conns C [--frame-first]
 *   attacker churn      --port N --secs T [--reset] [--sources S]
 *   attacker hold       --port N --secs T --conns C
 *   attacker kills      --port N --conns C --rounds R --secs T
 *   attacker renegotiate --port N --conns C --secs T
 *   attacker broadcast  --port N --secs T --conns C --stuck K --count M
 *   attacker run LIMIT_SECONDS PROGRAM ARGUMENTS...
 *
 * flood      writes as fast as it can: frames of S bytes, empty and one-byte frames in turns, a frame given in hex, or
 *            bytes that are no frames; --prefix goes first on each connection. Without --read nothing is ever read.
 * loris      a byte a second on each connection, of the length of a frame of 60,000 bytes and then of its payload;
 *            --frame-first sends the length at once.
 * churn      connects and closes, or resets, as fast as it can, from many source addresses.
 * hold       connects, does nothing, and closes at the end.
 * renegotiate  C clients of OpenSSL (s_client) over TLS 1.2 that ask for a new handshake every five milliseconds.
 * kills      a child process with C flooding connections that do not read, killed by SIGKILL, R times in a row.
 * broadcast  C receivers that read, K that never do, and a sender of M messages at full speed, which reads too. It begins
 *            when every reader has had a message of the slow sender (honest.c), and ends when all have all, or when
 *            nothing has come for three seconds.
 *
 * run        no attack: becomes a server that ends with whoever started it, and after the limit in any case.
 *
 * --sources S: churn comes from so many addresses in turn, 127.0.0.2 and on; 249 if it does not say.
 * --source A: flood, loris and hold come from the address 127.0.0.A.
 * --bytes B: flood sends so many on each connection, and then only holds it.
 * --remote goes with every attack: segments of 1,448 bytes and send buffers of 64 KiB, as of peers elsewhere. With those of
 * loopback, of 64 KiB and of 4 MiB at either end, 500 peers that do not read fill the TCP memory of the machine (tcp_mem),
 * and the system then drops what honest clients send, too.
 *
 * A connection that the server ends is dialled again 100 ms later, except by hold and broadcast. Everything ends after T
 * seconds at the latest, with a line of JSON that says what was done. On an idle CPU all goes at full speed; its nice
 * value lets the honest clients on the same CPU keep their time.
 */
#include "common.h"

#define TAPE_BYTES (1 << 18) /* what one send may take */
#define REDIAL_NS (100 * MS)
#define CHURN_SLOTS 64
#define CONNECT_LIMIT_NS (500 * MS)
#define CHURN_LIMIT_NS (100 * MS) /* the server's backlog is full: others are tried */
#define FIRST_SOURCE 2 /* 127.0.0.2 */
#define LORIS_BYTES 60000

typedef struct {
  int fd; /* -1: to be dialled again */
  bool open;
  uint64_t due; /* when to dial again; loris: when the next byte goes; churn: when to give up */
  uint32_t prefix_left, at; /* at: place in the tape, or bytes sent */
  uint64_t sent; /* flood: bytes */
  /* broadcast */
  bool stuck, is_in; /* is_in: has got a message of the honest sender's, so the server knows of it */
  uint32_t next, filled;
  uint8_t input[BROADCAST_FRAME];
} conn;

static struct {
  int port, conns, rounds, stuck, source, sources;
  uint32_t size, count;
  uint64_t bytes;
  double secs;
  bool tiny, garbage, read, frame_first, reset, remote;
  const char *frame, *prefix;
} opt = {.conns = 1, .secs = 1, .rounds = 1, .source = 1, .sources = 249, .bytes = UINT64_MAX};

static int epfd;
static uint64_t end_ns;
static uint32_t sent; /* broadcast: whole messages; renegotiate: requests */
static uint64_t dialled, connected, refused, ended, bytes_sent, bytes_read;
static conn *all;
static uint8_t *tape, prefix[64];
static uint32_t unit, tape_bytes, prefix_bytes;

static uint32_t read_hex(const char *text, uint8_t *into, uint32_t most) {
  uint32_t count = (uint32_t)strlen(text) / 2;
  if (count == 0 || count > most) die("attacker: hex of 1 to %u bytes", most);
  for (uint32_t i = 0; i < count; i++) {
    unsigned value;
    if (sscanf(text + 2 * i, "%2x", &value) != 1) die("attacker: not hex: %s", text);
    into[i] = (uint8_t)value;
  }
  return count;
}

/* What is sent again and again: `unit` bytes, repeated, so that a send may begin anywhere in the first of them. */
static void make_tape(void) {
  uint8_t frame[4096];
  if (opt.prefix) prefix_bytes = read_hex(opt.prefix, prefix, sizeof prefix);
  if (opt.frame) unit = read_hex(opt.frame, frame, sizeof frame);
  else unit = opt.garbage ? TAPE_BYTES : opt.tiny ? 9 : 4 + opt.size;
  tape_bytes = unit * (TAPE_BYTES / unit + 2);
  tape = malloc(tape_bytes);
  if (!tape) die("out of memory");
  uint64_t state = 88172645463325252ull;
  for (uint32_t i = 0; i < unit; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    tape[i] = (uint8_t)state;
  }
  if (opt.frame) memcpy(tape, frame, unit);
  else if (opt.tiny) put_le32(tape, 0), put_le32(tape + 4, 1);
  else if (!opt.garbage) put_le32(tape, opt.size);
  for (uint32_t i = unit; i < tape_bytes; i++) tape[i] = tape[i - unit];
}

static void watch(conn *c, uint32_t events, int how) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(epfd, how, c->fd, &event);
}

static void open_conn(conn *c, int source) {
  dialled++;
  c->open = false;
  c->at = 0;
  c->sent = 0;
  c->prefix_left = prefix_bytes;
  c->fd = dial(opt.port, source, opt.remote);
  c->due = now_ns() + (c->fd < 0 ? REDIAL_NS : CONNECT_LIMIT_NS);
  if (c->fd < 0) refused++;
  else watch(c, EPOLLOUT, EPOLL_CTL_ADD);
}

static void drop(conn *c, uint64_t *counter) {
  (*counter)++;
  close(c->fd);
  c->fd = -1;
  c->due = now_ns() + REDIAL_NS;
}

static void open_all(int count) {
  all = calloc((size_t)count, sizeof *all);
  if (!all) die("out of memory");
  for (int i = 0; i < count; i++) open_conn(&all[i], opt.source);
}

/* Whether a connection that is new to us came to be; drops it otherwise. */
static bool accept_open(conn *c) {
  if (c->open) return true;
  if (!is_connected(c->fd)) { drop(c, &refused); return false; }
  connected++;
  return c->open = true;
}

/* ------------------------------------------------------------------ flood */

static void flood_write(conn *c) {
  for (int sends = 0; sends < 4; sends++) {
    uint64_t left = opt.bytes - c->sent;
    if (left == 0) { watch(c, opt.read ? EPOLLIN : 0u, EPOLL_CTL_MOD); return; }
    ssize_t n = c->prefix_left
                    ? send(c->fd, prefix + prefix_bytes - c->prefix_left, c->prefix_left, MSG_NOSIGNAL)
                    : send(c->fd, tape + c->at, left < tape_bytes - unit ? (size_t)left : tape_bytes - unit, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) { drop(c, &ended); return; }
    bytes_sent += (uint64_t)n;
    c->sent += (uint64_t)n;
    if (c->prefix_left) c->prefix_left -= (uint32_t)n;
    else c->at = (uint32_t)((c->at + (uint64_t)n) % unit);
  }
}

static void flood_until(uint64_t until) {
  struct epoll_event events[256];
  while (now_ns() < until) {
    int n = epoll_wait(epfd, events, 256, 10);
    for (int i = 0; i < n; i++) {
      conn *c = events[i].data.ptr;
      if (c->fd < 0) continue;
      bool was_open = c->open;
      if (!accept_open(c)) continue;
      if (!was_open) watch(c, EPOLLOUT | (opt.read ? EPOLLIN : 0u), EPOLL_CTL_MOD);
      if (events[i].events & EPOLLIN) {
        ssize_t got = recv(c->fd, NULL, 1 << 20, MSG_TRUNC); /* thrown away by the system */
        if (got == 0 || (got < 0 && errno != EAGAIN)) { drop(c, &ended); continue; }
        if (got > 0) bytes_read += (uint64_t)got;
      }
      if (events[i].events & (EPOLLERR | EPOLLHUP)) { drop(c, &ended); continue; }
      if (events[i].events & EPOLLOUT) flood_write(c);
    }
    for (int i = 0; i < opt.conns; i++)
      if (all[i].fd < 0 && all[i].due <= now_ns()) open_conn(&all[i], opt.source);
  }
}

static void flood(void) {
  make_tape();
  open_all(opt.conns);
  flood_until(end_ns);
}

/* ------------------------------------------------------------------ loris */

static void loris_send(conn *c, uint32_t length) {
  uint8_t head[4], byte = (uint8_t)c->at;
  put_le32(head, LORIS_BYTES);
  const uint8_t *from = c->at < 4 ? head + c->at : &byte;
  ssize_t n = send(c->fd, from, length, MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) { drop(c, &ended); return; }
  if (n <= 0) return;
  c->at = c->at + (uint32_t)n == 4 + LORIS_BYTES ? 0 : c->at + (uint32_t)n;
  bytes_sent += (uint64_t)n;
}

static void loris(void) {
  struct epoll_event events[256];
  open_all(opt.conns);
  for (uint64_t now; (now = now_ns()) < end_ns;) {
    int n = epoll_wait(epfd, events, 256, 10);
    for (int i = 0; i < n; i++) {
      conn *c = events[i].data.ptr;
      if (c->fd < 0) continue;
      if (c->open) { drop(c, &ended); continue; } /* nothing but its end is waited for */
      if (!accept_open(c)) continue;
      watch(c, 0, EPOLL_CTL_MOD);
      loris_send(c, opt.frame_first ? 4 : 1);
      if (c->fd >= 0) c->due = now + NS;
    }
    for (int i = 0; i < opt.conns; i++) {
      conn *c = &all[i];
      if (c->due > now) continue;
      if (c->fd < 0) { open_conn(c, opt.source); continue; }
      if (!c->open) { drop(c, &refused); continue; }
      c->due += NS;
      loris_send(c, 1);
    }
  }
}

/* ------------------------------------------------------------------ churn */

static void churn_end(conn *c, uint64_t *counter) {
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  if (opt.reset) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  drop(c, counter);
  c->due = 0;
}

static void churn(void) {
  struct epoll_event events[CHURN_SLOTS];
  int source = FIRST_SOURCE;
  all = calloc(CHURN_SLOTS, sizeof *all);
  if (!all) die("out of memory");
  for (int i = 0; i < CHURN_SLOTS; i++) all[i].fd = -1;
  while (now_ns() < end_ns) {
    uint64_t now = now_ns();
    for (int i = 0; i < CHURN_SLOTS; i++) {
      conn *c = &all[i];
      if (c->fd >= 0 && c->due <= now) churn_end(c, &refused);
      if (c->fd >= 0 || c->due > now) continue;
      source = source == FIRST_SOURCE + opt.sources - 1 ? FIRST_SOURCE : source + 1;
      open_conn(c, source);
      c->due = now + CHURN_LIMIT_NS;
    }
    int n = epoll_wait(epfd, events, CHURN_SLOTS, 1);
    for (int i = 0; i < n; i++) {
      conn *c = events[i].data.ptr;
      if (c->fd >= 0) churn_end(c, is_connected(c->fd) ? &connected : &refused);
    }
  }
}

/* ------------------------------------------------------------------- hold */

static void hold(void) {
  struct epoll_event events[256];
  open_all(opt.conns);
  while (now_ns() < end_ns) {
    int n = epoll_wait(epfd, events, 256, 10);
    for (int i = 0; i < n; i++) {
      conn *c = events[i].data.ptr;
      if (c->fd < 0) continue;
      if (!c->open) {
        if (accept_open(c)) watch(c, EPOLLIN, EPOLL_CTL_MOD);
      } else {
        drop(c, &ended);
      }
    }
  }
}

/* ------------------------------------------------------------------ kills */

static void kills(void) {
  double share = opt.secs / opt.rounds;
  for (int round = 0; round < opt.rounds; round++) {
    pid_t parent = getpid(), child = fork();
    if (child < 0) die("fork: %s", strerror(errno));
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      epfd = epoll_create1(EPOLL_CLOEXEC);
      make_tape();
      open_all(opt.conns);
      flood_until(end_ns + NS); /* it is killed before */
      _exit(0);
    }
    struct timespec pause = {.tv_sec = (time_t)share, .tv_nsec = (long)((share - (double)(time_t)share) * 1e9)};
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ended += (uint64_t)opt.conns;
    dialled += (uint64_t)opt.conns;
  }
}

/* ------------------------------------------------------------ renegotiate */

typedef struct { pid_t pid; int input; uint64_t due; } client;

static void start_client(client *c) {
  int ends[2];
  char address[32];
  snprintf(address, sizeof address, "127.0.0.1:%d", opt.port);
  if (pipe2(ends, O_CLOEXEC) < 0) die("pipe: %s", strerror(errno));
  pid_t parent = getpid();
  c->pid = fork();
  if (c->pid < 0) die("fork: %s", strerror(errno));
  if (c->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    int nothing = open("/dev/null", O_WRONLY);
    if (dup2(ends[0], 0) < 0 || dup2(nothing, 1) < 0 || dup2(nothing, 2) < 0) _exit(1);
    execlp("openssl", "openssl", "s_client", "-connect", address, "-tls1_2", (char *)NULL);
    _exit(127);
  }
  close(ends[0]);
  c->input = ends[1];
  dialled++;
}

static void renegotiate(void) {
  client *clients = calloc((size_t)opt.conns, sizeof *clients);
  if (!clients) die("out of memory");
  for (int i = 0; i < opt.conns; i++) start_client(&clients[i]);
  while (now_ns() < end_ns) {
    for (int i = 0; i < opt.conns; i++) {
      client *c = &clients[i];
      int status;
      if (c->pid > 0 && waitpid(c->pid, &status, WNOHANG) == c->pid) {
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127) die("attacker: cannot start openssl");
        close(c->input);
        ended++;
        c->pid = 0;
        c->due = now_ns() + REDIAL_NS;
      }
      if (c->pid == 0 && now_ns() >= c->due) start_client(c);
      else if (c->pid > 0 && write(c->input, "R\n", 2) == 2) sent++;
    }
    nanosleep(&(struct timespec){.tv_nsec = 5 * (long)MS}, NULL);
  }
  for (int i = 0; i < opt.conns; i++) {
    if (clients[i].pid == 0) continue;
    kill(clients[i].pid, SIGKILL);
    waitpid(clients[i].pid, NULL, 0);
  }
}

/* -------------------------------------------------------------- broadcast */

static uint32_t sent_bytes; /* of the next message */
static uint64_t last_progress;

static void broadcast_send(conn *c) {
  uint8_t frames[64 * BROADCAST_FRAME];
  while (sent < opt.count) {
    uint32_t some = opt.count - sent < 64 ? opt.count - sent : 64;
    for (uint32_t i = 0; i < some; i++) make_broadcast(frames + i * BROADCAST_FRAME, 'F', sent + i);
    ssize_t n = send(c->fd, frames + sent_bytes, some * BROADCAST_FRAME - sent_bytes, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) { drop(c, &ended); return; }
    bytes_sent += (uint64_t)n;
    sent_bytes += (uint32_t)n;
    sent += sent_bytes / BROADCAST_FRAME;
    sent_bytes %= BROADCAST_FRAME;
    last_progress = now_ns();
  }
  watch(c, EPOLLIN, EPOLL_CTL_MOD);
}

/* Messages at full speed have to come in order and unchanged; those of the honest sender come between them. */
static void broadcast_read(conn *c) {
  static uint8_t chunk[1 << 18];
  ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) { drop(c, &ended); return; }
  bytes_read += (uint64_t)n;
  for (ssize_t at = 0; at < n;) {
    uint32_t part = BROADCAST_FRAME - c->filled;
    if ((ssize_t)part > n - at) part = (uint32_t)(n - at);
    memcpy(c->input + c->filled, chunk + at, part);
    at += part;
    c->filled += part;
    if (c->filled < BROADCAST_FRAME) continue;
    c->filled = 0;
    if (c->input[4] == 'S') {
      c->is_in = true;
      continue;
    }
    uint8_t expected[BROADCAST_FRAME];
    make_broadcast(expected, 'F', c->next);
    if (memcmp(c->input, expected, BROADCAST_FRAME)) continue; /* lost, or changed: it will lack some at the end */
    c->next++;
    last_progress = now_ns();
  }
}

static void broadcast(void) {
  struct epoll_event events[256];
  int count = opt.conns + opt.stuck + 1;
  open_all(count);
  conn *sender = &all[0];
  for (int i = 1; i <= opt.stuck; i++) all[i].stuck = true;
  last_progress = now_ns();
  int complete = 0;
  bool has_begun = false;
  while (now_ns() < end_ns && complete < opt.conns + 1 && now_ns() - last_progress < 3 * NS) {
    int n = epoll_wait(epfd, events, 256, 10);
    for (int i = 0; i < n; i++) {
      conn *c = events[i].data.ptr;
      if (c->fd < 0) continue;
      bool was_open = c->open;
      if (!accept_open(c)) continue;
      if (!was_open) watch(c, c->stuck ? 0 : EPOLLIN, EPOLL_CTL_MOD);
      if (events[i].events & (EPOLLERR | EPOLLHUP)) drop(c, &ended);
      if (c->fd >= 0 && events[i].events & EPOLLIN && !c->stuck) broadcast_read(c);
      if (c->fd >= 0 && c == sender && was_open && events[i].events & EPOLLOUT) broadcast_send(c);
    }
    int in = 0;
    complete = 0;
    for (int i = 0; i < count; i++) {
      in += all[i].stuck || all[i].is_in;
      complete += !all[i].stuck && all[i].next == opt.count;
    }
    if (in == count && !has_begun && sender->fd >= 0) {
      has_begun = true;
      watch(sender, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    }
  }
}

/* ------------------------------------------------------------------- main */

static void parse(int argc, char **argv) {
  for (int i = 2; i < argc; i++) {
    const char *name = argv[i];
    if (!strcmp(name, "--tiny")) { opt.tiny = true; continue; }
    if (!strcmp(name, "--garbage")) { opt.garbage = true; continue; }
    if (!strcmp(name, "--read")) { opt.read = true; continue; }
    if (!strcmp(name, "--remote")) { opt.remote = true; continue; }
    if (!strcmp(name, "--reset")) { opt.reset = true; continue; }
    if (!strcmp(name, "--frame-first")) { opt.frame_first = true; continue; }
    if (i + 1 == argc) die("attacker: no value for %s", name);
    const char *value = argv[++i];
    if (!strcmp(name, "--port")) opt.port = atoi(value);
    else if (!strcmp(name, "--conns")) opt.conns = atoi(value);
    else if (!strcmp(name, "--secs")) opt.secs = atof(value);
    else if (!strcmp(name, "--size")) opt.size = (uint32_t)atoi(value);
    else if (!strcmp(name, "--frame")) opt.frame = value;
    else if (!strcmp(name, "--prefix")) opt.prefix = value;
    else if (!strcmp(name, "--rounds")) opt.rounds = atoi(value);
    else if (!strcmp(name, "--stuck")) opt.stuck = atoi(value);
    else if (!strcmp(name, "--bytes")) opt.bytes = strtoull(value, NULL, 10);
    else if (!strcmp(name, "--source")) opt.source = atoi(value);
    else if (!strcmp(name, "--sources")) opt.sources = atoi(value);
    else if (!strcmp(name, "--count")) opt.count = (uint32_t)atoi(value);
    else die("attacker: unknown option %s", name);
  }
  if (opt.port <= 0 || opt.conns <= 0 || opt.rounds <= 0 || opt.source <= 0 || opt.sources <= 0)
    die("attacker: --port, --conns, --rounds, --source, --sources are numbers above 0");
}

int main(int argc, char **argv) {
  static const struct { const char *name; void (*run)(void); } modes[] = {
      {"flood", flood}, {"loris", loris}, {"churn", churn}, {"hold", hold}, {"kills", kills}, {"renegotiate", renegotiate}, {"broadcast", broadcast}};
  if (argc > 3 && !strcmp(argv[1], "run")) {
    bound_life(atof(argv[2]));
    execvp(argv[3], argv + 3);
    die("%s: %s", argv[3], strerror(errno));
  }
  void (*run)(void) = NULL;
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (argc > 1 && !strcmp(argv[1], modes[i].name)) run = modes[i].run;
  if (!run) die("usage: attacker flood|loris|churn|hold|kills|renegotiate|broadcast --port N --secs T ...");
  parse(argc, argv);
  bound_life(opt.secs + 5);
  prepare_sockets();
  if (setpriority(PRIO_PROCESS, 0, 10) != 0) die("setpriority: %s", strerror(errno));
  epfd = epoll_create1(EPOLL_CLOEXEC);
  uint64_t start = now_ns();
  end_ns = start + (uint64_t)(opt.secs * 1e9);
  run();
  int complete = 0;
  for (int i = 0; run == broadcast && i < opt.conns + opt.stuck + 1; i++) complete += !all[i].stuck && i > 0 && all[i].next == opt.count;
  printf("{\"secs\":%.3f,\"dialled\":%llu,\"connected\":%llu,\"refused\":%llu,\"ended\":%llu,\"bytes_sent\":%llu,"
         "\"bytes_read\":%llu,\"sent\":%u,\"complete\":%d}\n",
         (double)(now_ns() - start) / 1e9, (unsigned long long)dialled, (unsigned long long)connected,
         (unsigned long long)refused, (unsigned long long)ended, (unsigned long long)bytes_sent,
         (unsigned long long)bytes_read, sent, complete);
  return 0;
}
