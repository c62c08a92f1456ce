/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* load.c - clients that measure servers.

   usage: load WORK [OPTIONS] SOCKET,PID,N...

   WORK is one of those in load.h, or hostile:KIND.  SOCKET is where the server with process number
   PID listens, N connections, or calls, are made to it.  */

#include "load.h"

#include "kit.h"
#include "serving.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOSTILE "hostile:"

struct work {
  const char *name;
  void (*run) (const struct task *task, struct target *targets);
  int n_targets;
  bool settles; /* not while others keep the server busy */
};

static const struct work works[] = {
  { "commands", load_commands, 2, true },   { "greetings", load_greetings, 2, true },
  { "storm", load_storm, 2, true },         { "bulk", load_bulk, 2, true },
  { "inquiries", load_inquiries, 2, true }, { "memory", load_memory, 1, true },
  { "idle", load_idle, 1, true },           { "calls", load_calls, 1, false },
  { "asks", load_asks, 1, false },
};

static _Noreturn void
usage (void) {
  die ("usage",
       "load commands|greetings|storm|bulk|inquiries|memory|idle|calls|asks|hostile:KIND [-c "
       "COMMAND]"
       " [-n N_ACTIVE] [-a N_AHEAD] [-m MIB] [-r N_ROUNDS] [-t SECONDS] [-s] SOCKET,PID,N...");
}

/* Reads the options to RET_TASK.  */
static void
parse (int argc, char **argv, struct task *ret_task) {
  static char command[1024];
  int option;

  while ((option = getopt (argc, argv, "c:n:a:m:r:t:s")) != -1)
    switch (option) {
    case 'c':
      snprintf (command, sizeof command, "%s\n", optarg);
      break;
    case 'n':
      ret_task->n_active = strtoul (optarg, NULL, 10);
      break;
    case 'a':
      ret_task->n_ahead = strtoul (optarg, NULL, 10);
      break;
    case 'm':
      ret_task->n_mib = strtoul (optarg, NULL, 10);
      break;
    case 'r':
      ret_task->n_rounds = strtoul (optarg, NULL, 10);
      break;
    case 't':
      ret_task->seconds = strtod (optarg, NULL);
      break;
    case 's':
      ret_task->shares_processor = true;
      break;
    default:
      usage ();
    }
  if (command[0]) ret_task->command = command;
}

/* Puts the servers where we are.  With one connection only one of us has something to do at a time;
   whether it has to wake another processor up, which can take longer than all the rest, would be
   chance.  */
static void
share_processor (const struct target *targets, int n) {
  int cpu = sched_getcpu ();
  cpu_set_t set;

  need (cpu >= 0, "getcpu");
  CPU_ZERO (&set);
  CPU_SET ((size_t) cpu, &set);
  need (!sched_setaffinity (0, sizeof set, &set), "affinity");
  for (int i = 0; i < n; i++)
    need (!sched_setaffinity (targets[i].pid, sizeof set, &set), "affinity");
}

static void
run (const struct work *work, const struct task *task, char **names) {
  struct target targets[2];

  for (int i = 0; i < work->n_targets; i++) {
    target_parse (&targets[i], names[i]);
    if (work->settles) target_settle (&targets[i]);
  }
  if (task->shares_processor) share_processor (targets, work->n_targets);
  work->run (task, targets);
}

int
main (int argc, char **argv) {
  struct task task = {
    .command = "NOP\n", .n_active = 1, .n_ahead = 1, .n_mib = 16, .n_rounds = 7, .seconds = 0.2
  };
  const char *name = argc > 1 ? argv[1] : "";
  struct target target;

  serving_init ();
  parse (argc, argv, &task);
  /* getopt has sorted the other arguments to the end; the first of them is the work.  */
  argv += optind + 1;
  argc -= optind + 1;
  for (size_t i = 0; i < sizeof works / sizeof *works; i++)
    if (!strcmp (name, works[i].name) && argc == works[i].n_targets) {
      run (&works[i], &task, argv);
      return 0;
    }
  if (strncmp (name, HOSTILE, strlen (HOSTILE)) != 0 || argc != 1) usage ();
  target_parse (&target, argv[0]);
  load_hostile (name + strlen (HOSTILE), &target);
}
