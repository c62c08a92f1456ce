/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_inquire: when a server may ask, behind what it said and before what; and who may not.  */

#include <stdlib.h>
#include <unistd.h>

#include "suite.h"

static void
inquiry_behind_the_greeting (void **state) {
  struct server s;
  unsigned char *buf = NULL;
  size_t len = 0;

  (void) state;
  server_make (&s, SERVER_SOCKET);
  peer_say (s.out, "D me\nEND\nNOP\n");
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  assert_err (assuan_inquire (s.ctx, "WHO", &buf, &len, 100), 0);
  peer_expect (s.in, "INQUIRE WHO\n");
  assert_int_equal (len, 2);
  assert_memory_equal (buf, "me", 2);
  assuan_free (s.ctx, buf);
  server_shut (&s);
  assert_err (assuan_process (s.ctx), 0);
  peer_expect (s.in, "OK\n");
  server_free (&s);
}

static void
ask_behind (assuan_context_t ctx, gpg_error_t err) {
  unsigned char *buf = NULL;
  size_t len;

  (void) err;
  err = assuan_inquire (ctx, "MORE", &buf, &len, 100);
  note (assuan_get_pointer (ctx), "%s", err ? err_text (err) : (char *) buf);
  assuan_free (ctx, buf);
}

static void
prepare_behind (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_post_cmd_notify (ctx, ask_behind);
}

static void
inquiry_behind_a_command (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare_behind, &notes);
  server_ask (&s, "NOP\n", "OK\nINQUIRE MORE\n");
  peer_say (s.out, "D one\nEND\n");
  server_ask (&s, "NOP\n", "OK\nINQUIRE MORE\n");
  peer_say (s.out, "CAN\n");
  server_ask (&s, "NOP\n", "OK\nINQUIRE MORE\n");
  server_stop_noting (&s, &notes, "one\n277/33\n16383/33\n");
}

static unsigned int
note_heard (assuan_context_t ctx, void *arg, int direction, const char *line, size_t len) {
  (void) ctx;
  if (direction == ASSUAN_IO_FROM_PEER) note (arg, "%.*s", (int) len, line);
  return 0;
}

/* A request that crosses such an inquiry is run, and the answer behind it is none of a command.  */
static void
request_that_crosses_an_inquiry (void **state) {
  struct notes notes = { 0 };
  struct server s;
  unsigned char *buf = NULL;
  size_t len = 0;

  (void) state;
  server_make (&s, SERVER_SOCKET);
  assuan_set_io_monitor (s.ctx, note_heard, &notes);
  peer_say (s.out, "NOP\nD me\nEND\nNOP\n");
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  assert_err (assuan_inquire (s.ctx, "WHO", &buf, &len, 0), ERR (GPG_ERR_ASS_UNEXPECTED_CMD));
  assert_null (buf);
  peer_expect (s.in, "INQUIRE WHO\n");
  server_shut (&s);
  assert_err (assuan_process (s.ctx), 0);
  /* deviation: the request is lost, and the answer is run as commands */
  if (on_oracle ()) {
    peer_expect_err (s.in, ERR (GPG_ERR_NOT_IMPLEMENTED), NULL);
    peer_expect_err (s.in, ERR (GPG_ERR_NOT_IMPLEMENTED), NULL);
    peer_expect (s.in, "OK\n");
  } else {
    peer_expect (s.in, "OK\nOK\n");
  }
  assert_string_equal (notes.text, "NOP\nD me\nEND\nNOP\n");
  server_free (&s);
}

static gpg_error_t
cmd_data_then_ask (assuan_context_t ctx, char *line) {
  unsigned char *buf;
  size_t len;
  gpg_error_t err;

  (void) line;
  assuan_send_data (ctx, "before", 6);
  err = assuan_inquire (ctx, "KEY", &buf, &len, 0);
  if (err) return err;
  assuan_free (ctx, buf);
  return assuan_send_data (ctx, "after", 5);
}

static void
prepare_data (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "DATA", cmd_data_then_ask, NULL);
}

/* Data that was written before the question is there before it.  */
static void
order_of_data_and_inquiry (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare_data, NULL);
  /* deviation: status lines overtake data written before them */
  if (on_oracle ()) {
    server_ask (&s, "DATA\n", "INQUIRE KEY\n");
    server_ask (&s, "END\n", "D beforeafter\nOK\n");
  } else {
    server_ask (&s, "DATA\n", "D before\nINQUIRE KEY\n");
    server_ask (&s, "END\n", "D after\nOK\n");
  }
  server_stop (&s);
}

static gpg_error_t
ignore_data (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  (void) arg;
  (void) rc;
  (void) len;
  free (buf);
  return 0;
}

static gpg_error_t
cmd_nested (assuan_context_t ctx, char *line) {
  struct notes *notes = assuan_get_pointer (ctx);
  unsigned char *buf;
  size_t len;

  (void) line;
  note (notes, "%s", err_text (assuan_inquire_ext (ctx, "A", 0, ignore_data, NULL)));
  note (notes, "%s", err_text (assuan_inquire (ctx, "B", &buf, &len, 0)));
  return 0;
}

static void
prepare_nested (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "NESTED", cmd_nested, NULL);
}

static void
inquiries_do_not_nest (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare_nested, &notes);
  peer_say (s.out, "NESTED\n");
  peer_expect (s.in, "INQUIRE A\n");
  server_stop_noting (&s, &notes, "0\n264/33\n");
}

static void
clients_do_not_inquire (void **state) {
  assuan_context_t ctx;
  unsigned char *buf;
  size_t len;
  int fds[2];

  (void) state;
  fds_socketpair (fds, 0);
  peer_say (fds[0], "OK hello\n");
  ctx = new_client (fds[1], 0);
  assert_err (assuan_inquire (ctx, "KEY", &buf, &len, 0), ERR (GPG_ERR_ASS_NOT_A_SERVER));
  assuan_release (ctx);
  close (fds[0]);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (inquiry_behind_the_greeting),     suite_test (inquiry_behind_a_command),
    suite_test (request_that_crosses_an_inquiry), suite_test (order_of_data_and_inquiry),
    suite_test (inquiries_do_not_nest),           suite_test (clients_do_not_inquire),
  };

  return suite_run (tests);
}
