/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* children.c - processes that the test has started.  See children.h.  */

#include "children.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fds.h"

int
child_status (pid_t pid) {
  int status;
  pid_t got;

  do
    got = waitpid (pid, &status, 0);
  while (got < 0 && errno == EINTR);
  assert_int_equal (got, pid);
  return status;
}

int
child_exit_code (pid_t pid) {
  int status = child_status (pid);

  assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

void
children_expect_none (void) {
  assert_int_equal (waitpid (-1, NULL, WNOHANG), -1);
  assert_int_equal (errno, ECHILD);
}

/* Says its pid, and then repeats what comes.  It has none of this process's other descriptors, whose
   ends others may wait for.  */
static void
be_stranger (int fd) {
  pid_t pid = getpid ();
  char octet;

  dup2 (fd, 3);
  closefrom (4);
  if (write (3, &pid, sizeof pid) != sizeof pid) _exit (1);
  while (read (3, &octet, 1) == 1 && write (3, &octet, 1) == 1)
    ;
  _exit (0);
}

pid_t
stranger_start (int *ret_fd) {
  pid_t child, pid;
  int fds[2];

  fds_socketpair (fds, 0);
  child = fork ();
  if (!child) {
    if (!fork ()) be_stranger (fds[1]);
    _exit (0);
  }
  close (fds[1]);
  assert_int_equal (child_exit_code (child), 0);
  assert_int_equal (read (fds[0], &pid, sizeof pid), sizeof pid);
  *ret_fd = fds[0];
  return pid;
}

bool
stranger_lives (int fd) {
  char octet = 'x';

  return send (fd, &octet, 1, MSG_NOSIGNAL) == 1 && read (fd, &octet, 1) == 1;
}
