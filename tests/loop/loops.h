/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loops.h - every loop that an eva_loop can be, behind one interface, for suites that run on all of
   them.

   A suite is linked with one of the libraries test-loop-NAME, and so there is one program of it for
   each kind of loop: see `test_loops` in meson.build, which is NAME -> dependency.  */

#ifndef EVA_TESTS_LOOP_LOOPS_H
#define EVA_TESTS_LOOP_LOOPS_H

#include <stdbool.h>
#include <stdio.h>

#include "eva-loop.h"

/* A loop under test.  There may be several.  */
struct test_loop {
  eva_loop *loop;
  void *foreign; /* what it lives in, if it is not embedded; the kind's own */
};

/* The kind of loop that this program is linked with: epoll, poll, nested, uv, event, glib,
   sd-event, ev, qt5, qt6.  */
extern const char *const test_loop_name;

/* Returns true if callbacks may run such a loop.  */
bool test_loop_recurses (void);

/* Some loops keep descriptors for the whole process: makes the first one for nothing, before any
   test counts.  */
void test_loop_warm_up (void);

/* Makes a loop.  A failure ends the program.  */
void test_loop_init (struct test_loop *t);

/* One turn: runs what is due; if WAIT, waits before until there is something.  */
void test_loop_turn (struct test_loop *t, bool wait);

/* Turns until *DONE, which a callback sets.  */
void test_loop_run (struct test_loop *t, const bool *done);

/* Runs the loop by its own function, until that returns because there is nothing left to wait for.
   Returns false, at once, if it does not return for that.  */
bool test_loop_run_out (struct test_loop *t);

/* In a child of fork: does what the loop's own library asks for before the child goes on with it.
   Returns false where that cannot be.  */
bool test_loop_forked (struct test_loop *t);

/* Runs BODY in a child of fork, which ends with what it returns, or with 1 where there is a
   LeakSanitizer and it complains; no exit handler runs.  Assertions are the parent's: BODY returns
   1 if something is wrong, with CHILD_ASSERT.  Returns the child's status, as of waitpid.  */
int test_loop_in_child (int (*body) (void));
#define CHILD_ASSERT(condition)                                                                    \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf (stderr, "%s:%d: in the child: %s\n", __FILE__, __LINE__, #condition);               \
      return 1;                                                                                    \
    }                                                                                              \
  } while (0)

/* Watches FD with the means of the loop itself, without eva_loop: whenever it is readable, CB is
   called with ARG.  One at a time.  Returns what test_loop_unwatch takes.  */
void *test_loop_watch (struct test_loop *t, int fd, void (*cb) (void *arg), void *arg);
void test_loop_unwatch (struct test_loop *t, void *watch);

/* Frees the eva_loop, and then the foreign one with what it has left to do.  */
void test_loop_deinit (struct test_loop *t);

#endif /* EVA_TESTS_LOOP_LOOPS_H */
