/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Servers that are released when they show a line, or run a continuation, out of every function
 * that can.  */

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shown.h"

/* --- Servers ---------------------------------------------------------------------------------- */

static gpg_error_t
cmd_async (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return 0;
}

static gpg_error_t
cmd_say (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_write_status (ctx, "KEY", "text\nmore");
  if (!shown.is_released) assuan_send_data (ctx, "data", 4);
  if (!shown.is_released) return assuan_process_done (ctx, 0);
  return 0;
}

/* What it writes to must stay until it returns.  */
static gpg_error_t
cmd_print (assuan_context_t ctx, char *line) {
  FILE *fp = assuan_get_data_fp (ctx);

  (void) line;
  if (!fp) return ERR (GPG_ERR_ENOMEM);
  for (int i = 0; i < 3 && !shown.is_released; i++)
    fprintf (fp, "%1500d", i);
  if (shown.is_released) return 0;
  return assuan_process_done (ctx, 0);
}

static gpg_error_t
on_answer (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  struct stage *s = arg;

  (void) rc;
  (void) len;
  shown_free (buf);
  shown_strike (s->ctx, CONTINUATION);
  return 0;
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_inquire_ext (ctx, "KEY", 0, on_answer, assuan_get_pointer (ctx));
}

static void
furnish (struct stage *s) {
  assuan_set_pointer (s->ctx, s);
  assert_err (assuan_set_hello_line (s->ctx, "one\ntwo\nhello"), 0);
  assert_err (assuan_register_command (s->ctx, "ASYNC", cmd_async, NULL), 0);
  assert_err (assuan_register_command (s->ctx, "SAY", cmd_say, NULL), 0);
  assert_err (assuan_register_command (s->ctx, "PRINT", cmd_print, NULL), 0);
  assert_err (assuan_register_command (s->ctx, "ASK", cmd_ask, NULL), 0);
}

/* A server that has not greeted; one that has; one with a command under way, or an inquiry.  */
static void
open_handed_over (struct stage *s) {
  int fds[2];

  stage_make (s);
  furnish (s);
  fds_socketpair (fds, 0);
  s->peer = fds[0];
  assert_err (assuan_init_socket_server (
                  s->ctx, fds[1], ASSUAN_SOCKET_SERVER_ACCEPTED | ASSUAN_SOCKET_SERVER_FDPASSING),
              0);
}

static void
open_server (struct stage *s) {
  open_handed_over (s);
  assert_err (assuan_accept (s->ctx), 0);
}

static void
take_command (struct stage *s, const char *line) {
  peer_say (s->peer, line);
  assert_err (assuan_process_next (s->ctx, NULL), 0);
}

static void
open_busy (struct stage *s) {
  open_server (s);
  take_command (s, "ASYNC\n");
}

static void
open_asking (struct stage *s) {
  open_server (s);
  take_command (s, "ASK\n");
}

/* A server that listens, with a client that waits to be accepted; one that serves its first
   client.  */
static void
open_listening (struct stage *s) {
  stage_make (s);
  furnish (s);
  stage_listen (s);
  assert_err (assuan_init_socket_server (s->ctx, s->listener, 0), 0);
  s->newcomer = stage_dial (s);
}

static void
open_listening_again (struct stage *s) {
  open_listening (s);
  assert_err (assuan_accept (s->ctx), 0);
  s->peer = s->newcomer;
  s->newcomer = stage_dial (s);
}

static void
open_listening_asking (struct stage *s) {
  open_listening_again (s);
  take_command (s, "ASK\n");
}

/* --- The calls -------------------------------------------------------------------------------- */

static void
call_accept (struct stage *s) {
  gpg_error_t rc = assuan_accept (s->ctx);

  assert_int_equal (rc, shown.is_released ? (gpg_error_t) -1 : 0);
}

static void
call_init_socket (struct stage *s) {
  gpg_error_t rc = assuan_init_socket_server (s->ctx, s->listener, 0);

  assert_err (rc, shown.is_released ? ERR (GPG_ERR_CANCELED) : 0);
}

static void
call_init_pipe (struct stage *s) {
  int to_server[2], from_server[2];
  assuan_fd_t fds[2];
  gpg_error_t rc;

  fds_pipe (to_server, 0);
  fds_pipe (from_server, 0);
  fds[0] = to_server[0];
  fds[1] = from_server[1];
  rc = assuan_init_pipe_server (s->ctx, fds);
  assert_err (rc, shown.is_released ? ERR (GPG_ERR_CANCELED) : 0);
  if (rc) close (fds[0]);
  if (rc) close (fds[1]);
  close (to_server[1]);
  close (from_server[0]);
}

static void
call_active_fds (struct stage *s) {
  assuan_fd_t fds[2] = { -7, -7 };
  int n = assuan_get_active_fds (s->ctx, 0, fds, 2);

  assert_int_equal (n, !shown.is_released);
  if (shown.is_released) assert_int_equal (fds[0], -7);
}

static void
call_process (struct stage *s) {
  peer_say (s->peer, "SAY\n\nPRINT\nHELP\nBOGUS\nBYE\n");
  assert_err (assuan_process (s->ctx), 0);
}

static void
call_process_half (struct stage *s) {
  peer_say (s->peer, "SAY");
  shutdown (s->peer, SHUT_WR);
  assuan_process (s->ctx);
}

static void
call_process_next (struct stage *s) {
  int done = -1;

  peer_say (s->peer, "SAY\n\nPRINT\nHELP\nBOGUS\nNOP\n");
  assert_err (assuan_process_next (s->ctx, &done), 0);
  assert_int_equal (done, shown.is_released);
}

static void
call_process_answer (struct stage *s) {
  peer_say (s->peer, "D x\nEND\nNOP\n");
  assuan_process_next (s->ctx, NULL);
}

static void
call_process_done (struct stage *s) {
  assuan_process_done (s->ctx, assuan_set_error (s->ctx, ERR (GPG_ERR_FALSE), "one\ntwo"));
}

static void
call_write_status (struct stage *s) {
  assuan_write_status (s->ctx, "KEY", "one\ntwo");
}

static void
call_write_line (struct stage *s) {
  assuan_write_line (s->ctx, "one\ntwo");
}

/* Behind the release only the program knows when its fprintf is over: the stream is the program's
 * then.  */
static void
call_print (struct stage *s) {
  FILE *fp = assuan_get_data_fp (s->ctx);

  assert_non_null (fp);
  for (int i = 0; i < 3 && !shown.is_released; i++)
    fprintf (fp, "%1500d", i);
  if (!shown.is_released) return;
  errno = 0;
  assert_true (fprintf (fp, "%1500d", 7) < 0);
  assert_int_equal (errno, EPIPE);
  assert_int_equal (fclose (fp), 0);
}

static void
call_sendfd (struct stage *s) {
  assert_err (assuan_send_data (s->ctx, "data", 4), 0);
  assert_err (assuan_sendfd (s->ctx, 0), 0);
}

static void
call_inquire (struct stage *s) {
  unsigned char *buf = NULL;
  size_t len = 0;
  gpg_error_t rc;

  peer_say (s->peer, "# c\nD x\nD y\nEND\n");
  rc = assuan_inquire (s->ctx, "KEY one\ntwo", &buf, &len, 0);
  assert_err (rc, shown.is_released ? ERR (GPG_ERR_EOF) : 0);
  assert_true (!buf == shown.is_released);
  if (buf) assuan_free (s->ctx, buf);
}

static void
call_inquire_ext (struct stage *s) {
  gpg_error_t rc = assuan_inquire_ext (s->ctx, "KEY one\ntwo", 0, on_answer, s);

  assert_err (rc, shown.is_released ? ERR (GPG_ERR_CANCELED) : 0);
}

static void
call_read_line (struct stage *s) {
  for (int i = 0; i < 2 && !shown.is_released; i++) {
    gpg_error_t rc;
    char *line = NULL;
    size_t len;

    peer_say (s->peer, "line\n");
    rc = assuan_read_line (s->ctx, &line, &len);
    assert_err (rc, shown.is_released ? ERR (GPG_ERR_EOF) : 0);
    if (rc)
      assert_null (line);
    else
      assert_string_equal (line, "line");
  }
}

static const struct scene scenes[] = {
  { "assuan_release, with an inquiry", open_asking, call_release, CONTINUED | BY_LOG },
  { "assuan_accept, a connection", open_handed_over, call_accept, SHOWN },
  { "assuan_accept, a client", open_listening, call_accept, SHOWN },
  { "assuan_accept, the next one", open_listening_again, call_accept, SHOWN },
  { "assuan_accept, with an inquiry", open_listening_asking, call_accept, SHOWN | CONTINUED },
  { "assuan_init_socket_server", open_listening_asking, call_init_socket, CONTINUED },
  { "assuan_init_pipe_server", open_listening_asking, call_init_pipe, CONTINUED },
  { "assuan_get_active_fds", open_handed_over, call_active_fds, SHOWN },
  { "assuan_process", open_server, call_process, SHOWN },
  { "assuan_process, half a line", open_server, call_process_half, BY_LOG },
  { "assuan_process_next", open_server, call_process_next, SHOWN },
  { "assuan_process_next, opening", open_handed_over, call_process_next, SHOWN },
  { "assuan_process_next, with an inquiry", open_asking, call_process_answer, SHOWN | CONTINUED },
  { "assuan_process_done", open_busy, call_process_done, SHOWN },
  { "assuan_process_done, with an inquiry", open_asking, call_process_done, SHOWN | CONTINUED },
  { "assuan_write_status", open_server, call_write_status, SHOWN },
  { "assuan_write_status, in a command", open_busy, call_write_status, SHOWN },
  { "assuan_write_line", open_server, call_write_line, SHOWN },
  { "assuan_send_data, a server's", open_busy, call_send_data, SHOWN },
  { "assuan_get_data_fp", open_busy, call_print, SHOWN },
  { "assuan_sendfd", open_busy, call_sendfd, SHOWN },
  { "assuan_inquire", open_busy, call_inquire, SHOWN },
  { "assuan_inquire, out of a command", open_server, call_inquire, SHOWN },
  { "assuan_inquire_ext", open_busy, call_inquire_ext, SHOWN },
  { "assuan_read_line", open_server, call_read_line, SHOWN },
};

int
main (void) {
  return shown_run (scenes, sizeof scenes / sizeof *scenes);
}
