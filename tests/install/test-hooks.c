/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-hooks.c - the macros ASSUAN_SYSTEM_NPTH_IMPL and ASSUAN_SYSTEM_PTH_IMPL of assuan.h.

   Neither threads library is needed: the few functions that the macros call are played here, and
   count.  What matters to a program is that every hook that can block lets other threads run
   meanwhile, and that results and errno come through.  */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <cmocka.h>

#include <assuan.h>

static int n_unprotected; /* how often nPth's lock was given up */
static int locked = 1;    /* whether we hold it */

static void
npth_unprotect (void) {
  assert_true (locked);
  locked = 0;
  n_unprotected++;
}

static void
npth_protect (void) {
  assert_false (locked);
  locked = 1;
  errno = ENOTTY; /* a lock may well change it */
}

/* GNU Pth, as far as the macros use it. */
#define PTH_FDMODE_POLL        0
#define PTH_FDMODE_ERROR       (-1)
#define PTH_FDMODE_BLOCK       1
#define PTH_FDMODE_NONBLOCK    2
#define PTH_EVENT_FD           (1UL << 1)
#define PTH_UNTIL_FD_READABLE  (1UL << 12)
#define PTH_UNTIL_FD_WRITEABLE (1UL << 13)
#define PTH_FREE_THIS          0
typedef unsigned long *pth_event_t;

static int pth_mode = PTH_FDMODE_BLOCK;
static int n_pth_calls;            /* how often Pth's scheduler could run */
static unsigned long pth_goal;     /* what pth_wait waited for last */
static unsigned long pth_an_event; /* the one event that there is at a time */

static void
pth_usleep (unsigned int usec) {
  (void) usec;
  n_pth_calls++;
}

static ssize_t
pth_read (int fd, void *buffer, size_t size) {
  n_pth_calls++;
  return read (fd, buffer, size);
}

static ssize_t
pth_write (int fd, const void *buffer, size_t size) {
  n_pth_calls++;
  return write (fd, buffer, size);
}

static pid_t
pth_waitpid (pid_t pid, int *status, int options) {
  n_pth_calls++;
  return waitpid (pid, status, options);
}

static int
pth_fdmode (int fd, int mode) {
  assert_int_equal (mode, PTH_FDMODE_POLL);
  return fd < 0 ? PTH_FDMODE_ERROR : pth_mode;
}

static pth_event_t
pth_event (unsigned long spec, int fd) {
  assert_true (spec & PTH_EVENT_FD);
  assert_true (fd >= 0);
  pth_an_event = spec & ~PTH_EVENT_FD;
  return &pth_an_event;
}

static int
pth_wait (pth_event_t event) {
  n_pth_calls++;
  pth_goal = *event;
  return 1;
}

static int
pth_event_free (pth_event_t event, int mode) {
  assert_ptr_equal (event, &pth_an_event);
  assert_int_equal (mode, PTH_FREE_THIS);
  pth_an_event = 0;
  return 1;
}

ASSUAN_SYSTEM_NPTH_IMPL;
ASSUAN_SYSTEM_PTH_IMPL;

/* What a test of one table of hooks needs. */
struct fixture {
  assuan_system_hooks_t hooks;
  assuan_context_t ctx;
  int fds[2]; /* a connected pair of sockets */
};

/* A context, and a pair of sockets made by HOOKS. */
static void
init (struct fixture *f, assuan_system_hooks_t hooks) {
  f->hooks = hooks;
  assert_int_equal (hooks->version, ASSUAN_SYSTEM_HOOKS_VERSION);
  assert_int_equal (assuan_new (&f->ctx), 0);
  assert_int_equal (hooks->socketpair (f->ctx, AF_UNIX, SOCK_STREAM, 0, f->fds), 0);
}

static void
deinit (struct fixture *f) {
  assert_int_equal (f->hooks->close (f->ctx, f->fds[0]), 0);
  assert_int_equal (f->hooks->close (f->ctx, f->fds[1]), 0);
  assuan_release (f->ctx);
}

/* Send and receive three octets by each pair of hooks. */
static void
talk (const struct fixture *f) {
  char buf[8] = "";
  struct iovec iov = { .iov_base = buf, .iov_len = 3 };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

  assert_int_equal (f->hooks->write (f->ctx, f->fds[0], "abc", 3), 3);
  assert_int_equal (f->hooks->read (f->ctx, f->fds[1], buf, sizeof buf), 3);
  assert_string_equal (buf, "abc");
  memcpy (buf, "xyz", 3);
  assert_int_equal (f->hooks->sendmsg (f->ctx, f->fds[1], &msg, 0), 3);
  memset (buf, 0, sizeof buf);
  assert_int_equal (f->hooks->recvmsg (f->ctx, f->fds[0], &msg, 0), 3);
  assert_string_equal (buf, "xyz");
}

/* Start a child that ends at once with 7 and wait for it by the hook. */
static void
reap (const struct fixture *f) {
  int status = 0;
  pid_t pid = fork ();
  assert_true (pid >= 0);
  if (!pid) _exit (7);
  assert_int_equal (f->hooks->waitpid (f->ctx, pid, 0, &status, 0), pid);
  assert_int_equal (WEXITSTATUS (status), 7);
}

static void
test_npth_gives_up_the_lock_around_calls_that_block (void **state) {
  struct fixture f;
  (void) state;

  n_unprotected = 0;
  init (&f, ASSUAN_SYSTEM_NPTH);
  assert_int_equal (n_unprotected, 0);
  talk (&f);
  assert_int_equal (n_unprotected, 4);
  reap (&f);
  f.hooks->usleep (f.ctx, 1);
  assert_int_equal (n_unprotected, 6);
  deinit (&f);
  assert_int_equal (n_unprotected, 8);
  assert_true (locked);
}

static void
test_npth_passes_failures_on (void **state) {
  struct fixture f;
  struct sockaddr_un nowhere = { .sun_family = AF_UNIX, .sun_path = "/nonexistent/socket" };
  (void) state;

  init (&f, ASSUAN_SYSTEM_NPTH);
  errno = 0;
  assert_int_equal (f.hooks->close (f.ctx, -1), -1);
  assert_int_equal (errno, EBADF);
  int sock = f.hooks->socket (f.ctx, AF_UNIX, SOCK_STREAM, 0);
  assert_true (sock >= 0);
  n_unprotected = 0;
  struct sockaddr *addr = (struct sockaddr *) (void *) &nowhere;
  assert_int_equal (f.hooks->connect (f.ctx, sock, addr, sizeof nowhere), -1);
  assert_int_equal (errno, ENOENT);
  assert_int_equal (n_unprotected, 1);
  assert_int_equal (f.hooks->close (f.ctx, sock), 0);
  deinit (&f);
}

static void
test_pth_schedules_around_calls_that_block (void **state) {
  struct fixture f;
  (void) state;

  pth_mode = PTH_FDMODE_BLOCK;
  n_pth_calls = 0;
  init (&f, ASSUAN_SYSTEM_PTH);
  talk (&f);
  assert_int_equal (n_pth_calls, 4);
  assert_int_equal (pth_goal, PTH_UNTIL_FD_READABLE); /* recvmsg was last */
  assert_int_equal (pth_an_event, 0);
  reap (&f);
  f.hooks->usleep (f.ctx, 1);
  assert_int_equal (n_pth_calls, 6);
  /* Only to forget a process never waits. */
  assert_int_equal (f.hooks->waitpid (f.ctx, getpid (), 1, NULL, 0), 0);
  assert_int_equal (n_pth_calls, 6);
  deinit (&f);
}

static void
test_pth_leaves_nonblocking_descriptors_alone (void **state) {
  struct fixture f;
  struct msghdr msg = { .msg_iov = NULL };
  (void) state;

  init (&f, ASSUAN_SYSTEM_PTH);
  pth_mode = PTH_FDMODE_NONBLOCK;
  n_pth_calls = 0;
  talk (&f);
  assert_int_equal (n_pth_calls, 2); /* read and write are Pth's own */
  errno = 0;
  assert_int_equal (f.hooks->recvmsg (f.ctx, -1, &msg, 0), -1);
  assert_int_equal (errno, EBADF);
  errno = 0;
  assert_int_equal (f.hooks->sendmsg (f.ctx, -1, &msg, 0), -1);
  assert_int_equal (errno, EBADF);
  deinit (&f);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_npth_gives_up_the_lock_around_calls_that_block),
    cmocka_unit_test (test_npth_passes_failures_on),
    cmocka_unit_test (test_pth_schedules_around_calls_that_block),
    cmocka_unit_test (test_pth_leaves_nonblocking_descriptors_alone),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}
