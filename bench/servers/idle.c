/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* idle.c - what clients cost a server that say nothing: memory and processor time.  */

#include "crowd.h"
#include "kit.h"
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Octets of heap, as the server tells.  */
static double
heap_len (int fd) {
  char reply[64] = "";

  target_ask (fd, "HEAP\n", reply, sizeof reply - 1);
  return strtod (reply + 2, NULL);
}

/* Octets of anonymous memory that the kernel has given the server.  */
static double
resident_len (const struct target *target) {
  char path[64], line[256];
  double len = 0;
  FILE *file;

  snprintf (path, sizeof path, "/proc/%d/status", target->pid);
  file = fopen (path, "r");
  need (file != NULL, path);
  while (fgets (line, sizeof line, file))
    if (!strncmp (line, "RssAnon:", 8)) len = strtod (line + 8, NULL) * 1024;
  fclose (file);
  return len;
}

void
load_memory (const struct task *task, struct target *target) {
  double heap_before, resident_before, n = (double) target->n;
  struct crowd asker, crowd;

  (void) task;
  crowd_open (&asker, target, 1);
  /* The first question takes what all later ones share.  */
  heap_len (asker.fds[0]);
  heap_before = heap_len (asker.fds[0]);
  resident_before = resident_len (target);
  crowd_open (&crowd, target, target->n);
  target_settle (target);
  printf ("%.1f %.1f\n", (heap_len (asker.fds[0]) - heap_before) / n,
          (resident_len (target) - resident_before) / n);
  crowd_close (&crowd, target);
  crowd_close (&asker, target);
}

void
load_idle (const struct task *task, struct target *target) {
  struct crowd crowd;
  uint64_t cpu_ns;

  crowd_open (&crowd, target, target->n);
  target_settle (target);
  cpu_ns = target_cpu_ns (target);
  sleep_ns ((uint64_t) (task->seconds * 1e9));
  cpu_ns = target_cpu_ns (target) - cpu_ns;
  printf ("%.5f\n", (double) cpu_ns / 1e7 / task->seconds);
  crowd_close (&crowd, target);
}
