/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-shortage.c - a loop that is short of memory or descriptors: each call that asks for some
   fails in turn.  What cannot be done is said, nothing is lost, and timers, which cannot fail, do
   not.  */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/backend.h"

/* --- Calls that fail -------------------------------------------------------------------------- */

static unsigned int n_asked; /* so often memory or a descriptor was asked for */
static unsigned int fail_at; /* counted from 1; 0: never */
static int fail_errno;       /* instead of what is usual */

static bool
fails (int error) {
  if (++n_asked != fail_at) return false;
  errno = fail_errno ? fail_errno : error;
  return true;
}

void *__real_calloc (size_t n, size_t size);
void *__wrap_calloc (size_t n, size_t size);
void *__real_reallocarray (void *p, size_t n, size_t size);
void *__wrap_reallocarray (void *p, size_t n, size_t size);
int __real_epoll_create1 (int flags);
int __wrap_epoll_create1 (int flags);
int __real_epoll_ctl (int epfd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl (int epfd, int op, int fd, struct epoll_event *event);
int __real_timerfd_create (int clock, int flags);
int __wrap_timerfd_create (int clock, int flags);

void *
__wrap_calloc (size_t n, size_t size) {
  return fails (ENOMEM) ? NULL : __real_calloc (n, size);
}

void *
__wrap_reallocarray (void *p, size_t n, size_t size) {
  return fails (ENOMEM) ? NULL : __real_reallocarray (p, n, size);
}

int
__wrap_epoll_create1 (int flags) {
  return fails (EMFILE) ? -1 : __real_epoll_create1 (flags);
}

/* Taking away needs nothing.  */
int
__wrap_epoll_ctl (int epfd, int op, int fd, struct epoll_event *event) {
  return op != EPOLL_CTL_DEL && fails (ENOSPC) ? -1 : __real_epoll_ctl (epfd, op, fd, event);
}

int
__wrap_timerfd_create (int clock, int flags) {
  return fails (EMFILE) ? -1 : __real_timerfd_create (clock, flags);
}

/* --- Tests ------------------------------------------------------------------------------------ */

static unsigned int n_calls;

static void
on_ready (void *arg, unsigned int revents) {
  char c;

  (void) revents;
  assert_int_equal (read (*(int *) arg, &c, 1), 1);
  n_calls++;
}

static void
on_time (void *arg) {
  (void) arg;
  n_calls++;
}

static void
run_until (eva_loop *loop, unsigned int n) {
  while (n_calls < n)
    assert_int_equal (eva_loop_dispatch (loop, -1), 0);
}

/* Repeats CALL, which may fail once.  */
#define AGAIN(call) ((call) || (errno == ENOMEM || errno == ENOSPC ? (call) : false))

static void
use (eva_loop *loop, int fd[2]) {
  eva_source *source, *timer;

  n_calls = 0;
  assert_true (AGAIN (source = eva_loop_add_fd (loop, fd[0], EVA_WRITABLE, on_ready, &fd[0])));
  assert_true (AGAIN (!eva_source_set_events (source, EVA_READABLE)));
  assert_int_equal (write (fd[1], "x", 1), 1);
  run_until (loop, 1);
  assert_true (AGAIN (timer = eva_loop_add_timer (loop, 3, on_time, NULL)));
  run_until (loop, 2);
  eva_source_set_delay (timer, 1);
  assert_int_equal (write (fd[1], "x", 1), 1);
  run_until (loop, 4);
  eva_source_free (timer);
  eva_source_free (source);
}

/* Makes a loop and uses it, with one request failing.  */
static void
play_once (eva_loop *(*make) (void), int fd[2]) {
  eva_loop *loop;

  n_asked = 0;
  loop = make ();
  if (loop) {
    use (loop, fd);
    eva_loop_free (loop);
  } else {
    assert_true (errno == ENOMEM || errno == EMFILE);
    assert_int_equal (n_asked, fail_at);
  }
}

/* The 1st, the 2nd, and so on, until there are not so many.  */
static void
play (eva_loop *(*make) (void) ) {
  int fd[2];

  assert_int_equal (pipe (fd), 0);
  fail_at = 0;
  do {
    fail_at++;
    play_once (make, fd);
  } while (n_asked >= fail_at);
  assert_true (fail_at > 5);
  fail_at = 0;
  close (fd[0]);
  close (fd[1]);
}

static void
test_epoll (void **state) {
  (void) state;
  play (eva_loop_new);
}

static void
test_poll (void **state) {
  (void) state;
  play (eva__loop_new_poll);
}

/* Where epoll is forbidden there is still a loop.  */
static void
test_forbidden (void **state) {
  static const int errors[] = { ENOSYS, EPERM, EACCES };
  int fd[2];

  (void) state;
  assert_int_equal (pipe (fd), 0);
  for (int i = 0; i < 3; i++) {
    eva_loop *loop;
    n_asked = 0;
    fail_at = 2;
    fail_errno = errors[i];
    loop = eva_loop_new ();
    fail_at = 0;
    fail_errno = 0;
    assert_non_null (loop);
    assert_int_equal (eva_loop_get_fd (loop), -1);
    use (loop, fd);
    eva_loop_free (loop);
  }
  close (fd[0]);
  close (fd[1]);
}

/* Callers that ask for the one descriptor are told that there is none, and may ask again.  */
static void
test_get_fd (void **state) {
  eva_loop *loop = eva_loop_new ();

  (void) state;
  for (int i = 1; i <= 2; i++) {
    n_asked = 0;
    fail_at = (unsigned int) i;
    errno = 0;
    assert_int_equal (eva_loop_get_fd (loop), -1);
    assert_int_equal (errno, i == 1 ? EMFILE : ENOSPC);
  }
  fail_at = 0;
  assert_true (eva_loop_get_fd (loop) >= 0);
  eva_loop_free (loop);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_epoll),
    cmocka_unit_test (test_poll),
    cmocka_unit_test (test_forbidden),
    cmocka_unit_test (test_get_fd),
  };

  return cmocka_run_group_tests_name ("shortage", tests, NULL, NULL);
}
