/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients that are released when they show a line, out of every function that can; and contexts
   that
 * are nothing yet.  */

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "shown.h"

/* --- Clients ---------------------------------------------------------------------------------- */

static void
open_nothing (struct stage *s) {
  s->ctx = NULL;
}

/* A client that is not connected; one that is; one whose server left, with something unread.  */
static void
open_nowhere (struct stage *s) {
  stage_make (s);
  s->newcomer = -1;
}

static void
open_client (struct stage *s) {
  int fds[2];

  stage_make (s);
  fds_socketpair (fds, 0);
  s->peer = fds[1];
  peer_say (s->peer, "OK test\n");
  assert_err (assuan_socket_connect_fd (s->ctx, fds[0], ASSUAN_SOCKET_CONNECT_FDPASSING), 0);
}

static void
open_left_client (struct stage *s) {
  open_client (s);
  assert_err (assuan_write_line (s->ctx, "# unread"), 0);
  close (s->peer);
  s->peer = -1;
}

static void
open_child (struct stage *s) {
  static const struct start plain;

  stage_make (s);
  assert_err (try_child (s->ctx, MODE_PIPES, &plain), 0);
}

/* --- The calls -------------------------------------------------------------------------------- */

static void
call_new (struct stage *s) {
  gpg_error_t rc = assuan_new_ext (&s->ctx, SUITE_SOURCE, &shown_memory, shown_on_log, NULL);

  assert_err (rc, shown.is_released ? ERR (GPG_ERR_CANCELED) : 0);
  if (shown.is_released) assert_null (s->ctx);
}

static void
call_write_long_line (struct stage *s) {
  char line[1200];

  memset (line, 'x', sizeof line);
  line[sizeof line - 1] = 0;
  assuan_write_line (s->ctx, line);
}

static void
call_read_end (struct stage *s) {
  size_t len;
  char *line;

  if (s->peer != -1) shutdown (s->peer, SHUT_WR);
  assert_int_not_equal (assuan_read_line (s->ctx, &line, &len), 0);
}

static void
call_read_response (struct stage *s) {
  char *line = NULL;
  gpg_error_t rc;
  int len;

  peer_say (s->peer, "\nD a%25b\n");
  rc = assuan_client_read_response (s->ctx, &line, &len);
  assert_err (rc, shown.is_released ? ERR (GPG_ERR_EOF) : 0);
  if (rc)
    assert_null (line);
  else
    assert_string_equal (line, "D a%b");
}

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  (void) arg;
  (void) buf;
  (void) len;
  assert_false (shown.is_released);
  return 0;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  (void) arg;
  (void) text;
  assert_false (shown.is_released);
  return 0;
}

static gpg_error_t
on_inquire (void *arg, const char *text) {
  struct stage *s = arg;

  assert_false (shown.is_released);
  if (*text == 'N') return ERR (GPG_ERR_CANCELED);
  return assuan_send_data (s->ctx, "data", 4);
}

/* Of a reply and one that is given up; of one that is no reply; and of none.  */
static void
transact (struct stage *s, const char *command, const char *reply) {
  if (*reply) peer_say (s->peer, reply);
  assuan_transact (s->ctx, command, on_data, s, on_inquire, s, on_status, s);
}

static void
call_transact (struct stage *s) {
  transact (s, "A\nB", "S x\n# c\nD x\nINQUIRE KEY\nD y\nOK\n");
  if (!shown.is_released) transact (s, "C", "INQUIRE NO\nD y\nERR 99\n");
}

static void
call_transact_drain (struct stage *s) {
  peer_say (s->peer, "D x\nD y\nINQUIRE KEY\nOK\nOK\n");
  assuan_transact (s->ctx, "A", NULL, NULL, NULL, NULL, NULL, NULL);
  if (!shown.is_released) transact (s, "B", "");
}

static void
call_transact_garbage (struct stage *s) {
  transact (s, "A", "garbage\nOK\n");
}

static void
call_transact_alone (struct stage *s) {
  transact (s, "A", "");
}

static void
call_connect_fd (struct stage *s) {
  gpg_error_t rc;
  int fds[2];

  fds_socketpair (fds, 0);
  peer_say (fds[1], "# one\n\nOK two\n");
  rc = assuan_socket_connect_fd (s->ctx, fds[0], 0);
  assert_err (rc, shown.is_released ? ERR (GPG_ERR_CANCELED) : 0);
  close (fds[1]);
}

static void
call_connect_refused (struct stage *s) {
  char octets[100];
  gpg_error_t rc;
  int fds[2];

  fds_socketpair (fds, 0);
  peer_say (fds[1], "ERR 99\n");
  rc = assuan_socket_connect_fd (s->ctx, fds[0], 0);
  assert_err (rc, ERR (shown.is_released ? GPG_ERR_CANCELED : GPG_ERR_ASS_CONNECT_FAILED));
  peer_read_all (fds[1], octets, sizeof octets);
  close (fds[1]);
}

static void
call_connect_nobody (struct stage *s) {
  assert_int_not_equal (assuan_socket_connect (s->ctx, tmpdir_path ("none"), ASSUAN_INVALID_PID, 0),
                        0);
}

/* Greets each client, and may be gone again.  */
static void *
greet_one (void *arg) {
  struct stage *s = arg;
  int fd = accept4 (s->listener, NULL, NULL, SOCK_CLOEXEC);

  send (fd, "OK\n", 3, MSG_NOSIGNAL);
  return (void *) (intptr_t) fd;
}

static void
call_connect (struct stage *s) {
  pthread_t thread;
  gpg_error_t rc;
  void *fd;

  stage_listen (s);
  assert_int_equal (pthread_create (&thread, NULL, greet_one, s), 0);
  rc = assuan_socket_connect (s->ctx, s->address.sun_path, ASSUAN_INVALID_PID, 0);
  if (shown.is_released) assert_int_equal (rc, ERR (GPG_ERR_CANCELED));
  if (shown.is_released) close (stage_dial (s)); /* who was released before that never came */
  pthread_join (thread, &fd);
  close ((int) (intptr_t) fd);
}

static void
call_pipe_connect (struct stage *s) {
  static const struct start plain;
  gpg_error_t rc = try_child (s->ctx, MODE_PIPES, &plain);

  assert_err (rc, shown.is_released ? ERR (GPG_ERR_CANCELED) : 0);
}

static const struct scene scenes[] = {
  { "assuan_new_ext", open_nothing, call_new, BY_LOG },
  { "assuan_release, a client's", open_client, call_release, SHOWN },
  { "assuan_write_line, too long", open_client, call_write_long_line, SHOWN },
  { "assuan_send_data, a client's", open_client, call_send_data, SHOWN },
  { "assuan_read_line, the end", open_client, call_read_end, BY_LOG },
  { "assuan_read_line, an error", open_left_client, call_read_end, BY_LOG },
  { "assuan_client_read_response", open_client, call_read_response, SHOWN },
  { "assuan_transact", open_client, call_transact, SHOWN },
  { "assuan_transact, given up", open_client, call_transact_drain, SHOWN },
  { "assuan_transact, garbage", open_client, call_transact_garbage, SHOWN },
  { "assuan_transact, alone", open_left_client, call_transact_alone, SHOWN },
  { "assuan_socket_connect_fd", open_nowhere, call_connect_fd, SHOWN },
  { "assuan_socket_connect_fd, refused", open_nowhere, call_connect_refused, SHOWN },
  { "assuan_socket_connect_fd, again", open_client, call_connect_fd, SHOWN },
  { "assuan_socket_connect", open_nowhere, call_connect, SHOWN },
  { "assuan_socket_connect, again", open_client, call_connect, SHOWN },
  { "assuan_socket_connect, nobody", open_nowhere, call_connect_nobody, BY_LOG },
  { "assuan_pipe_connect", open_nowhere, call_pipe_connect, SHOWN },
  { "assuan_pipe_connect, again", open_child, call_pipe_connect, SHOWN },
};

int
main (void) {
  return shown_run (scenes, sizeof scenes / sizeof *scenes);
}
