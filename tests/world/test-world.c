/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-world.c - runs worlds.

   usage: test-world FIRST [N]      N worlds with the seeds FIRST, FIRST + 1, ...; each of them in
                                    turn, whatever became of those before; a line of TAP for each
                                    seed that fails, and one for all of them together
          test-world -v SEED        one, and tells what happens in it
          test-world -x WEATHER ... the same without something: see weather.c
          test-world -t SECONDS ... begins no more of them after that time  */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ledger.h"
#include "mischief.h"
#include "place.h"
#include "weather.h"
#include "world.h"

/* So many failures are enough to look at.  */
#define MAX_FAILURES 20

/* Only a hang comes to this, in seconds.  */
#define LIMIT_S 600

static time_t end_time; /* 0: none */

/* What the process that runs the worlds, and may end any time, has done.  */
struct progress {
  uint64_t seed; /* that it is at, and */
  uint64_t next; /* that comes behind those that are done */
  struct world_figures figures;
};

static struct progress *progress;

static bool
is_late (void) {
  return end_time && time (NULL) >= end_time;
}

static void
run_from (uint64_t seed, uint64_t end) {
  for (; seed < end && !is_late (); seed++) {
    progress->seed = seed;
    alarm (LIMIT_S);
    world_run (seed);
    progress->figures = world_figures;
    progress->next = seed + 1;
    if (mischief_has_moved ()) exit (0); /* a process waits for this one */
  }
}

/* Runs worlds in a child, up to the first that fails, or is not over in the process in which it
   began.  Returns true if none failed.  */
static bool
run_some (uint64_t seed, uint64_t end) {
  int status;
  pid_t pid;

  fflush (stdout);
  pid = fork ();
  if (pid < 0) abort ();
  if (!pid) {
    world_figures = progress->figures;
    run_from (seed, end);
    exit (0);
  }
  if (waitpid (pid, &status, 0) != pid) abort ();
  return WIFEXITED (status) && !WEXITSTATUS (status);
}

static int
run_all (uint64_t first, uint64_t n) {
  uint64_t seed = first, end = first + n;
  int n_failed = 0;

  progress->next = first;
  while (seed < end && n_failed < MAX_FAILURES && !is_late ()) {
    bool is_well = run_some (seed, end);
    seed = progress->next;
    if (is_well) continue;
    printf ("not ok - the world of seed %" PRIu64 "; see it with: test-world -v %" PRIu64 "\n",
            progress->seed, progress->seed);
    n_failed++;
    seed = progress->seed + 1;
  }
  printf ("%sok - %lu worlds, %lu calls, of which %lu were told all\n", n_failed ? "not " : "",
          progress->figures.n_worlds, progress->figures.n_calls, progress->figures.n_whole);
  printf ("1..%d\n", n_failed + 1);
  return n_failed ? 1 : 0;
}

static int
usage (void) {
  fputs ("usage: test-world [-x WEATHER]... [-t SECONDS] FIRST [N]\n"
         "       test-world [-x WEATHER]... -v SEED\n",
         stderr);
  return 2;
}

static uint64_t
number (const char *text) {
  return strtoull (text, NULL, 10);
}

/* Runs what the N arguments ARGS say.  */
static int
run (char **args, int n) {
  if (!ledger_tells) return run_all (number (args[0]), n > 1 ? number (args[1]) : 1);
  run_from (number (args[0]), number (args[0]) + 1);
  return 0;
}

int
main (int argc, char **argv) {
  int option, rc;

  while ((option = getopt (argc, argv, "t:vx:")) >= 0) {
    if (option == 't') end_time = time (NULL) + (time_t) number (optarg);
    if (option == 'v') ledger_tells = true;
    if (option == '?' || (option == 'x' && !weather_leave_out (optarg))) return usage ();
  }
  if (argc - optind < 1 || argc - optind > 2) return usage ();
  signal (SIGPIPE, SIG_DFL);
  progress =
      mmap (NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (progress == MAP_FAILED) abort ();
  place_begin ();
  rc = run (argv + optind, argc - optind);
  place_end ();
  return rc;
}
