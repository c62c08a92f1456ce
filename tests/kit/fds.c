/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fds.c - descriptors.  See fds.h.  */

#include "fds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The most that the kernel passes at a time.  */
#define MAX_FDS 253

unsigned int
fds_count (void) {
  DIR *dir = opendir ("/proc/self/fd");
  unsigned int n = 0;

  assert_non_null (dir);
  while (readdir (dir))
    n++;
  closedir (dir);
  return n - 3; /* . and .. and the directory itself */
}

bool
fds_is_open (int fd) {
  return fcntl (fd, F_GETFD) >= 0;
}

bool
fds_is_nonblocking (int fd) {
  int flags = fcntl (fd, F_GETFL);

  assert_true (flags >= 0);
  return flags & O_NONBLOCK;
}

void
fds_pipe (int fds[2], int flags) {
  assert_int_equal (pipe2 (fds, O_CLOEXEC | flags), 0);
}

void
fds_socketpair (int fds[2], int flags) {
  int type = SOCK_STREAM | SOCK_CLOEXEC | (flags & O_NONBLOCK ? SOCK_NONBLOCK : 0);

  assert_int_equal (socketpair (AF_UNIX, type, 0, fds), 0);
}

void
fds_close_pair (int fds[2]) {
  close (fds[0]);
  close (fds[1]);
}

int
fds_listen_at (const char *path) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  assert_true (fd >= 0 && strlen (path) < sizeof addr.sun_path);
  strcpy (addr.sun_path, path);
  assert_int_equal (bind (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_int_equal (listen (fd, 5), 0);
  return fd;
}

ssize_t
fds_send (int sock, const char *text, const int *fds, size_t n_fds) {
  struct iovec iov = { .iov_base = (void *) (uintptr_t) text, .iov_len = strlen (text) };
  union {
    struct cmsghdr align;
    char octets[CMSG_SPACE (MAX_FDS * sizeof (int))];
  } control = { .octets = { 0 } };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
  ssize_t n;

  assert_true (n_fds <= MAX_FDS);
  msg.msg_control = &control;
  msg.msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
  control.align.cmsg_level = SOL_SOCKET;
  control.align.cmsg_type = SCM_RIGHTS;
  control.align.cmsg_len = CMSG_LEN (n_fds * sizeof (int));
  memcpy (control.octets + CMSG_LEN (0), fds, n_fds * sizeof (int));
  do
    n = sendmsg (sock, &msg, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  assert_true (n < 0 || (size_t) n == strlen (text));
  return n;
}
