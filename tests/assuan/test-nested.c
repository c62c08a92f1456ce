/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs do in the middle of something else: register commands or inquire while a command is
 * about to start, give a context another connection, send a descriptor between data.  */

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"
#include "suite.h"

/* So many that any table has to grow.  */
#define N_COMMANDS 300

static char names[N_COMMANDS][8];

static gpg_error_t
cmd_show (assuan_context_t ctx, char *line) {
  return assuan_write_status (ctx, "ARG", line);
}

static gpg_error_t
register_many (assuan_context_t ctx, const char *name) {
  gpg_error_t err = 0;

  (void) name;
  for (int i = 0; !err && i < N_COMMANDS; i++) {
    snprintf (names[i], sizeof names[i], "C%d", i);
    err = assuan_register_command (ctx, names[i], cmd_show, NULL);
  }
  return err;
}

static gpg_error_t
inquire_first (assuan_context_t ctx, const char *name) {
  unsigned char *data = NULL;
  size_t len = 0;
  gpg_error_t err = assuan_inquire (ctx, "FIRST", &data, &len, 0);

  (void) name;
  free (data);
  return err;
}

static void
prepare_many (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "SHOW", cmd_show, NULL);
  assuan_register_pre_cmd_notify (ctx, register_many);
}

static void
prepare_inquiry (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "SHOW", cmd_show, NULL);
  assuan_register_pre_cmd_notify (ctx, inquire_first);
}

static void
pre_function_may_register_commands (void **state) {
  struct server s;

  (void) state;
  /* deviation: fixed tables: commands.  */
  if (on_oracle ()) skip ();
  server_start (&s, SERVER_SOCKET, prepare_many, NULL);
  server_ask (&s, "SHOW me\n", "S ARG me\nOK\n");
  server_ask (&s, "C299 too\n", "S ARG too\nOK\n");
  server_stop (&s);
}

static void
pre_function_may_inquire (void **state) {
  struct server s;

  (void) state;
  /* deviation: the answer to an inquiry overwrites the arguments.  */
  if (on_oracle ()) skip ();
  server_start (&s, SERVER_SOCKET, prepare_inquiry, NULL);
  server_ask (&s, "SHOW my argument\n", "INQUIRE FIRST\n");
  server_ask (&s, "D something else\nEND\n", "S ARG my argument\nOK\n");
  server_stop (&s);
}

/* --- Inquiries with a continuation in assuan_process ------------------------------------------ */

static gpg_error_t
continue_with (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  note (arg, "%s %zu", err_text (rc), len);
  free (buf);
  return rc;
}

static gpg_error_t
cmd_ext (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_inquire_ext (ctx, "DATA", 5, continue_with, assuan_get_pointer (ctx));
}

static void
prepare_ext (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "EXT", cmd_ext, NULL);
}

static void
bad_answers_end_the_command (void **state) {
  struct notes notes = { 0 };
  char line[1500];
  struct server s;

  (void) state;
  /* deviation: a continuation in assuan_process.  */
  if (on_oracle ()) skip ();
  memset (line, 'x', sizeof line);
  memcpy (line, "D ", 2);
  line[sizeof line - 1] = '\n';
  server_start (&s, SERVER_SOCKET, prepare_ext, &notes);
  server_ask (&s, "EXT\n", "INQUIRE DATA\n");
  server_ask (&s, "D abc\nEND\n", "OK\n");
  server_ask (&s, "EXT\n", "INQUIRE DATA\n");
  server_ask_err (&s, "D abcdef\nD g\nEND\n", GPG_ERR_ASS_TOO_MUCH_DATA, NULL);
  server_ask (&s, "EXT\n", "INQUIRE DATA\n");
  peer_send (s.out, line, sizeof line);
  server_ask_err (&s, "D g\nEND\n", GPG_ERR_ASS_LINE_TOO_LONG, NULL);
  server_ask (&s, "NOP\n", "OK\n");
  server_stop (&s);
  assert_ptr_not_equal (strstr (notes.text, "0 3\n"), NULL);
}

/* --- Connections ------------------------------------------------------------------------------ */

static void
context_may_serve_again (void **state) {
  assuan_context_t ctx = new_context ();

  (void) state;
  for (int i = 0; i < 2; i++) {
    char line[128];
    int fds[2];
    fds_socketpair (fds, 0);
    assert_err (assuan_init_socket_server (ctx, fds[1], ASSUAN_SOCKET_SERVER_ACCEPTED), 0);
    assert_err (assuan_accept (ctx), 0);
    peer_say (fds[0], "NOP\nBYE\n");
    assert_err (assuan_process (ctx), 0);
    peer_read_line (fds[0], line, sizeof line);
    assert_ptr_equal (strstr (line, "OK Pleased to meet you"), line);
    peer_expect (fds[0], "OK\nOK closing connection\n");
    close (fds[0]);
  }
  assuan_release (ctx);
}

static struct sockaddr_un address;
static int client_fd;

/* The client that calls while assuan_accept waits.  */
static void
connect_once (assuan_context_t ctx, unsigned int usec) {
  __assuan_usleep (ctx, usec);
  if (client_fd >= 0) return;
  client_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (connect (client_fd, (struct sockaddr *) &address, sizeof address), 0);
}

/* Where sleeping is another's business, waiting for a client is too.  */
static void
accept_waits_through_the_hooks (void **state) {
  struct assuan_system_hooks hooks = suite_hooks ();
  assuan_context_t ctx;
  int fd;

  (void) state;
  /* deviation: it blocks in accept, forever here.  */
  if (on_oracle ()) skip ();
  client_fd = -1;
  address.sun_family = AF_UNIX;
  snprintf (address.sun_path, sizeof address.sun_path, "%s", tmpdir_path ("s"));
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (bind (fd, (struct sockaddr *) &address, sizeof address), 0);
  assert_int_equal (listen (fd, 1), 0);
  ctx = new_context ();
  hooks.usleep = connect_once;
  assuan_ctx_set_system_hooks (ctx, &hooks);
  assert_err (assuan_init_socket_server (ctx, fd, 0), 0);
  assert_err (assuan_accept (ctx), 0);
  assert_true (client_fd >= 0);
  close (client_fd);
  assuan_release (ctx);
  close (fd);
}

/* --- Lines ------------------------------------------------------------------------------------ */

static gpg_error_t
cmd_send_fd (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_send_data (ctx, "abc", 3);

  (void) line;
  return err ? err : assuan_sendfd (ctx, STDIN_FILENO);
}

static unsigned int
watch (assuan_context_t ctx, void *arg, int direction, const char *line, size_t len) {
  (void) ctx;
  if (direction == ASSUAN_IO_TO_PEER) note (arg, "%.*s", (int) len, line);
  return 0;
}

static void
prepare_send_fd (assuan_context_t ctx, void *arg) {
  assuan_register_command (ctx, "FD", cmd_send_fd, NULL);
  assuan_set_io_monitor (ctx, watch, arg);
}

static void
data_before_a_descriptor_are_seen (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_FDPASSING, prepare_send_fd, &notes);
  /* deviation: other lines overtake data that was written before them.  */
  if (on_oracle ())
    server_ask (&s, "FD\n", "# descriptor 0 is in flight\nD abc\nOK\n");
  else
    server_ask (&s, "FD\n", "D abc\n# descriptor 0 is in flight\nOK\n");
  server_stop (&s);
  assert_ptr_not_equal (strstr (notes.text, "D abc"), NULL);
}

static void
long_line_in_an_unwanted_rest (void **state) {
  char reply[1600];
  struct client c;

  (void) state;
  /* deviation: the rest of a reply is drained.  */
  if (on_oracle ()) skip ();
  client_open (&c, 0);
  c.status_rc = ERR (GPG_ERR_CANCELED);
  memset (reply, 'x', sizeof reply);
  memcpy (reply, "S NO thanks\nD ", 14);
  memcpy (reply + 1500, "\nOK\n", 5);
  assert_err (client_try (&c, "FIRST", reply), ERR (GPG_ERR_CANCELED));
  assert_err (client_try (&c, "SECOND", "OK\n"), 0);
  peer_expect (c.peer, "FIRST\nSECOND\n");
  client_close (&c);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (pre_function_may_register_commands), suite_test (pre_function_may_inquire),
    suite_test (bad_answers_end_the_command),        suite_test (context_may_serve_again),
    suite_test (accept_waits_through_the_hooks),     suite_test (data_before_a_descriptor_are_seen),
    suite_test (long_line_in_an_unwanted_rest),
  };

  return suite_run (tests);
}
