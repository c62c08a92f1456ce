/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* commands.c - how many commands a second a server can do.

   The clients must cost much less than the server, or they would measure themselves.  So they look
   at nothing but the number of octets: the reply to a command is always the same, and its length is
   learned before.  A client sends its next commands when all replies are there.  */

#include "crowd.h"
#include "kit.h"
#include "load.h"
#include "speed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_EVENTS 1024
#define BUF_SIZE ((size_t) 64 << 10)

/* A client at work.  */
struct worker {
  int fd;
  size_t left_len; /* octets of replies that are still to come */
};

/* All clients of a server.  */
struct load {
  const struct target *target;
  struct crowd crowd;
  struct worker *workers;
  size_t n_workers;
  int epoll_fd;
  char *request; /* N_AHEAD commands */
  size_t request_len;
  size_t reply_len; /* to all of them */
  size_t n_ahead;
  size_t n_asked;
  size_t n_busy; /* workers that wait for replies */
};

static void
load_learn (struct load *load, const struct task *task) {
  char reply[4096];
  size_t command_len = strlen (task->command);

  load->n_ahead = task->n_ahead;
  load->request_len = command_len * task->n_ahead;
  load->request = malloc (load->request_len + 1);
  need (load->request != NULL, "malloc");
  for (size_t i = 0; i < task->n_ahead; i++)
    memcpy (load->request + i * command_len, task->command, command_len + 1);
  load->reply_len =
      target_ask (load->crowd.fds[0], task->command, reply, sizeof reply) * task->n_ahead;
}

static void
load_open (struct load *load, const struct task *task, const struct target *target) {
  size_t n = task->n_active;

  *load = (struct load) { .target = target, .n_workers = n };
  crowd_open (&load->crowd, target, target->n);
  load_learn (load, task);
  load->workers = calloc (n, sizeof *load->workers);
  need (load->workers != NULL, "calloc");
  load->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  for (size_t i = 0; i < n; i++) {
    /* They are spread over all connections.  */
    struct worker *worker = &load->workers[i];
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = worker };
    worker->fd = load->crowd.fds[i * target->n / n];
    need (!epoll_ctl (load->epoll_fd, EPOLL_CTL_ADD, worker->fd, &event), "epoll_ctl");
  }
  target_settle (target);
}

static void
load_close (struct load *load) {
  crowd_close (&load->crowd, load->target);
  close (load->epoll_fd);
  free (load->workers);
  free (load->request);
}

static void
worker_ask (struct load *load, struct worker *worker) {
  target_send (worker->fd, load->request, load->request_len);
  worker->left_len = load->reply_len;
  load->n_asked += load->n_ahead;
  load->n_busy++;
}

static void
worker_hear (struct load *load, struct worker *worker) {
  static char buf[BUF_SIZE];
  ssize_t n = recv (worker->fd, buf, sizeof buf, 0);

  need (n > 0, "recv");
  if ((size_t) n > worker->left_len) die ("reply", "too long");
  worker->left_len -= (size_t) n;
  if (worker->left_len) return;
  if (n >= 3 && memcmp (buf + n - 3, "OK\n", 3) != 0) die ("reply", "is no OK");
  load->n_busy--;
}

/* Reads what came; a client that has all replies asks again until END_NS.  */
static void
load_turn (struct load *load, uint64_t end_ns) {
  static struct epoll_event events[N_EVENTS];
  int n = 1;

  /* A single client may just as well wait in recv.  */
  if (load->n_workers > 1)
    n = epoll_wait (load->epoll_fd, events, N_EVENTS, -1);
  else
    events[0].data.ptr = load->workers;
  need (n >= 0 || errno == EINTR, "epoll_wait");
  if (now_ns () >= end_ns) end_ns = 0;
  for (int i = 0; i < n; i++) {
    struct worker *worker = events[i].data.ptr;
    worker_hear (load, worker);
    if (!worker->left_len && end_ns) worker_ask (load, worker);
  }
}

/* One round, up to the last reply.  */
static struct speed
load_run (struct load *load, double seconds) {
  struct stopwatch watch = stopwatch_start (load->target);
  uint64_t end_ns = now_ns () + (uint64_t) (seconds * 1e9);

  load->n_asked = 0;
  for (size_t i = 0; i < load->n_workers; i++)
    worker_ask (load, &load->workers[i]);
  while (load->n_busy)
    load_turn (load, end_ns);
  return stopwatch_speed (&watch, (double) load->n_asked);
}

/* The two loads, for take_turns.  */
struct pair {
  struct load loads[2];
  double seconds;
};

static struct speed
pair_run (void *arg, size_t turn) {
  struct pair *pair = arg;

  return load_run (&pair->loads[turn], pair->seconds);
}

void
load_commands (const struct task *task, struct target *targets) {
  struct pair pair = { .seconds = task->seconds };

  for (int i = 0; i < 2; i++) {
    load_open (&pair.loads[i], task, &targets[i]);
    load_run (&pair.loads[i], task->seconds);
  }
  take_turns (task->n_rounds, pair_run, &pair);
  for (int i = 0; i < 2; i++)
    load_close (&pair.loads[i]);
}
