/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server that the tests of assuan_pipe_connect start.  It tells what it found: arguments,
 * environment, descriptors.  The first argument may name another behaviour:
 *   mute      end at once
 *   garbage   say something that is no greeting
 *   refuse    greet with ERR
 * It runs on the same library as the test that starts it.  */

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <assuan.h>

static int child_argc;
static char **child_argv;

static gpg_error_t
send_text (assuan_context_t ctx, const char *text) {
  return assuan_send_data (ctx, text, strlen (text));
}

/* ARGS: the arguments, each in brackets.  */
static gpg_error_t
cmd_args (assuan_context_t ctx, char *line) {
  char text[500] = "";

  (void) line;
  for (int i = 0; i < child_argc; i++)
    snprintf (text + strlen (text), sizeof text - strlen (text), "[%s]", child_argv[i]);
  return send_text (ctx, text);
}

/* ENV NAME: the value of that variable, or "unset".  */
static gpg_error_t
cmd_env (assuan_context_t ctx, char *line) {
  const char *value = getenv (line);

  return send_text (ctx, value ? value : "unset");
}

/* PIDS: process id, the parent's, and what the library takes for the client's.  */
static gpg_error_t
cmd_pids (assuan_context_t ctx, char *line) {
  char text[100];

  (void) line;
  snprintf (text, sizeof text, "%d %d %d", (int) getpid (), (int) getppid (),
            (int) assuan_get_pid (ctx));
  return send_text (ctx, text);
}

static const char *
kind_of (int fd) {
  char path[40];
  static char target[200];
  ssize_t n;

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  n = readlink (path, target, sizeof target - 1);
  target[n > 0 ? n : 0] = 0;
  if (!strncmp (target, "pipe:", 5)) return "pipe";
  if (!strncmp (target, "socket:", 7)) return "socket";
  if (!strcmp (target, "/dev/null")) return "null";
  return "other";
}

static int fds_at_start[100];
static int n_fds_at_start;

/* The library may open descriptors of its own, so look before it does.  */
static void
note_fds (void) {
  DIR *dir = opendir ("/proc/self/fd");
  struct dirent *entry;

  while (dir && n_fds_at_start < 100 && (entry = readdir (dir))) {
    int fd = atoi (entry->d_name);

    if (*entry->d_name != '.' && fd != dirfd (dir)) fds_at_start[n_fds_at_start++] = fd;
  }
  if (dir) closedir (dir);
}

/* FDS: the descriptors that the program was started with, as NUMBER:KIND.  */
static gpg_error_t
cmd_fds (assuan_context_t ctx, char *line) {
  char text[2000] = "";

  (void) line;
  for (int i = 0; i < n_fds_at_start; i++)
    snprintf (text + strlen (text), sizeof text - strlen (text), "%s%d:%s", i ? " " : "",
              fds_at_start[i], kind_of (fds_at_start[i]));
  return send_text (ctx, text);
}

/* WRITE FD TEXT: to that descriptor.  */
static gpg_error_t
cmd_write (assuan_context_t ctx, char *line) {
  char *text;
  int fd = (int) strtol (line, &text, 10);

  (void) ctx;
  if (*text) text++;
  return write (fd, text, strlen (text)) == (ssize_t) strlen (text)
             ? 0
             : gpg_err_make (GPG_ERR_SOURCE_USER_3, GPG_ERR_EIO);
}

/* SIGNALS: those that are ignored or blocked.  */
static gpg_error_t
cmd_signals (assuan_context_t ctx, char *line) {
  char text[1000] = "none";
  size_t n = 0;
  sigset_t blocked;

  (void) line;
  sigprocmask (SIG_BLOCK, NULL, &blocked);
  for (int i = 1; i < 32; i++) {
    struct sigaction action;

    if (sigaction (i, NULL, &action)) continue;
    if (action.sa_handler == SIG_IGN)
      n += (size_t) snprintf (text + n, sizeof text - n, "%signored %d", n ? " " : "", i);
    if (sigismember (&blocked, i))
      n += (size_t) snprintf (text + n, sizeof text - n, "%sblocked %d", n ? " " : "", i);
  }
  return send_text (ctx, text);
}

/* ECHO: inquires TEXT and sends it back.  */
static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  unsigned char *text;
  size_t len;
  gpg_error_t rc = assuan_inquire (ctx, "TEXT", &text, &len, 0);

  (void) line;
  if (rc) return rc;
  rc = assuan_send_data (ctx, text, len);
  assuan_free (ctx, text);
  return rc;
}

/* TAKE TEXT: writes TEXT to the descriptor that the client sent.  */
static gpg_error_t
cmd_take (assuan_context_t ctx, char *line) {
  assuan_fd_t fd;
  gpg_error_t rc = assuan_receivefd (ctx, &fd);

  if (rc) return rc;
  if (write (fd, line, strlen (line)) < 0) rc = gpg_err_make (GPG_ERR_SOURCE_USER_3, GPG_ERR_EIO);
  close (fd);
  return rc;
}

/* GIVE TEXT: sends a descriptor to read TEXT from.  */
static gpg_error_t
cmd_give (assuan_context_t ctx, char *line) {
  gpg_error_t rc;
  int fds[2];

  if (pipe (fds) || write (fds[1], line, strlen (line)) < 0)
    return gpg_err_make (GPG_ERR_SOURCE_USER_3, GPG_ERR_EIO);
  rc = assuan_sendfd (ctx, fds[0]);
  close (fds[0]);
  close (fds[1]);
  return rc;
}

static const struct {
  const char *name;
  assuan_handler_t handler;
} commands[] = {
  { "ARGS", cmd_args }, { "ENV", cmd_env },     { "PIDS", cmd_pids },
  { "FDS", cmd_fds },   { "WRITE", cmd_write }, { "SIGNALS", cmd_signals },
  { "ECHO", cmd_echo }, { "TAKE", cmd_take },   { "GIVE", cmd_give },
};

static int
serve (void) {
  assuan_fd_t fds[2] = { 0, 1 };
  assuan_context_t ctx;
  gpg_error_t rc = assuan_new (&ctx);

  if (!rc) rc = assuan_init_pipe_server (ctx, fds);
  for (size_t i = 0; !rc && i < sizeof commands / sizeof *commands; i++)
    rc = assuan_register_command (ctx, commands[i].name, commands[i].handler, NULL);
  if (rc) return 1;
  while (!assuan_accept (ctx))
    assuan_process (ctx);
  assuan_release (ctx);
  return 0;
}

int
main (int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";

  child_argc = argc;
  child_argv = argv;
  note_fds ();
  if (!strcmp (mode, "mute")) return 0;
  if (!strcmp (mode, "garbage")) return puts ("Hello!") < 0;
  if (!strcmp (mode, "refuse")) return puts ("ERR 99 not today") < 0;
  return serve ();
}
