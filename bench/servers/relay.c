/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* relay.c - the relay that one writes by hand and that looks at no line: `assuanctl relay` is
   measured by it.

   usage: relay-bare [--splice] SOCKET SERVER

   It reads from one socket and writes to the other, as `assuanctl relay` does, which is the measure
   for small requests; with --splice the kernel moves the octets, the measure for bulk data.  */

#include "kit.h"
#include "serving.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define N_EVENTS 256
#define BUF_SIZE ((size_t) 4 << 10)
#define MAX_LEN  ((size_t) 64 << 10) /* what a pipe holds */

/* One direction.  */
struct flow {
  int from, to;
  int pipe[2]; /* with --splice */
};

static int epoll_fd;
static bool splices;

/* Both wait where octets wait to be sent: clients that measure take them.  They return what came,
   or what the system says.  */
static ssize_t
copy (const struct flow *flow) {
  static char buf[BUF_SIZE];
  ssize_t n = recv (flow->from, buf, sizeof buf, MSG_DONTWAIT);

  if (n > 0) send (flow->to, buf, (size_t) n, MSG_NOSIGNAL);
  return n;
}

static ssize_t
pass_on (const struct flow *flow) {
  ssize_t n =
      splice (flow->from, NULL, flow->pipe[1], NULL, MAX_LEN, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

  for (ssize_t left = n, sent; left > 0; left -= sent) {
    sent = splice (flow->pipe[0], NULL, flow->to, NULL, (size_t) left, SPLICE_F_MOVE);
    if (sent <= 0) break;
  }
  return n;
}

static void
move (const struct flow *flow) {
  ssize_t n = splices ? pass_on (flow) : copy (flow);

  if (n > 0 || (n < 0 && errno == EAGAIN)) return;
  epoll_ctl (epoll_fd, EPOLL_CTL_DEL, flow->from, NULL);
  shutdown (flow->to, SHUT_WR);
}

/* Flows live as long as the process: the script that measures ends it.  */
static void
add_flow (int from, int to) {
  struct flow *flow = malloc (sizeof *flow);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = flow };

  need (flow != NULL, "malloc");
  *flow = (struct flow) { .from = from, .to = to };
  if (splices) need (!pipe2 (flow->pipe, O_CLOEXEC), "pipe2");
  need (!epoll_ctl (epoll_fd, EPOLL_CTL_ADD, from, &event), "epoll_ctl");
}

static void
welcome (int listener, const char *server) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int client = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (client < 0) return;
  need (strlen (server) < sizeof addr.sun_path, "the server's path");
  strcpy (addr.sun_path, server);
  need (fd >= 0 && !connect (fd, (struct sockaddr *) &addr, sizeof addr), "connect");
  add_flow (client, fd);
  add_flow (fd, client);
}

int
main (int argc, char **argv) {
  struct epoll_event events[N_EVENTS], event = { .events = EPOLLIN };
  int listener;

  splices = argc > 1 && !strcmp (argv[1], "--splice");
  argc -= splices;
  argv += splices;
  if (argc != 3) die ("usage", "relay-bare [--splice] SOCKET SERVER");
  serving_init ();
  listener = serving_listen (argv[1], SOCK_NONBLOCK);
  epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  need (epoll_fd >= 0, "epoll_create1");
  need (!epoll_ctl (epoll_fd, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
  for (;;) {
    int n = epoll_wait (epoll_fd, events, N_EVENTS, -1);
    for (int i = 0; i < n; i++)
      if (events[i].data.ptr)
        move (events[i].data.ptr);
      else
        welcome (listener, argv[2]);
  }
}
