/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* terminal.c - what depends on a terminal.  */

#include "terminal.h"
#include "program.h"
#include "settings.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static pid_t pager;

bool
terminal_is (FILE *file) {
  static int known[2] = { -1, -1 };
  int *is_terminal = &known[file == stderr];

  if (*is_terminal < 0) *is_terminal = isatty (fileno (file));
  return *is_terminal;
}

static bool
has_colors (void) {
  const char *term = getenv ("TERM"), *no = getenv ("NO_COLOR");

  if (settings.color != COLOR_AUTO) return settings.color == COLOR_ALWAYS;
  return !settings.is_json && terminal_is (stdout) && term && strcmp (term, "dumb") && !(no && *no);
}

const char *
terminal_color (enum terminal_color color) {
  static const char *const sequences[] = { "\033[0m", "\033[1m", "\033[31m", "\033[36m",
                                           "\033[2m" };

  return has_colors () ? sequences[color] : "";
}

char *
terminal_read (const char *prompt) {
  char *line = NULL;
  size_t size = 0;
  ssize_t len;

  fputs (prompt, stdout);
  fflush (stdout);
  len = getline (&line, &size, stdin);
  if (len > 0 && line[len - 1] == '\n') line[len - 1] = 0;
  if (len >= 0) return line;
  free (line);
  return NULL;
}

/* --- The pager -------------------------------------------------------------------------------- */

static const char *
pager_command (void) {
  const char *command = getenv ("ASSUANCTL_PAGER");

  if (!command) command = getenv ("PAGER");
  return command ? command : "less -FRX";
}

static bool
spawn_pager (const char *command, int fd) {
  char sh[] = "sh", c[] = "-c", *argv[] = { sh, c, NULL, NULL };
  char *copy = strdup (command);
  posix_spawn_file_actions_t actions;
  int error;

  if (!copy) return false;
  argv[2] = copy;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, fd, STDIN_FILENO);
  error = posix_spawn (&pager, "/bin/sh", &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy (&actions);
  free (copy);
  return !error;
}

void
terminal_start_pager (void) {
  const char *command = pager_command ();
  int fd[2];

  if (settings.has_no_pager || settings.is_json || !terminal_is (stdout) || !*command
      || !strcmp (command, "cat"))
    return;
  terminal_color (TERMINAL_PLAIN);
  if (pipe2 (fd, O_CLOEXEC)) return;
  if (spawn_pager (command, fd[0])) dup2 (fd[1], STDOUT_FILENO);
  close (fd[0]);
  close (fd[1]);
}

/* A reader who leaves the pager early ends it well: SIGPIPE is not told of.  */
void
terminal_end (void) {
  if (!pager) return;
  signal (SIGINT, SIG_IGN);
  fclose (stdout);
  program_wait (pager);
  pager = 0;
}
