/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fixture.c - what the tests of src/io share.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "leftovers.h"

static struct {
  struct sigaction sigpipe;
  sigset_t mask;
} before;

int
fixture_setup (void **state) {
  (void) state;
  leftovers_begin ();
  sigaction (SIGPIPE, NULL, &before.sigpipe);
  pthread_sigmask (SIG_BLOCK, NULL, &before.mask);
  return 0;
}

int
fixture_teardown (void **state) {
  struct sigaction sigpipe;
  sigset_t mask;

  (void) state;
  leftovers_check ();
  sigaction (SIGPIPE, NULL, &sigpipe);
  assert_ptr_equal (sigpipe.sa_handler, before.sigpipe.sa_handler);
  pthread_sigmask (SIG_BLOCK, NULL, &mask);
  assert_int_equal (sigismember (&mask, SIGPIPE), sigismember (&before.mask, SIGPIPE));
  assert_false (is_sigpipe_pending ());
  return 0;
}

bool
is_cloexec (int fd) {
  int flags = fcntl (fd, F_GETFD);

  assert_true (flags >= 0);
  return flags & FD_CLOEXEC;
}

bool
is_sigpipe_pending (void) {
  sigset_t set;

  sigpending (&set);
  return sigismember (&set, SIGPIPE) > 0;
}

void
set_nonblocking (int fd) {
  assert_int_equal (fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK), 0);
}

void
read_all (int fd, void *buf, size_t len) {
  char *at = buf;

  while (len) {
    ssize_t n = read (fd, at, len);
    if (n < 0 && errno == EINTR) continue;
    assert_true (n > 0);
    at += n;
    len -= (size_t) n;
  }
}

void
write_all (int fd, const void *buf, size_t len) {
  const char *at = buf;

  while (len) {
    ssize_t n = write (fd, at, len);
    if (n < 0 && errno == EINTR) continue;
    assert_true (n > 0);
    at += n;
    len -= (size_t) n;
  }
}

size_t
read_rest (int fd, char *buf, size_t size) {
  size_t len = 0;
  ssize_t n;

  while ((n = read (fd, buf + len, size - 1 - len)) > 0 || (n < 0 && errno == EINTR))
    if (n > 0) len += (size_t) n;
  assert_int_equal (n, 0);
  assert_true (len < size - 1);
  buf[len] = 0;
  return len;
}

const char *
fixture_file (const char *name, const char *text, size_t len) {
  const char *path = tmpdir_path (name);
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  assert_true (fd >= 0);
  write_all (fd, text, len);
  close (fd);
  return path;
}
