/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* program.h - running other programs.  They begin without blocked or ignored signals.  */

#ifndef ASSUANCTL_PROGRAM_H
#define ASSUANCTL_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

/* Runs ARGV, found by PATH, to its end, and stores what it prints, to be freed, at RET_OUTPUT.  Its
   stdin is /dev/null, and its stderr too.  Returns 0, or -1 if it could not be run or failed.  */
int program_read (const char *const *argv, char **ret_output);

/* Starts ARGV, with OUT_FD as its stdout, and NAME=VALUE in its environment unless NAME is NULL.
   Returns its pid, or -1 with errno.  */
pid_t program_start (const char *const *argv, int out_fd, const char *name, const char *value);

/* Starts ARGV, found by PATH, as the leader of a process group of its own, with the environment ENV
   and with the N descriptors of FDS as 0, 1, and so on; one that is -1 stays what it is here.
   Returns its pid, or -1 with errno.  */
pid_t program_start_group (const char *const *argv, char **env, const int *fds, size_t n);

/* Starts ARGV with the socket FD as its stdin and stdout, and our stderr.  Returns its pid, or -1
   with errno.  */
pid_t program_start_server (const char *const *argv, int fd);

/* Starts ARGV, found by PATH, as the leader of a process group of its own, without stdin and
   stdout.  It gets SIGKILL when this process ends, however it does.  Returns its pid, or -1 with
   errno.  */
pid_t program_start_bound (const char *const *argv);

/* Waits for the end of child PID.  Returns its status as waitpid stores it, or -1 with errno.  */
int program_wait (pid_t pid);

/* In a child: no signal is blocked, ignored or handled.  */
void program_default_signals (void);

/* Cuts COMMAND at blanks into words, an array that NULL ends, to be freed in one piece.  */
const char **program_split (const char *command);

/* The same with the quotes of eva_connect's `exec:`: '...', "..." and the backslash.  Returns NULL
   with EINVAL if a quote does not end, or nothing follows a backslash.  */
const char **program_parse (const char *command);

#endif /* ASSUANCTL_PROGRAM_H */
