/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bulk.c - how fast a server sends bulk data as data lines.  */

#include "crowd.h"
#include "kit.h"
#include "load.h"
#include "speed.h"
#include "serving.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BUF_LEN ((size_t) 256 << 10)
#define MIB     ((double) (1 << 20))

/* Reads up to a line OK, however much comes before it.  Data lines begin with a D: the OK is where
   an LF, these two letters and an LF are the last octets that came.  */
static void
skip_reply (int fd) {
  static char buf[4 + BUF_LEN];

  /* The last four octets are kept at the front, as reads end anywhere.  */
  memset (buf, 0, 4);
  do {
    ssize_t n = recv (fd, buf + 4, BUF_LEN, 0);
    need (n > 0, "recv");
    memmove (buf, buf + n, 4);
  } while (memcmp (buf, "\nOK\n", 4) != 0);
}

/* One client of each server.  */
struct pair {
  struct target *targets;
  struct crowd crowds[2];
};

static struct speed
ask_for_bulk (void *arg, size_t turn) {
  struct pair *pair = arg;
  struct stopwatch watch = stopwatch_start (&pair->targets[turn]);
  int fd = pair->crowds[turn].fds[0];

  target_send (fd, "BULK\n", 5);
  skip_reply (fd);
  return stopwatch_speed (&watch, (double) SOURCE_LEN / MIB);
}

void
load_bulk (const struct task *task, struct target *targets) {
  struct pair pair = { .targets = targets };

  for (size_t i = 0; i < 2; i++) {
    crowd_open (&pair.crowds[i], &targets[i], 1);
    /* The server makes its source before it is first read.  */
    ask_for_bulk (&pair, i);
  }
  take_turns (task->n_rounds, ask_for_bulk, &pair);
  for (size_t i = 0; i < 2; i++)
    crowd_close (&pair.crowds[i], &targets[i]);
}
