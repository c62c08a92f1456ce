/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* program.h - a program that is started by its command line, `PROGRAM ARGUMENTS` (command.h).  */

#ifndef EVA__IO_PROGRAM_H
#define EVA__IO_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

/* Where execvp looks without a PATH.  */
#define EVA__IO_DEFAULT_PATH "/bin:/usr/bin"

struct eva__io_program {
  const char *path; /* where it was found */
  const char *argv[];
};

/* Splits COMMAND and finds its program: a word with a slash is a path, else it is looked for in
   PATH, as execvp does.  Stores the result, one piece of memory to be freed with free, at
   RET_PROGRAM.
   Returns 0, or -1 with errno: EINVAL without a word, or if the first one is empty, EBADMSG for a
   quote that does not end, ENOENT (or what else the system says of a
   path) if there is no program, EACCES if there are only programs that cannot be executed,
   ENOMEM.  */
int eva__io_program_new (const char *command, struct eva__io_program **ret_program);

/* The same for a program whose words are known: those of ARGV, which ends with NULL, as they are.
   It does not copy them.  Returns as above.  */
int eva__io_program_new_words (const char *const *argv, struct eva__io_program **ret_program);

/* What is to be started.  */
struct eva__io_program_start {
  const char *command;     /* unless there is argv */
  const char *const *argv; /* the words as they are, or NULL */
  bool socketpair;
  bool keeps_stderr;
  const int *stderr_fd; /* in place of ours; or NULL */

  /* Changes to the environment, ended by NULL, or NULL: `NAME=VALUE`, or `NAME` alone, which takes
     the variable out.  Of several for a name the last one counts.  */
  const char *const *environment;
  const char *directory; /* its working directory; NULL: ours */
  bool ends_with_us;     /* it gets SIGKILL when this thread ends; eva__io_program_launch */
};

/* Returns true if SETTINGS, or NULL, can be changes to the environment: each has a name.  */
bool eva__io_program_can_set (const char *const *settings);

/* Starts the program of START with the default system functions.  The program talks through 0 and
   1, or if socketpair is set through the socket of _assuan_connection_fd; its stderr is ours or
   /dev/null, and no signal is blocked or ignored in it.  Stores our ends at RET_IN_FD and
   RET_OUT_FD (the same one of a socket pair), close-on-exec and blocking, and the child's pid at
   RET_PID.  The library looks for a program without a slash in our PATH, and a relative path is
   one from our working directory, whatever the program's own will be.
   Returns 0, or -1 with errno: as above; ENOENT, ENOTDIR, EACCES for the directory; or what the
   system gives.  If something goes wrong in the child, the child says so with an ERR line.  */
int eva__io_program_start (const struct eva__io_program_start *start, int *ret_in_fd,
                           int *ret_out_fd, pid_t *ret_pid);

/* Starts the program of START without a connection, as a daemon: 0 and 1 are /dev/null, it has no
   descriptor of ours but maybe stderr, nothing in its environment says that it is a server on a
   pipe, and it is the leader of a session of its own, so no signal of our terminal comes to it.
   Stores its pid at RET_PID.  Returns as above; what goes wrong in the child shows as exit
   status 4.  */
int eva__io_program_launch (const struct eva__io_program_start *start, pid_t *ret_pid);

#endif /* EVA__IO_PROGRAM_H */
