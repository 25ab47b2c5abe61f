// A crowd of TFTP clients in one process: fetches one file many times, compares every byte, prints JSON.
// In C, since a client in JavaScript needs more time for a packet than the servers under measurement.
// tftp-load HOST FILE CLIENTS WINDOWSIZE BLKSIZE DELAY_MICROSECONDS LOSS LIMIT_MILLISECONDS
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_TIMEOUT 0.25
#define DATA_TIMEOUT 1.0
#define LOOK_EVERY 0.05
#define BATCH 32
#define LATE (1 << 20)

// Acknowledges whole windows, the last block again when it comes again, and once what comes behind a gap.
struct client {
  int fd, connected, complained, finished;
  int blksize, window, in_window;
  unsigned got; // blocks received in order
  double began, heard, took;
};

struct late { // an acknowledgement on its way: the delay is the same for all, so they leave in order
  struct client *client;
  unsigned block;
  double due;
};

static const char *host, *name;
static const unsigned char *content;
static size_t size;
static int clients, window, blksize;
static double delay, loss;
static int complete, corrupt, repeated_requests;
static unsigned seed = 20260101;
static struct late late[LATE];
static unsigned late_head, late_tail;
static unsigned char buffers[BATCH][65536];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static int is_lost(void) {
  if (loss == 0) return 0;
  seed = (unsigned long)seed * 48271 % 2147483647;
  return seed / 2147483647.0 < loss;
}

static void request(struct client *c) {
  char text[512] = "\0\1";
  int n = 2;
  n += sprintf(text + n, "%s%coctet%cblksize%c%d%ctsize%c0%c", name, 0, 0, 0, blksize, 0, 0, 0);
  if (window > 1) n += sprintf(text + n, "windowsize%c%d%c", 0, window, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(69)};
  inet_pton(AF_INET, host, &to.sin_addr);
  if (!is_lost()) sendto(c->fd, text, n, 0, (struct sockaddr *)&to, sizeof to);
}

static void send_ack(struct client *c, unsigned block) {
  send(c->fd, (unsigned char[]){0, 4, block >> 8, block}, 4, 0);
}

static void acknowledge(struct client *c) {
  c->in_window = 0;
  if (is_lost()) return;
  if (delay == 0) return send_ack(c, c->got);
  late[late_tail++ % LATE] = (struct late){c, c->got, now() + delay};
}

static void take_options(struct client *c, const char *at, const char *end) {
  while (at < end) {
    const char *value = at + strlen(at) + 1;
    if (value >= end) return;
    if (!strcasecmp(at, "blksize")) c->blksize = atoi(value);
    if (!strcasecmp(at, "windowsize")) c->window = atoi(value);
    at = value + strlen(value) + 1;
  }
}

static void take_block(struct client *c, const unsigned char *packet, size_t length) {
  unsigned block = packet[2] << 8 | packet[3];
  if (block != ((c->got + 1) & 0xffff)) {
    if (block == (c->got & 0xffff) || !c->complained) acknowledge(c);
    c->complained = 1;
    return;
  }
  size_t at = (size_t)c->got * c->blksize;
  if (at + length > size || memcmp(content + at, packet + 4, length) != 0) corrupt++;
  c->got++;
  c->complained = 0;
  int last = length < (size_t)c->blksize;
  if (last) {
    c->finished = 1;
    c->took = now() - c->began;
    complete++;
    if (at + length != size) corrupt++;
    send_ack(c, c->got); // never lost: how servers wait for it is not what is measured
  } else if (++c->in_window == c->window)
    acknowledge(c);
}

static void take(struct client *c, unsigned char *packet, size_t length, const struct sockaddr_in *from) {
  if (length < 4 || is_lost() || c->finished) return;
  c->heard = now();
  if (packet[1] == 5) {
    fprintf(stderr, "ERROR from the server: %.100s\n", packet + 4);
    exit(1);
  }
  if (!c->connected) {
    c->connected = 1;
    connect(c->fd, (const struct sockaddr *)from, sizeof *from);
    packet[length] = 0;
    if (packet[1] == 6) take_options(c, (char *)packet + 2, (char *)packet + length);
  }
  if (packet[1] == 6 && c->got == 0) acknowledge(c);
  if (packet[1] == 3) take_block(c, packet, length - 4);
}

static void receive(struct client *c) {
  struct mmsghdr messages[BATCH];
  struct iovec parts[BATCH];
  struct sockaddr_in from[BATCH];
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){buffers[i], sizeof buffers[i] - 1};
    messages[i] = (struct mmsghdr){
        .msg_hdr = {.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &parts[i], .msg_iovlen = 1}};
  }
  int count = recvmmsg(c->fd, messages, BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < count; i++) take(c, buffers[i], messages[i].msg_len, &from[i]);
}

static void look(struct client *c) {
  if (c->finished || now() - c->heard < (c->connected ? DATA_TIMEOUT : REQUEST_TIMEOUT)) return;
  c->heard = now();
  if (c->connected) return acknowledge(c);
  repeated_requests++;
  request(c);
}

static int by_time(const void *a, const void *b) {
  double x = ((const struct client *)a)->took, y = ((const struct client *)b)->took;
  return (x > y) - (x < y);
}

static void read_content(const char *path) {
  struct stat facts;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &facts) != 0) {
    perror(path);
    exit(1);
  }
  size = facts.st_size;
  content = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
}

int main(int argc, char **argv) {
  if (argc != 9) return 2;
  host = argv[1];
  read_content(argv[2]);
  name = basename(argv[2]);
  clients = atoi(argv[3]);
  window = atoi(argv[4]);
  blksize = atoi(argv[5]);
  delay = atof(argv[6]) / 1e6;
  loss = atof(argv[7]);
  struct rlimit files = {8192, 8192};
  setrlimit(RLIMIT_NOFILE, &files);

  struct client *all = calloc(clients, sizeof *all);
  int poll = epoll_create1(0);
  for (int i = 0; i < clients; i++) {
    struct client *c = &all[i];
    *c = (struct client){.fd = socket(AF_INET, SOCK_DGRAM, 0), .blksize = 512, .window = 1};
    int buffer = 4 << 20;
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = c});
  }
  double began = now(), limit = began + atof(argv[8]) / 1e3, next_look = began;
  for (int i = 0; i < clients; i++) {
    all[i].began = all[i].heard = now();
    request(&all[i]);
  }
  while (complete < clients && now() < limit) {
    while (late_head != late_tail && late[late_head % LATE].due <= now()) {
      send_ack(late[late_head % LATE].client, late[late_head % LATE].block);
      late_head++;
    }
    if (now() >= next_look) {
      for (int i = 0; i < clients; i++) look(&all[i]);
      next_look = now() + LOOK_EVERY;
    }
    double wait = (late_head == late_tail ? next_look : late[late_head % LATE].due) - now();
    struct timespec pause = {0, wait > 0 ? wait * 1e9 : 0};
    struct epoll_event events[64];
    int count = epoll_pwait2(poll, events, 64, &pause, NULL);
    for (int i = 0; i < count; i++) receive(events[i].data.ptr);
  }
  double seconds = now() - began;
  qsort(all, clients, sizeof *all, by_time);
  printf("{\"seconds\":%.6f,\"complete\":%d,\"corrupt\":%d,\"bytes\":%zu,\"repeatedRequests\":%d,\"p99\":%.3f}\n",
         seconds, complete, corrupt, complete * size, repeated_requests, all[clients * 99 / 100].took * 1e3);
  return 0;
}
