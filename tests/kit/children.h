/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* children.h - processes that the test has started, and their ends.  */

#ifndef EVA_TESTS_KIT_CHILDREN_H
#define EVA_TESTS_KIT_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

#include "assertions.h"

/* Waits for the child PID and returns its exit code; a signal that ended it fails the test.  */
int child_exit_code (pid_t pid);

/* The same, but returns the status, as of waitpid, whatever it is.  */
int child_status (pid_t pid);

/* Asserts that there is no child, neither one that runs nor one that was not waited for.  */
void children_expect_none (void);

/* Starts a process that is no child of this one, as one may be that got the number of a child that
   is gone.  It ends when *RET_FD is closed.  Returns its pid.  */
pid_t stranger_start (int *ret_fd);

/* Returns true if the stranger at FD lives.  */
bool stranger_lives (int fd);

#endif /* EVA_TESTS_KIT_CHILDREN_H */
