/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* program.c - a server that is started by its command line.

   It searches PATH here, before the fork.  A program that is not there is then an error for the
   caller, which can act on it, and not an ERR line of a child.  And the child, which may make only
   async-signal-safe calls, has nothing left to do but to execute.  */

#include "io/program.h"

#include "io/child.h"
#include "io/command.h"
#include "io/fail.h"
#include "io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Makes a program with room for N words, and for TEXT_LEN octets in front of the place for a path,
   where PROGRAM_LEN octets are the program's.  Stores at RET_TEXT where these octets go.  */
static struct eva__io_program *
allocate (size_t n_words, size_t text_len, size_t program_len, char **ret_text) {
  const char *path = getenv ("PATH");
  size_t path_len = strlen (path ? path : EVA__IO_DEFAULT_PATH) + 1 + program_len + 1;
  struct eva__io_program *program;
  size_t argv_size = (n_words + 1) * sizeof *program->argv;

  program = malloc (sizeof *program + argv_size + text_len + path_len);
  if (program) *ret_text = (char *) program + sizeof *program + argv_size;
  return program;
}

/* Finds the program, or frees PROGRAM.  BUF is as above.  Returns 0, or -1 with errno.  */
static int
complete (struct eva__io_program *program, char *buf, struct eva__io_program **ret_program) {
  const char *path = getenv ("PATH");
  int error;

  if (*program->argv[0] && !find (program, path ? path : EVA__IO_DEFAULT_PATH, buf)) {
    *ret_program = program;
    return 0;
  }
  error = *program->argv[0] ? errno : EINVAL;
  free (program);
  return eva__io_fail (error);
}

int
eva__io_program_new (const char *command, struct eva__io_program **ret_program) {
  ssize_t n_words = eva__io_command_split (command, NULL, NULL);
  size_t text_len = strlen (command) + 1;
  struct eva__io_program *program;
  char *text;

  if (n_words < 0) return -1;
  if (!n_words) return eva__io_fail (EINVAL);
  program = allocate ((size_t) n_words, text_len, text_len, &text);
  if (!program) return -1;
  eva__io_command_split (command, text, program->argv);
  return complete (program, text + text_len, ret_program);
}

int
eva__io_program_new_words (const char *const *argv, struct eva__io_program **ret_program) {
  struct eva__io_program *program;
  size_t n_words = eva__io_command_count (argv);
  char *buf;

  if (!n_words) return eva__io_fail (EINVAL);
  program = allocate (n_words, 0, strlen (argv[0]), &buf);
  if (!program) return -1;
  memcpy (program->argv, argv, (n_words + 1) * sizeof *argv);
  return complete (program, buf, ret_program);
}

/* --- Starting --------------------------------------------------------------------------------- */

bool
eva__io_program_can_set (const char *const *settings) {
  for (; settings && *settings; settings++)
    if (!**settings || **settings == '=') return false;
  return true;
}

/* Runs in the child.  A program with an event loop takes its signals from a descriptor and blocks
   them, or ignores some: a server that it starts would not hear of them either.  The handlers go
   before the mask does, because they are the program's, and a signal may come at any time.  What
   dup2 makes stays open in the program.  */
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

/* What the child of eva__io_program_launch knows.  */
struct alone {
  const struct eva__io_program_start *start;
  pid_t parent;
};

/* The same for a program that is not a server on a pipe.  Its parent may have ended before it could
   ask for the signal.  */
static void
prepare_alone (void *opaque, int reserved) {
  const struct alone *alone = opaque;

  prepare ((void *) (uintptr_t) alone->start, reserved);
  setsid ();
  if (!alone->start->ends_with_us) return;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != alone->parent) _exit (1);
}

/* What is to be started, found and opened.  */
struct found {
  struct eva__io_program *program;
  const char *path; /* absolute, if it has to be */
  char *own_path;   /* or NULL */
  int dir_fd;       /* -1: none */
  const int *dir;   /* NULL: none */
};

static void
forget (struct found *found) {
  int saved = errno;

  free (found->program);
  free (found->own_path);
  if (found->dir_fd >= 0) close (found->dir_fd);
  errno = saved;
}

/* The child changes its directory before it executes the program.  Returns 0, or -1 with errno.  */
static int
find_directory (const char *directory, struct found *found) {
  size_t len = strlen (found->path);
  char *here;

  found->dir_fd = open (directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (found->dir_fd < 0 || faccessat (found->dir_fd, ".", X_OK, AT_EACCESS)) return -1;
  found->dir = &found->dir_fd;
  if (*found->path == '/') return 0;
  found->own_path = malloc (PATH_MAX + 1 + len + 1);
  here = found->own_path ? getcwd (found->own_path, PATH_MAX) : NULL;
  if (!here) return -1;
  here += strlen (here);
  *here = '/';
  memcpy (here + 1, found->path, len + 1);
  found->path = found->own_path;
  return 0;
}

/* Stores at FOUND what START tells.  Returns 0, or -1 with errno and nothing to forget.  */
static int
look_up (const struct eva__io_program_start *start, struct found *found) {
  int rc;

  *found = (struct found) { .dir_fd = -1 };
  rc = start->argv ? eva__io_program_new_words (start->argv, &found->program)
                   : eva__io_program_new (start->command, &found->program);
  if (rc < 0) return -1;
  found->path = found->program->path;
  if (!start->directory || !find_directory (start->directory, found)) return 0;
  forget (found);
  return -1;
}

/* The descriptors that the program keeps.  */
static const assuan_fd_t *
kept_fds (const struct eva__io_program_start *start) {
  static const assuan_fd_t kept[] = { STDERR_FILENO, ASSUAN_INVALID_FD };

  return start->keeps_stderr || start->stderr_fd ? kept : NULL;
}

/* No signal comes to this thread while it starts a program, nor to the child before it has reset
   them.  */
static void
restore_signals (const sigset_t *old) {
  int saved = errno;

  pthread_sigmask (SIG_SETMASK, old, NULL);
  errno = saved;
}

static void
block_signals (sigset_t *ret_old) {
  sigset_t all;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, ret_old);
}

int
eva__io_program_start (const struct eva__io_program_start *start, int *ret_in_fd, int *ret_out_fd,
                       pid_t *ret_pid) {
  struct eva__io_spawn how = { .socketpair = start->socketpair,
                               .fd_list = kept_fds (start),
                               .settings = start->environment,
                               .atfork = prepare,
                               .atfork_value = (void *) (uintptr_t) start };
  struct eva__io_sys sys;
  struct found found;
  sigset_t old;
  int rc;

  if (look_up (start, &found) < 0) return -1;
  how.name = found.path;
  how.argv = found.program->argv;
  how.dir_fd = found.dir;
  eva__io_sys_init (&sys, NULL, NULL);
  block_signals (&old);
  rc = eva__io_spawn (&sys, &how, ret_in_fd, ret_out_fd, ret_pid);
  restore_signals (&old);
  forget (&found);
  return rc;
}

int
eva__io_program_launch (const struct eva__io_program_start *start, pid_t *ret_pid) {
  struct eva__io_variables variables = { .settings = start->environment };
  struct alone alone = { .start = start, .parent = getpid () };
  struct eva__io_child child = { .in_fd = ASSUAN_INVALID_FD,
                                 .out_fd = ASSUAN_INVALID_FD,
                                 .fd_list = kept_fds (start),
                                 .variables = &variables,
                                 .atfork = prepare_alone,
                                 .atfork_value = &alone };
  struct found found;
  sigset_t old;
  int rc;

  if (look_up (start, &found) < 0) return -1;
  child.name = found.path;
  child.argv = found.program->argv;
  child.dir_fd = found.dir;
  block_signals (&old);
  rc = eva__io_child_start (&child, ret_pid);
  restore_signals (&old);
  forget (&found);
  return rc;
}
