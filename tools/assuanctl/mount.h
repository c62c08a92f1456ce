/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mount.h - running a program that finds a socket of ours in place of another one, which no other
   process does: in a mount namespace of its own, where ours is bound over it.  An ordinary user
   needs a user namespace for that, in which the user is the same.  */

#ifndef ASSUANCTL_MOUNT_H
#define ASSUANCTL_MOUNT_H

#include "status.h"

#include <sys/types.h>

/* Starts ARGV, which finds the socket OURS where the socket THEIRS is, with OUT_FD as its stdout.
   Stores its pid at RET_PID.  Returns STATUS_LOCAL, after a message, if the system does not allow
   that, or there is no such program.  */
enum status mount_run (const char *ours, const char *theirs, char *const *argv, int out_fd,
                       pid_t *ret_pid);

#endif /* ASSUANCTL_MOUNT_H */
