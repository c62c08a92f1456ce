/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-threads.c - threads, each with contexts of its own: nothing that they share may be touched
   without care.  This is also run under ThreadSanitizer, which sees what goes well by chance.  */

#include "pair.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* --- Pairs ------------------------------------------------------------------------------------ */

/* Pairs of a server and a client, all at the same time.  */
static void
pairs_do_not_disturb_each_other (void **state) {
  struct job jobs[2 * N_PAIRS];

  (void) state;
  for (size_t i = 0; i < N_PAIRS; i++) {
    int fds[2];
    pair_sockets (fds);
    job_start (&jobs[2 * i], pair_serve, fds[0]);
    job_start (&jobs[2 * i + 1], pair_talk, fds[1]);
  }
  jobs_finish (jobs, 2 * N_PAIRS);
}

/* --- One socket ------------------------------------------------------------------------------- */

/* Connections of each client, one after the other.  */
#define N_CONNECTIONS 10

static struct sockaddr_un address;

static gpg_error_t
connect_and_talk (int number) {
  gpg_error_t err = 0;
  char name[20];

  snprintf (name, sizeof name, "client %d", number);
  for (int i = 0; i < N_CONNECTIONS && !err; i++) {
    assuan_context_t ctx;
    err = assuan_new (&ctx);
    if (!err) err = assuan_socket_connect (ctx, address.sun_path, ASSUAN_INVALID_PID, 0);
    if (!err) err = pair_ask (ctx, name, N_COMMANDS / N_CONNECTIONS);
    assuan_release (ctx);
  }
  return err;
}

/* Several threads wait for clients on the same socket: each of these is served by one of them.  */
static void
one_socket_for_several_threads (void **state) {
  char dir[] = "/tmp/evaXXXXXX";
  struct job servers[N_PAIRS], clients[N_PAIRS];
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  (void) state;
  assert_non_null (mkdtemp (dir));
  address.sun_family = AF_UNIX;
  snprintf (address.sun_path, sizeof address.sun_path, "%s/S", dir);
  assert_int_equal (bind (fd, (struct sockaddr *) &address, sizeof address), 0);
  assert_int_equal (listen (fd, N_PAIRS), 0);
  for (int i = 0; i < N_PAIRS; i++) {
    job_start (&servers[i], pair_serve_all, fd);
    job_start (&clients[i], connect_and_talk, i);
  }
  jobs_finish (clients, N_PAIRS);
  shutdown (fd, SHUT_RDWR);
  jobs_finish (servers, N_PAIRS);
  close (fd);
  unlink (address.sun_path);
  rmdir (dir);
}

/* --- Loops ------------------------------------------------------------------------------------ */

/* Connections of one loop.  */
#define N_IN_LOOP 3

static gpg_error_t
loop_echo (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_send_data (ctx, line, strlen (line));

  return assuan_process_done (ctx, err);
}

/* An event loop with one connection, whose client asks in the same thread, in turns with it:
   what was said is there when it is the other's turn.  */
static gpg_error_t
turns (assuan_context_t server, int fd, const char *name) {
  gpg_error_t err = 0;
  int done = 0;

  for (int i = 0; i < N_COMMANDS && !err; i++) {
    char text[60], expected[60], got[80];
    ssize_t n;
    snprintf (text, sizeof text, "ECHO %s %d\n", name, i);
    snprintf (expected, sizeof expected, "D %s %d\nOK\n", name, i);
    if (write (fd, text, strlen (text)) < 0) return gpg_error_from_syserror ();
    err = assuan_process_next (server, &done);
    n = recv (fd, got, sizeof got, MSG_DONTWAIT);
    if (n != (ssize_t) strlen (expected) || memcmp (got, expected, (size_t) n) || done)
      return gpg_error (GPG_ERR_BAD_DATA);
  }
  return err;
}

static gpg_error_t
open_in_loop (int fd, assuan_context_t *ret) {
  gpg_error_t err = assuan_new (ret);

  if (!err) err = assuan_init_socket_server (*ret, fd, ASSUAN_SOCKET_SERVER_ACCEPTED);
  if (!err) err = assuan_register_command (*ret, "ECHO", loop_echo, NULL);
  if (!err) err = assuan_process_next (*ret, NULL);
  return err;
}

static gpg_error_t
run_loop (int number) {
  assuan_context_t servers[N_IN_LOOP] = { NULL };
  int fds[N_IN_LOOP][2];
  gpg_error_t err = 0;
  char name[40], greeting[100];

  for (int i = 0; i < N_IN_LOOP && !err; i++) {
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds[i]))
      return gpg_error_from_syserror ();
    err = open_in_loop (fds[i][0], &servers[i]);
    if (recv (fds[i][1], greeting, sizeof greeting, MSG_DONTWAIT) <= 0)
      err = gpg_error (GPG_ERR_EOF);
  }
  for (int i = 0; i < N_IN_LOOP && !err; i++) {
    snprintf (name, sizeof name, "loop %d connection %d", number, i);
    err = turns (servers[i], fds[i][1], name);
  }
  for (int i = 0; i < N_IN_LOOP; i++) {
    assuan_release (servers[i]);
    close (fds[i][1]);
  }
  return err;
}

/* A loop in each thread.  */
static void
loops_do_not_disturb_each_other (void **state) {
  struct job jobs[N_PAIRS];

  (void) state;
  for (int i = 0; i < N_PAIRS; i++)
    job_start (&jobs[i], run_loop, i);
  jobs_finish (jobs, N_PAIRS);
}

/* --- The log ---------------------------------------------------------------------------------- */

static bool
is_log_line (const char *line) {
  int fd, len = 0;

  if (strncmp (line, "threads[", 8)) return false;
  line = strstr (line, "]: ");
  if (!line) return false;
  line += 3;
  if (!strncmp (line, "assuan_", 7)) return true;
  return sscanf (line, "chan_%d %n", &fd, &len) == 1 && len
         && (!strncmp (line + len, "-> ", 3) || !strncmp (line + len, "<- ", 3));
}

/* All threads log to the same stream: a line is never in the middle of another.  */
static void
lines_of_the_log_stay_whole (void **state) {
  FILE *log = tmpfile ();
  size_t n_lines = 0;
  char line[3000];

  assert_non_null (log);
  assuan_set_assuan_log_prefix ("threads");
  assuan_set_assuan_log_stream (log);
  pairs_do_not_disturb_each_other (state);
  assuan_set_assuan_log_stream (NULL);
  assuan_set_assuan_log_prefix (NULL);
  rewind (log);
  for (; fgets (line, sizeof line, log); n_lines++)
    if (!is_log_line (line)) fail_msg ("a line of the log is `%s'", line);
  assert_true (n_lines > N_PAIRS * N_COMMANDS * 10);
  fclose (log);
}

/* --- Signals ---------------------------------------------------------------------------------- */

/* Writes to pipes without a reader.  Signals are for the whole process, but masks are a
   thread's.  */
static gpg_error_t
break_pipes (int unused) {
  sigset_t before, after;
  gpg_error_t err = 0;

  (void) unused;
  pthread_sigmask (SIG_SETMASK, NULL, &before);
  for (int i = 0; i < 50 && !err; i++) {
    assuan_context_t ctx = NULL;
    int in[2], out[2], fds[2];
    if (pipe (in) || pipe (out)) return gpg_error_from_syserror ();
    close (in[1]);
    close (out[0]);
    fds[0] = in[0];
    fds[1] = out[1];
    err = assuan_new (&ctx);
    if (!err) err = assuan_init_pipe_server (ctx, fds);
    if (!err && gpg_err_code (assuan_accept (ctx)) != GPG_ERR_EPIPE)
      err = gpg_error (GPG_ERR_FALSE);
    assuan_release (ctx);
  }
  pthread_sigmask (SIG_SETMASK, NULL, &after);
  if (sigismember (&after, SIGPIPE) != sigismember (&before, SIGPIPE))
    return gpg_error (GPG_ERR_FALSE);
  return err;
}

/* No thread gets a SIGPIPE, though the disposition is the default, nor keeps it blocked.  */
static void
broken_pipes_raise_no_signal (void **state) {
  struct job jobs[N_PAIRS];

  (void) state;
  signal (SIGPIPE, SIG_DFL);
  for (int i = 0; i < N_PAIRS; i++)
    job_start (&jobs[i], break_pipes, i);
  jobs_finish (jobs, N_PAIRS);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (pairs_do_not_disturb_each_other),
    cmocka_unit_test (one_socket_for_several_threads),
    cmocka_unit_test (loops_do_not_disturb_each_other),
    cmocka_unit_test (lines_of_the_log_stay_whole),
    cmocka_unit_test (broken_pipes_raise_no_signal),
  };

  return cmocka_run_group_tests_name ("threads", tests, NULL, NULL);
}
