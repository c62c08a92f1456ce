/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* program.c - running other programs.  */

#include "program.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLANKS " \t"

extern char **environ;

/* SIGINT and SIGPIPE are handled here, and maybe ignored by who started us.  */
static void
init_attributes (posix_spawnattr_t *attributes, short flags) {
  sigset_t all, none;

  sigfillset (&all);
  sigemptyset (&none);
  posix_spawnattr_init (attributes);
  posix_spawnattr_setsigdefault (attributes, &all);
  posix_spawnattr_setsigmask (attributes, &none);
  posix_spawnattr_setflags (attributes,
                            (short) (POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | flags));
}

/* posix_spawn does not change the strings, whatever its prototype says.  */
static pid_t
spawn (const char *const *argv, const posix_spawn_file_actions_t *actions, char **env) {
  posix_spawnattr_t attributes;
  pid_t pid;
  int error;

  init_attributes (&attributes, 0);
  error = posix_spawnp (&pid, argv[0], actions, &attributes, (char *const *) (uintptr_t) argv, env);
  posix_spawnattr_destroy (&attributes);
  if (!error) return pid;
  errno = error;
  return -1;
}

/* Returns the environment and VARIABLE, to be freed.  */
static char **
extend_environment (char *variable) {
  size_t n = 0;
  char **env;

  while (environ[n])
    n++;
  env = text_alloc ((n + 2) * sizeof *env);
  env[0] = variable; /* the first one of a name counts */
  memcpy (env + 1, environ, n * sizeof *env);
  return env;
}

pid_t
program_start (const char *const *argv, int out_fd, const char *name, const char *value) {
  char *variable = name ? text_format ("%s=%s", name, value) : NULL;
  char **env = name ? extend_environment (variable) : NULL;
  posix_spawn_file_actions_t actions;
  pid_t pid;

  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, out_fd, STDOUT_FILENO);
  pid = spawn (argv, &actions, env ? env : environ);
  posix_spawn_file_actions_destroy (&actions);
  free (env);
  free (variable);
  return pid;
}

pid_t
program_start_server (const char *const *argv, int fd) {
  posix_spawn_file_actions_t actions;
  pid_t pid;

  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, fd, STDIN_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, fd, STDOUT_FILENO);
  pid = spawn (argv, &actions, environ);
  posix_spawn_file_actions_destroy (&actions);
  return pid;
}

static pid_t
start_quiet (const char *const *argv, int out_fd) {
  posix_spawn_file_actions_t actions;
  pid_t pid;

  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2 (&actions, out_fd, STDOUT_FILENO);
  posix_spawn_file_actions_addopen (&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid = spawn (argv, &actions, environ);
  posix_spawn_file_actions_destroy (&actions);
  return pid;
}

/* The program's descriptors are made from copies that have numbers above them all, so that none is
   overwritten before it was used.  */
static int
copy_fds (posix_spawn_file_actions_t *actions, const int *fds, size_t n, int *copies) {
  for (size_t i = 0; i < n; i++) {
    copies[i] = fds[i] < 0 ? -1 : fcntl (fds[i], F_DUPFD_CLOEXEC, (int) n);
    if (fds[i] >= 0 && copies[i] < 0) return errno;
    if (copies[i] >= 0) posix_spawn_file_actions_adddup2 (actions, copies[i], (int) i);
  }
  return 0;
}

pid_t
program_start_group (const char *const *argv, char **env, const int *fds, size_t n) {
  int *copies = text_alloc (n * sizeof *copies), error;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  pid_t pid;

  for (size_t i = 0; i < n; i++)
    copies[i] = -1;
  posix_spawn_file_actions_init (&actions);
  init_attributes (&attributes, POSIX_SPAWN_SETPGROUP);
  error = copy_fds (&actions, fds, n, copies);
  if (!error)
    error =
        posix_spawnp (&pid, argv[0], &actions, &attributes, (char *const *) (uintptr_t) argv, env);
  posix_spawnattr_destroy (&attributes);
  posix_spawn_file_actions_destroy (&actions);
  for (size_t i = 0; i < n; i++)
    if (copies[i] >= 0) close (copies[i]);
  free (copies);
  if (!error) return pid;
  errno = error;
  return -1;
}

void
program_default_signals (void) {
  sigset_t none;

  for (int sig = 1; sig < NSIG; sig++)
    signal (sig, SIG_DFL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

static _Noreturn void
be_bound (const char *const *argv, pid_t parent, int report_fd) {
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);

  program_default_signals ();
  setpgid (0, 0);
  prctl (PR_SET_PDEATHSIG, SIGKILL); /* ssh may not notice a SIGTERM for minutes */
  if (getppid () == parent && null >= 0 && dup2 (null, STDIN_FILENO) >= 0
      && dup2 (null, STDOUT_FILENO) >= 0)
    execvp (argv[0], (char *const *) (uintptr_t) argv);
  if (write (report_fd, &errno, sizeof errno) < 0) {}
  _exit (127);
}

pid_t
program_start_bound (const char *const *argv) {
  pid_t parent = getpid (), pid;
  int fd[2], error = 0;
  ssize_t n;

  if (pipe2 (fd, O_CLOEXEC)) return -1;
  pid = fork ();
  if (!pid) be_bound (argv, parent, fd[1]);
  close (fd[1]);
  if (pid < 0) error = errno;
  do
    n = pid < 0 ? 0 : read (fd[0], &error, sizeof error);
  while (n < 0 && errno == EINTR);
  close (fd[0]);
  if (!error) return pid;
  if (pid > 0) program_wait (pid);
  errno = error;
  return -1;
}

int
program_wait (pid_t pid) {
  int status;

  while (waitpid (pid, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return status;
}

/* Returns all that comes from FD, as a string.  */
static char *
read_all (int fd) {
  size_t size = 4096, len = 0;
  char *text = text_alloc (size);

  for (;;) {
    ssize_t n = read (fd, text + len, size - len - 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    len += (size_t) n;
    if (size - len > 1) continue;
    text = realloc (text, size *= 2);
    if (!text) abort ();
  }
  text[len] = 0;
  return text;
}

int
program_read (const char *const *argv, char **ret_output) {
  char *output;
  int fd[2], status;
  pid_t pid;

  if (pipe2 (fd, O_CLOEXEC)) return -1;
  pid = start_quiet (argv, fd[1]);
  close (fd[1]);
  output = pid < 0 ? NULL : read_all (fd[0]);
  close (fd[0]);
  if (pid < 0) return -1;
  status = program_wait (pid);
  if (status < 0 || !WIFEXITED (status) || WEXITSTATUS (status)) {
    free (output);
    return -1;
  }
  *ret_output = output;
  return 0;
}

/* An array for the words of COMMAND and, behind them, at RET_TEXT, their octets.  */
static const char **
new_words (const char *command, char **ret_text) {
  size_t size = strlen (command) + 1;
  const char **argv = text_alloc ((size / 2 + 2) * sizeof *argv + size);

  *ret_text = (char *) (argv + size / 2 + 2);
  return argv;
}

const char **
program_split (const char *command) {
  char *text;
  const char **argv = new_words (command, &text);
  size_t n = 0;

  memcpy (text, command, strlen (command) + 1);
  while (*(text += strspn (text, BLANKS))) {
    argv[n++] = text;
    text += strcspn (text, BLANKS);
    if (*text) *text++ = 0;
  }
  return argv;
}

/* Copies a word to *AT.  Returns what follows, or NULL.  */
static const char *
parse_word (const char *text, char **at) {
  char quote = 0;

  for (; *text && (quote || !strchr (BLANKS, *text)); text++) {
    bool is_quote = quote ? *text == quote : *text == '\'' || *text == '"';
    if (is_quote) {
      quote = quote ? 0 : *text;
      continue;
    }
    if (*text == '\\' && (!quote || (quote == '"' && text[1] && strchr ("\"\\", text[1])))) text++;
    if (!*text) return NULL;
    *(*at)++ = *text;
  }
  *(*at)++ = 0;
  return quote ? NULL : text;
}

const char **
program_parse (const char *command) {
  char *at;
  const char **argv = new_words (command, &at);
  size_t n = 0;

  while (*(command += strspn (command, BLANKS))) {
    argv[n++] = at;
    command = parse_word (command, &at);
    if (command) continue;
    free (argv);
    errno = EINVAL;
    return NULL;
  }
  return argv;
}
