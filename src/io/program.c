/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* program.c - a server that is started by its command line.

   It searches PATH here, before the fork.  A program that is not there is then an error for the
   caller, which can act on it, and not an ERR line of a child.  And the child, which may make only
   async-signal-safe calls, has nothing left to do but to execute.  */

#include "io/program.h"

#include "io/fail.h"
#include "io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLANKS " \t"

/* Where execvp looks without a PATH.  */
#define DEFAULT_PATH "/bin:/usr/bin"

static size_t
count_words (const char *text) {
  size_t n = 0;

  while (*(text += strspn (text, BLANKS))) {
    text += strcspn (text, BLANKS);
    n++;
  }
  return n;
}

/* Cuts TEXT into words, which it stores at ARGV, ended by NULL.  */
static void
split (char *text, const char **argv) {
  while (*(text += strspn (text, BLANKS))) {
    *argv++ = text;
    text += strcspn (text, BLANKS);
    if (*text) *text++ = 0;
  }
  *argv = NULL;
}

/* Returns 0 if FNAME is a file that we may execute, or -1 with errno.  */
static int
check_executable (const char *fname) {
  struct stat st;

  if (stat (fname, &st) < 0) return -1;
  if (!S_ISREG (st.st_mode)) return eva__io_fail (EACCES);
  return faccessat (AT_FDCWD, fname, X_OK, AT_EACCESS);
}

/* Looks for NAME in the directories of PATH, and stores what it found at BUF, which has room for
   any of them and NAME.  Returns 0, or -1 with errno.  */
static int
search (const char *name, const char *path, char *buf) {
  size_t name_len = strlen (name);
  bool denied = false;

  for (;; path++) {
    size_t len = strcspn (path, ":");
    char *end = buf + len;
    memcpy (buf, path, len);
    /* An empty element is the current directory.  */
    if (len) *end++ = '/';
    memcpy (end, name, name_len + 1);
    if (!check_executable (buf)) return 0;
    denied |= errno == EACCES;
    path += len;
    if (!*path) return eva__io_fail (denied ? EACCES : ENOENT);
  }
}

/* Finds where PROGRAM is; BUF is as above.  */
static int
find (struct eva__io_program *program, const char *path, char *buf) {
  const char *name = program->argv[0];

  program->path = strchr (name, '/') ? name : buf;
  return program->path == name ? check_executable (name) : search (name, path, buf);
}

int
eva__io_program_new (const char *command, struct eva__io_program **ret_program) {
  const char *path = getenv ("PATH");
  size_t command_len = strlen (command), n_words = count_words (command), argv_size, path_size;
  struct eva__io_program *program;
  char *text;

  if (!n_words) return eva__io_fail (EINVAL);
  if (!path) path = DEFAULT_PATH;
  argv_size = (n_words + 1) * sizeof *program->argv;
  path_size = strlen (path) + 1 + command_len + 1;
  program = malloc (sizeof *program + argv_size + command_len + 1 + path_size);
  if (!program) return -1;
  text = (char *) program + sizeof *program + argv_size;
  memcpy (text, command, command_len + 1);
  split (text, program->argv);
  if (find (program, path, text + command_len + 1) < 0) {
    int error = errno;
    free (program);
    return eva__io_fail (error);
  }
  *ret_program = program;
  return 0;
}

int
eva__io_program_new_words (const char *const *argv, struct eva__io_program **ret_program) {
  const char *path = getenv ("PATH");
  struct eva__io_program *program;
  size_t n_words = 0, argv_size;

  while (argv[n_words])
    n_words++;
  if (!n_words || !*argv[0]) return eva__io_fail (EINVAL);
  if (!path) path = DEFAULT_PATH;
  argv_size = (n_words + 1) * sizeof *program->argv;
  program = malloc (sizeof *program + argv_size + strlen (path) + 1 + strlen (argv[0]) + 1);
  if (!program) return -1;
  memcpy (program->argv, argv, argv_size);
  if (find (program, path, (char *) program + sizeof *program + argv_size) < 0) {
    int error = errno;
    free (program);
    return eva__io_fail (error);
  }
  *ret_program = program;
  return 0;
}

/* Runs in the child.  A program with an event loop takes its signals from a descriptor and blocks
   them, or ignores some: a server that it starts would not hear of them either.  The handlers go
   before the mask does, because they are the program's, and a signal may come at any time.  What dup2
   makes stays open in the program.  */
static void
prepare (void *opaque, int reserved) {
  const struct eva__io_program_start *start = opaque;
  sigset_t none;

  (void) reserved;
  if (start->stderr_fd) dup2 (*start->stderr_fd, STDERR_FILENO);
  for (int sig = 1; sig < _NSIG; sig++)
    (void) signal (sig, SIG_DFL); /* fails for those that are the system's own */
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

/* The same as eva__io_spawn.  No signal comes to this thread meanwhile, nor to the child before it
   has reset them.  */
static int
spawn (const struct eva__io_spawn *how, int *ret_in_fd, int *ret_out_fd, pid_t *ret_pid) {
  struct eva__io_sys sys;
  sigset_t all, old;
  int rc, saved;

  eva__io_sys_init (&sys, NULL, NULL);
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  rc = eva__io_spawn (&sys, how, ret_in_fd, ret_out_fd, ret_pid);
  saved = errno;
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  errno = saved;
  return rc;
}

int
eva__io_program_start (const struct eva__io_program_start *start, int *ret_in_fd, int *ret_out_fd,
                       pid_t *ret_pid) {
  static const assuan_fd_t kept[] = { STDERR_FILENO, ASSUAN_INVALID_FD };
  struct eva__io_spawn how = { .socketpair = start->socketpair,
                               .atfork = prepare,
                               .atfork_value = (void *) (uintptr_t) start };
  struct eva__io_program *program;
  int rc, saved;

  rc = start->argv ? eva__io_program_new_words (start->argv, &program)
                   : eva__io_program_new (start->command, &program);
  if (rc < 0) return -1;
  if (start->keeps_stderr || start->stderr_fd) how.fd_list = kept;
  how.name = program->path;
  how.argv = program->argv;
  rc = spawn (&how, ret_in_fd, ret_out_fd, ret_pid);
  saved = errno;
  free (program);
  errno = saved;
  return rc;
}
