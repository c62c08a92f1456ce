/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* children.c - processes that the test has started.  See children.h.  */

#include "children.h"

#include <errno.h>
#include <sys/wait.h>

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
