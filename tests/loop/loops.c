/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loops.c - what all kinds of loop have in common.  See loops.h.  */

#include "kind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool
test_loop_recurses (void) {
  return !strcmp (test_loop_name, "glib") || !strcmp (test_loop_name, "ev")
         || !strncmp (test_loop_name, "qt", 2);
}

void
test_loop_warm_up (void) {
  static bool is_warm;
  struct test_loop loop;

  if (is_warm) return;
  test_loop_init (&loop);
  test_loop_deinit (&loop);
  is_warm = true;
}

void
test_loop_run (struct test_loop *t, const bool *done) {
  while (!*(const volatile bool *) done)
    test_loop_turn (t, true);
}

/* --- For each kind ---------------------------------------------------------------------------- */

void
loop_check (bool ok, const char *what) {
  if (ok) return;
  fprintf (stderr, "%s failed: %s\n", what, strerror (errno));
  exit (1);
}

static struct {
  void (*cb) (void *arg);
  void *arg;
} watcher;

void
loop_set_watcher (void (*cb) (void *arg), void *arg) {
  watcher.cb = cb;
  watcher.arg = arg;
}

void
loop_call_watcher (void) {
  watcher.cb (watcher.arg);
}

/* --- Children --------------------------------------------------------------------------------- */

/* Of LeakSanitizer, where it is there.  */
extern int __lsan_do_recoverable_leak_check (void) __attribute__ ((weak));

int
test_loop_in_child (int (*body) (void)) {
  pid_t pid = fork ();
  int status;

  if (pid < 0) abort ();
  if (!pid) {
    alarm (100); /* hangs end */
    status = body ();
    if (!status && __lsan_do_recoverable_leak_check) status = __lsan_do_recoverable_leak_check ();
    _exit (status);
  }
  if (waitpid (pid, &status, 0) != pid) abort ();
  return status;
}
