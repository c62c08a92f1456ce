/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite.c - what the tests share that run on every loop.  See suite.h.  */

#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fds.h"
#include "leftovers.h"
#include "loop/loop.h"

/* Of the loops here none takes more turns before it looks at everything: sd-event calls one thing a
   turn.  */
#define N_SETTLING_TURNS 50

struct test_loop suite_loop;

int
suite_setup (void **state) {
  (void) state;
  test_loop_warm_up ();
  leftovers_begin ();
  test_loop_init (&suite_loop);
  return 0;
}

void
suite_free (void) {
  test_loop_deinit (&suite_loop);
  suite_loop.loop = NULL;
}

int
suite_teardown (void **state) {
  (void) state;
  if (suite_loop.loop) suite_free ();
  leftovers_check ();
  return 0;
}

bool
suite_is_embedded (void) {
  return !suite_loop.foreign;
}

bool
suite_is_patient (void) {
  return eva__loop_is_patient (suite_loop.loop);
}

bool
suite_tells_hangup (void) {
  return eva__loop_tells_hangup (suite_loop.loop);
}

void
suite_settle (void) {
  for (int i = 0; i < N_SETTLING_TURNS; i++)
    test_loop_turn (&suite_loop, false);
}

void
suite_until (const unsigned int *n, unsigned int wanted) {
  while (*(const volatile unsigned int *) n < wanted)
    test_loop_turn (&suite_loop, true);
}

/* --- Children --------------------------------------------------------------------------------- */

void
suite_in_child (int (*body) (void)) {
  assert_int_equal (test_loop_in_child (body), 0);
}

/* --- Probes ----------------------------------------------------------------------------------- */

static void
probe_cb (void *arg, unsigned int revents) {
  struct probe *p = arg;

  assert_non_null (p->source);
  assert_int_not_equal (revents, 0);
  assert_int_equal (revents & ~(EVA_READABLE | EVA_WRITABLE | EVA_HANGUP), 0);
  assert_true (!(revents & EVA_HANGUP) || (revents & EVA_HANGUP) == EVA_HANGUP);
  p->n++;
  p->last = revents;
  p->revents |= revents;
  if (p->action) p->action (p);
}

void
probe_init (struct probe *p, int fd, unsigned int events, void (*action) (struct probe *p)) {
  *p = (struct probe) { .fd = fd, .action = action };
  p->source = eva_loop_add_fd (suite_loop.loop, fd, events, probe_cb, p);
  assert_non_null (p->source);
}

void
probe_free (struct probe *p) {
  eva_source *source = p->source;

  p->source = NULL;
  eva_source_free (source);
}

void
probe_read (struct probe *p) {
  drain (p->fd);
}

/* --- Descriptors ------------------------------------------------------------------------------ */

void
make_pipe (int fd[2]) {
  fds_pipe (fd, O_NONBLOCK);
}

void
make_socketpair (int fd[2]) {
  fds_socketpair (fd, O_NONBLOCK);
}

void
close_pair (int fd[2]) {
  fds_close_pair (fd);
}

void
put_octet (int fd) {
  assert_int_equal (write (fd, "x", 1), 1);
}

void
take_octet (int fd) {
  char c;

  assert_int_equal (read (fd, &c, 1), 1);
}

void
fill (int fd) {
  static const char octets[4096];

  while (write (fd, octets, sizeof octets) > 0) {}
  assert_int_equal (errno, EAGAIN);
  while (write (fd, octets, 1) > 0) {}
}

void
drain (int fd) {
  char octets[4096];
  ssize_t n;

  do
    n = read (fd, octets, sizeof octets);
  while (n > 0);
  assert_true (n == 0 || errno == EAGAIN);
}
