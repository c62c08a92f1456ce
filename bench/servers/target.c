/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* target.c - a server that is measured.  See target.h.  */

#include "target.h"

#include "kit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define N_TRIES    1000 /* to connect to a server that has just been started */
#define TRY_NS     ((uint64_t) 10000000)
#define SETTLE_NS  ((uint64_t) 30000000)
#define SETTLED_NS ((uint64_t) 100000) /* of processor time are nothing */
#define N_SETTLE   500

static uint64_t
read_clock (clockid_t clock) {
  struct timespec now;

  need (!clock_gettime (clock, &now), "clock");
  return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

uint64_t
now_ns (void) {
  return read_clock (CLOCK_MONOTONIC);
}

void
sleep_ns (uint64_t ns) {
  struct timespec time = { (time_t) (ns / 1000000000u), (long) (ns % 1000000000u) };

  nanosleep (&time, NULL);
}

uint64_t
target_cpu_ns (const struct target *target) {
  return read_clock (target->clock);
}

void
target_settle (const struct target *target) {
  uint64_t before, after = target_cpu_ns (target);
  int n = 0;

  do {
    if (n++ == N_SETTLE) die (target->path, "the server does not come to rest");
    before = after;
    sleep_ns (SETTLE_NS);
    after = target_cpu_ns (target);
  } while (after - before > SETTLED_NS);
}

static int
try_connect (const struct target *target) {
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  need (fd >= 0, "socket");
  memcpy (address.sun_path, target->path, sizeof target->path);
  if (!connect (fd, (struct sockaddr *) &address, sizeof address)) return fd;
  close (fd);
  return -1;
}

int
target_connect (const struct target *target) {
  int fd = try_connect (target);

  need (fd >= 0, target->path);
  return fd;
}

static void
await_server (const struct target *target) {
  for (int i = 0; i < N_TRIES; i++) {
    int fd = try_connect (target);
    if (fd >= 0) {
      target_skip_line (fd);
      close (fd);
      return;
    }
    sleep_ns (TRY_NS);
  }
  die (target->path, "the server does not listen");
}

void
target_parse (struct target *target, const char *text) {
  memset (target, 0, sizeof *target);
  if (sscanf (text, "%99[^,],%d,%zu", target->path, &target->pid, &target->n) != 3)
    die (text, "is no SOCKET,PID,N");
  errno = clock_getcpuclockid (target->pid, &target->clock);
  need (!errno, "process clock");
  await_server (target);
}

void
target_send (int fd, const char *text, size_t len) {
  need (send (fd, text, len, MSG_NOSIGNAL) == (ssize_t) len, "send");
}

void
target_skip_line (int fd) {
  char buf[1024];
  size_t len = 0;

  do {
    ssize_t n = recv (fd, buf + len, sizeof buf - len, 0);
    need (n >= 0, "recv");
    if (!n) die ("server", "has closed the connection");
    len += (size_t) n;
  } while (len < sizeof buf && buf[len - 1] != '\n');
  if (strncmp (buf, "OK", 2) != 0) die ("reply", "is no OK");
}

/* The kernel wakes up a client in recv when the server has read, too, and that is earlier than the
   answer.  */
size_t
target_ask (int fd, const char *command, char *buf, size_t size) {
  size_t len = 0;

  target_send (fd, command, strlen (command));
  while (len < 3 || memcmp (buf + len - 3, "OK\n", 3) != 0) {
    struct pollfd p = { .fd = fd, .events = POLLIN };
    ssize_t n;

    need (poll (&p, 1, -1) == 1, "poll");
    n = recv (fd, buf + len, size - len, 0);
    need (n > 0, "recv");
    len += (size_t) n;
    if (len == size) die (command, "the reply is too long");
  }
  return len;
}
