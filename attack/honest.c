/*
 * honest.c - clients that behave, and measure what they get while others attack.
 *
 *   honest --port N [--conns 20] [--rate 10] [--newcomers 5] [--stored] [--broadcast] [--drain 10] --limit SECONDS
 *
 * Every connection sends `rate` messages a second at its own times, whether the last one was answered or not, and
 * compares each echo byte for byte. Latency goes from the send to the last byte of the echo; a message that is never
 * answered counts as long as was waited for it. Lines on stdin move it on:
 *
 *   phase before|during|settle|after    messages sent from here on count there
 *   newcomers                           opens more connections, which have to be served too
 *   end                                 sends no more, waits for what is missing (--drain seconds at most), prints a line of JSON
 *   abandon                             the same without waiting: the server is gone
 *
 * It prints `ready` when every connection has had its first echo. --stored: each payload begins with the byte 0, the mark of
 * a stored payload of compression(). --broadcast: the server sends every message to all; the first connection sends, all
 * others get what it sends, and what the sender at full speed does (attacker.c), each in order and complete.
 *
 * `late_p99_us` is how late this process was itself when a message was due: its clock is as good as that.
 */
#include "common.h"

#define MOST_CONNS 1024
#define RING 4096 /* messages of a connection under way; at 10 a second that is minutes */
#define MOST_FRAME 256
#define MOST_SAMPLES (1 << 20)
#define REDIAL_NS (300 * MS)

enum phase { WARMUP, BEFORE, DURING, SETTLE, AFTER, PHASES };
static const char *PHASE_NAMES[] = {"warmup", "before", "during", "settle", "after"};

typedef struct {
  int fd, index;
  bool open, dead, newcomer, served_during;
  bool is_in; /* broadcast: has got a message of the slow sender's */
  uint32_t sent, received;       /* echo: of this connection; broadcast: received of the slow sender's */
  uint32_t fast, next_fast;      /* broadcast: received of the sender at full speed, and which may be next */
  uint64_t due, redial; /* redial: when a newcomer that was turned away tries again, 0 for never */
  uint64_t sent_ns[RING];
  uint8_t sent_phase[RING];
  uint8_t input[MOST_FRAME];
  uint32_t filled;
  uint8_t *unsent;
  uint32_t unsent_at, unsent_end;
} conn;

static struct { int port, conns, newcomers; double rate, limit, drain; bool stored, broadcast; } opt = {
    .conns = 20, .newcomers = 5, .rate = 10, .limit = 60, .drain = 10};
static conn *conns[MOST_CONNS];
static int total, epfd;
static enum phase phase = WARMUP;
static bool sending = true, ready, ending;
static uint64_t interval, mismatches, missing, cut, sent_in[PHASES], received_in[PHASES];
static uint32_t *samples[PHASES], sample_count[PHASES], *late, late_count;
static conn *slow; /* broadcast: who sends */

static void add_sample(enum phase of, uint64_t ns) {
  if (sample_count[of] < MOST_SAMPLES) samples[of][sample_count[of]++] = ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
}

static uint32_t make_frame(const conn *c, uint32_t number, uint8_t *frame) {
  if (opt.broadcast) {
    make_broadcast(frame, 'S', number);
    return BROADCAST_FRAME;
  }
  uint64_t state = (uint64_t)(c->index + 1) * 0x9E3779B97F4A7C15ull + number * 0xD1B54A32D192ED03ull + 1;
  state ^= state >> 29, state *= 0xBF58476D1CE4E5B9ull, state ^= state >> 32;
  uint32_t length = 16 + (uint32_t)(state % 100); /* below 128 bytes compression() sends as it is */
  put_le32(frame, length);
  for (uint32_t i = 0; i < length; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    frame[4 + i] = (uint8_t)state;
  }
  if (opt.stored) frame[4] = 0;
  return 4 + length;
}

static void watch(conn *c, int how) {
  bool wants_out = !c->open || c->unsent_end > c->unsent_at;
  struct epoll_event event = {.events = EPOLLIN | (wants_out ? EPOLLOUT : 0u), .data.ptr = c};
  epoll_ctl(epfd, how, c->fd, &event);
}

static void drop(conn *c) {
  if (c->dead) return;
  c->dead = true;
  close(c->fd);
  if (c->newcomer && c->received == 0) c->redial = now_ns() + REDIAL_NS;
  else cut++;
}

static void connect_conn(conn *c) {
  c->dead = c->open = false;
  c->redial = 0;
  c->sent = c->filled = c->unsent_at = c->unsent_end = 0;
  c->fd = dial(opt.port, 1, false);
  if (c->fd < 0) die("honest: cannot dial: %s", strerror(errno));
  watch(c, EPOLL_CTL_ADD);
}

static void open_conn(bool newcomer) {
  conn *c = calloc(1, sizeof *c);
  if (!c || total == MOST_CONNS) die("too many connections");
  c->index = total;
  c->newcomer = newcomer;
  c->due = now_ns() + (uint64_t)(c->index % (opt.conns ? opt.conns : 1)) * interval / (uint64_t)opt.conns;
  conns[total++] = c;
  connect_conn(c);
}

static void flush_unsent(conn *c) {
  while (c->unsent_at < c->unsent_end) {
    ssize_t n = send(c->fd, c->unsent + c->unsent_at, c->unsent_end - c->unsent_at, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) { drop(c); return; }
    c->unsent_at += (uint32_t)n;
  }
  if (c->unsent_at == c->unsent_end) c->unsent_at = c->unsent_end = 0;
  watch(c, EPOLL_CTL_MOD);
}

static void send_message(conn *c, uint64_t now) {
  enum { UNSENT_BYTES = 1 << 18 };
  if (!c->unsent) c->unsent = malloc(UNSENT_BYTES);
  if (!c->unsent) die("out of memory");
  if (c->unsent_end + MOST_FRAME > UNSENT_BYTES) { drop(c); return; }
  uint32_t number = c->sent++;
  c->sent_ns[number % RING] = now;
  c->sent_phase[number % RING] = (uint8_t)phase;
  sent_in[phase] += opt.broadcast ? (uint64_t)opt.conns : 1;
  c->unsent_end += make_frame(c, number, c->unsent + c->unsent_end);
  flush_unsent(c);
}

/* A message of the connection's own, or of the slow sender, is here. */
static void count_answer(conn *c, const conn *sender, uint32_t number) {
  uint64_t ns = now_ns() - sender->sent_ns[number % RING];
  enum phase of = (enum phase)sender->sent_phase[number % RING];
  c->received++;
  received_in[of]++;
  if (of == DURING) c->served_during = true;
  add_sample(of, ns);
}

static void count_lost(const conn *sender, uint32_t number) {
  missing++;
  add_sample((enum phase)sender->sent_phase[number % RING], now_ns() - sender->sent_ns[number % RING]);
}

static bool take_frame(conn *c, uint32_t length) {
  uint8_t expected[MOST_FRAME];
  if (!opt.broadcast) {
    if (c->received >= c->sent) return false;
    uint32_t wanted = make_frame(c, c->received, expected);
    if (wanted != length || memcmp(c->input, expected, length)) return false;
    count_answer(c, c, c->received);
    return true;
  }
  if (length != BROADCAST_FRAME) return false;
  char kind = (char)c->input[4];
  uint32_t number = get_le32(c->input + 8);
  make_broadcast(expected, kind, number);
  if ((kind != 'F' && kind != 'S') || memcmp(c->input, expected, length)) return false;
  if (kind == 'F') {
    if (number < c->next_fast) return false; /* again, or out of order */
    c->next_fast = number + 1;
    c->fast++;
    return true;
  }
  if (c->newcomer) { /* it came in the middle: what it gets is looked at, not when */
    c->received++;
    return number < slow->sent;
  }
  if (number < c->received || number >= slow->sent) return false;
  if (!c->is_in) c->received = number; /* what was sent before the server knew of this connection is not its */
  c->is_in = true;
  for (; c->received < number; c->received++) count_lost(slow, c->received); /* others came, these did not */
  count_answer(c, slow, number);
  return true;
}

static void on_readable(conn *c) {
  static uint8_t chunk[1 << 18];
  ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) { drop(c); return; }
  for (ssize_t at = 0; at < n;) {
    uint32_t needed = c->filled < 4 ? 4 : 4 + get_le32(c->input);
    if (needed > MOST_FRAME) { mismatches++; drop(c); return; } /* the stream has lost its framing */
    uint32_t part = needed - c->filled;
    if ((ssize_t)part > n - at) part = (uint32_t)(n - at);
    memcpy(c->input + c->filled, chunk + at, part);
    at += part;
    c->filled += part;
    if (c->filled < 4 || c->filled < 4 + get_le32(c->input)) continue;
    if (!take_frame(c, c->filled)) { mismatches++; drop(c); return; }
    c->filled = 0;
  }
}

static void handle(conn *c, uint32_t events) {
  if (c->dead) return;
  if (!c->open && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
    if (!is_connected(c->fd)) { drop(c); return; }
    c->open = true;
    watch(c, EPOLL_CTL_MOD);
  }
  if (c->open && (events & EPOLLOUT)) flush_unsent(c);
  if (!c->dead && (events & (EPOLLIN | EPOLLERR | EPOLLHUP))) on_readable(c);
}

static void send_due(uint64_t now) {
  for (int i = 0; i < total; i++) {
    conn *c = conns[i];
    if (c->redial && c->redial <= now) connect_conn(c);
    bool has_leave = sending || (c->newcomer && c->sent == 0);
    if (c->dead || !c->open || !has_leave || (opt.broadcast && c != slow)) continue;
    if (c->due > now) continue;
    if (phase == DURING && late_count < MOST_SAMPLES) late[late_count++] = (uint32_t)((now - c->due) / 1000);
    send_message(c, now);
    c->due += interval;
    if (c->due + NS < now) c->due = now; /* after a halt of this process itself: no burst */
  }
}

static bool newcomers_served(void) {
  for (int i = opt.conns; i < total; i++)
    if (conns[i]->received == 0) return false;
  return true;
}

static bool all_answered(void) {
  if (!newcomers_served()) return false;
  for (int i = 0; i < total; i++) {
    conn *c = conns[i];
    if (c->newcomer && opt.broadcast) continue;
    if (!c->dead && c->received < (opt.broadcast ? slow->sent : c->sent)) return false;
  }
  return true;
}

static void look_ready(void) {
  for (int i = 0; i < opt.conns; i++)
    if (!conns[i]->dead && conns[i]->received == 0) return;
  ready = true;
  puts("ready");
  fflush(stdout);
}

static void obey(char *line) {
  if (!strcmp(line, "newcomers")) {
    for (int i = 0; i < opt.newcomers; i++) open_conn(true);
    return;
  }
  if (!strcmp(line, "abandon")) opt.drain = 0;
  if (!strcmp(line, "end") || opt.drain == 0) { ending = true; return; }
  for (int i = 0; i < PHASES; i++)
    if (!strncmp(line, "phase ", 6) && !strcmp(line + 6, PHASE_NAMES[i])) { phase = (enum phase)i; return; }
  die("honest: unknown line %s", line);
}

static void on_stdin(void) {
  static char text[256];
  static size_t filled;
  ssize_t n = read(0, text + filled, sizeof text - 1 - filled);
  if (n <= 0) exit(1); /* whoever started it is gone */
  filled += (size_t)n;
  text[filled] = 0;
  for (char *end; (end = strchr(text, '\n'));) {
    *end = 0;
    obey(text);
    filled -= (size_t)(end + 1 - text);
    memmove(text, end + 1, filled + 1);
  }
}

static void turn(int ms) {
  struct epoll_event events[256];
  int n = epoll_wait(epfd, events, 256, ms);
  for (int i = 0; i < n; i++) {
    if (events[i].data.ptr == NULL) on_stdin();
    else handle(events[i].data.ptr, events[i].events);
  }
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static uint32_t quantile(const uint32_t *sorted, uint32_t count, double share) {
  if (count == 0) return 0;
  uint32_t at = (uint32_t)(share * count);
  return sorted[at < count ? at : count - 1];
}

static void report(void) {
  int shut_out = 0, newcomers_in = 0, newcomers = 0;
  for (int i = 0; i < total; i++) {
    conn *c = conns[i];
    const conn *sender = opt.broadcast ? slow : c;
    if (c->newcomer) { newcomers++; newcomers_in += c->received > 0; }
    else shut_out += sent_in[DURING] > 0 && !c->served_during;
    if (c->newcomer && opt.broadcast) continue;
    for (uint32_t number = c->received; number < sender->sent; number++) count_lost(sender, number);
  }
  qsort(late, late_count, sizeof *late, by_value);
  printf("{\"cut\":%llu,\"mismatches\":%llu,\"missing\":%llu,\"shut_out\":%d,\"newcomers\":%d,\"newcomers_in\":%d,"
         "\"late_p99_us\":%u,\"fast\":[",
         (unsigned long long)cut, (unsigned long long)mismatches, (unsigned long long)missing, shut_out, newcomers,
         newcomers_in, quantile(late, late_count, .99));
  for (int i = 0; i < opt.conns && opt.broadcast; i++) printf("%s%u", i ? "," : "", conns[i]->fast);
  printf("],\"phases\":{");
  for (int i = 0; i < PHASES; i++) {
    qsort(samples[i], sample_count[i], sizeof **samples, by_value);
    printf("%s\"%s\":{\"sent\":%llu,\"received\":%llu,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}", i ? "," : "",
           PHASE_NAMES[i], (unsigned long long)sent_in[i], (unsigned long long)received_in[i],
           quantile(samples[i], sample_count[i], .5), quantile(samples[i], sample_count[i], .99),
           quantile(samples[i], sample_count[i], 1));
  }
  puts("}}");
}

static void parse(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--stored")) { opt.stored = true; continue; }
    if (!strcmp(argv[i], "--broadcast")) { opt.broadcast = true; continue; }
    if (i + 1 == argc) die("honest: no value for %s", argv[i]);
    const char *name = argv[i], *value = argv[++i];
    if (!strcmp(name, "--port")) opt.port = atoi(value);
    else if (!strcmp(name, "--conns")) opt.conns = atoi(value);
    else if (!strcmp(name, "--newcomers")) opt.newcomers = atoi(value);
    else if (!strcmp(name, "--rate")) opt.rate = atof(value);
    else if (!strcmp(name, "--drain")) opt.drain = atof(value);
    else if (!strcmp(name, "--limit")) opt.limit = atof(value);
    else die("honest: unknown option %s", name);
  }
  if (opt.port <= 0 || opt.conns <= 0 || opt.rate <= 0) die("honest: --port, --conns and --rate are numbers above 0");
}

int main(int argc, char **argv) {
  parse(argc, argv);
  bound_life(opt.limit);
  prepare_sockets();
  /* Where it may: whoever else is at work on the same CPU does not distort its clock. */
  struct sched_param first = {.sched_priority = 1};
  if (sched_setscheduler(0, SCHED_RR, &first) != 0) setpriority(PRIO_PROCESS, 0, -10);
  for (int i = 0; i < PHASES; i++)
    if (!(samples[i] = malloc(MOST_SAMPLES * sizeof **samples))) die("out of memory");
  if (!(late = malloc(MOST_SAMPLES * sizeof *late))) die("out of memory");
  interval = (uint64_t)((double)NS / opt.rate);
  epfd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(epfd, EPOLL_CTL_ADD, 0, &input) < 0) die("honest: stdin has to be a pipe");
  for (int i = 0; i < opt.conns; i++) open_conn(false);
  slow = conns[0];
  while (!ending) {
    uint64_t now = now_ns(), next = now + 100 * MS;
    send_due(now);
    for (int i = 0; i < total; i++)
      if (!conns[i]->dead && conns[i]->open && conns[i]->due > now && conns[i]->due < next) next = conns[i]->due;
    turn((int)((next - now + MS - 1) / MS));
    if (!ready) look_ready();
  }
  sending = opt.broadcast && total > opt.conns; /* newcomers need something to receive */
  for (uint64_t now, limit = now_ns() + (uint64_t)(opt.drain * 1e9); (now = now_ns()) < limit && !all_answered();) {
    if (sending) sending = !newcomers_served();
    send_due(now);
    turn(10);
  }
  report();
  return 0;
}
