/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite.h - what the tests share that run on every loop.  Each test has a loop of its own, and
   leaves nothing behind.  */

#ifndef EVA_TESTS_LOOP_SUITE_H
#define EVA_TESTS_LOOP_SUITE_H

#include "assertions.h"
#include "loops.h"
#include "suites.h"

/* A test between suite_setup and suite_teardown.  */
#define suite_test(name) cmocka_unit_test_setup_teardown (name, suite_setup, suite_teardown)
int suite_setup (void **state);
int suite_teardown (void **state);

extern const struct suite event_suite, source_suite, timer_suite, task_suite, life_suite,
    chaos_suite, dialog_suite, fork_suite;

/* The loop of the test.  suite_free frees it before suite_teardown does.  */
extern struct test_loop suite_loop;
void suite_free (void);

/* Returns true if the loop is the embedded one; if who comes or leaves waits in it; if it
   tells of peers that leave while nothing is watched for.  */
bool suite_is_embedded (void);
bool suite_is_patient (void);
bool suite_tells_hangup (void);

/* So many turns, without waiting, that whatever is due has happened.  */
void suite_settle (void);

/* Turns until *N is at least WANTED.  */
void suite_until (const unsigned int *n, unsigned int wanted);

/* A watched descriptor.  */
struct probe {
  eva_source *source;
  int fd;
  unsigned int n;       /* calls */
  unsigned int revents; /* all that was reported, and */
  unsigned int last;    /* what was reported last */
  void (*action) (struct probe *p);
  void *arg;
};

/* Watches FD for EVENTS; ACTION, which may be NULL, runs in each call.  */
void probe_init (struct probe *p, int fd, unsigned int events, void (*action) (struct probe *p));
void probe_free (struct probe *p);

/* An action: reads what is there.  */
void probe_read (struct probe *p);

/* test_loop_in_child, which has to return 0.  */
void suite_in_child (int (*body) (void));

/* Non-blocking pairs.  */
void make_pipe (int fd[2]);
void make_socketpair (int fd[2]);
void close_pair (int fd[2]);

/* Writes, or reads, one octet, which must work.  */
void put_octet (int fd);
void take_octet (int fd);

/* Writes until nothing more goes in, or reads until nothing is left.  */
void fill (int fd);
void drain (int fd);

#endif /* EVA_TESTS_LOOP_SUITE_H */
