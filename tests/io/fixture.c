/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fixture.c - what the tests of src/io share.  */

#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
  int n_fds;
  struct sigaction sigpipe;
  sigset_t mask;
  char dir[64];
} before;

int
count_fds (void) {
  DIR *dir = opendir ("/proc/self/fd");
  int n = 0;

  assert_non_null (dir);
  while (readdir (dir))
    n++;
  closedir (dir);
  return n - 3; /* . and .. and the directory itself */
}

int
fixture_setup (void **state) {
  (void) state;
  before.n_fds = count_fds ();
  before.dir[0] = 0;
  sigaction (SIGPIPE, NULL, &before.sigpipe);
  pthread_sigmask (SIG_BLOCK, NULL, &before.mask);
  return 0;
}

static void
remove_dir (void) {
  DIR *dir = opendir (before.dir);
  struct dirent *entry;
  char path[400];

  assert_non_null (dir);
  while ((entry = readdir (dir))) {
    if (entry->d_name[0] == '.') continue;
    snprintf (path, sizeof path, "%s/%s", before.dir, entry->d_name);
    assert_int_equal (remove (path), 0);
  }
  closedir (dir);
  assert_int_equal (rmdir (before.dir), 0);
}

int
fixture_teardown (void **state) {
  struct sigaction sigpipe;
  sigset_t mask;

  (void) state;
  if (before.dir[0]) remove_dir ();
  assert_int_equal (count_fds (), before.n_fds);
  sigaction (SIGPIPE, NULL, &sigpipe);
  assert_ptr_equal (sigpipe.sa_handler, before.sigpipe.sa_handler);
  pthread_sigmask (SIG_BLOCK, NULL, &mask);
  assert_int_equal (sigismember (&mask, SIGPIPE), sigismember (&before.mask, SIGPIPE));
  assert_false (is_sigpipe_pending ());
  assert_fails (waitpid (-1, NULL, WNOHANG), ECHILD);
  return 0;
}

bool
is_open (int fd) {
  return fcntl (fd, F_GETFD) >= 0;
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
make_pipe (int fd[2]) {
  assert_int_equal (pipe2 (fd, O_CLOEXEC), 0);
}

void
make_socketpair (int fd[2]) {
  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
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
fixture_path (const char *name) {
  static char paths[8][300];
  static unsigned int next;
  char *path = paths[next++ % 8];

  if (!before.dir[0]) {
    strcpy (before.dir, "/tmp/evaio.XXXXXX");
    assert_non_null (mkdtemp (before.dir));
  }
  snprintf (path, sizeof paths[0], "%s/%s", before.dir, name);
  return path;
}

const char *
fixture_file (const char *name, const char *text, size_t len) {
  const char *path = fixture_path (name);
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  assert_true (fd >= 0);
  write_all (fd, text, len);
  close (fd);
  return path;
}

int
wait_child (pid_t pid) {
  int status;
  pid_t got;

  do
    got = waitpid (pid, &status, 0);
  while (got < 0 && errno == EINTR);
  assert_int_equal (got, pid);
  assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}
