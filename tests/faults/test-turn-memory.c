/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-turn-memory.c - what a turn of assuan_process_next leaves for the next one moves from the
   stack to the heap.  If the C library has no memory for that, the program is told, and the
   connection ends.  */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kit.h"

/* The allocation of this number fails, from 1 on; 0: none.  */
static int fail_at;

void *__real_malloc (size_t len);
void *__wrap_malloc (size_t len);

void *
__wrap_malloc (size_t len) {
  return fail_at && !--fail_at ? NULL : __real_malloc (len);
}

/* Leaves a data line open, and its command.  */
static gpg_error_t
cmd_begin (assuan_context_t ctx, char *line) {
  return assuan_send_data (ctx, line, strlen (line));
}

struct connection {
  assuan_context_t ctx;
  int fd;
};

static void
connection_open (struct connection *c) {
  int fds[2];
  char line[100];

  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  assert_int_equal (assuan_new (&c->ctx), 0);
  assert_int_equal (assuan_init_socket_server (c->ctx, fds[0], ASSUAN_SOCKET_SERVER_ACCEPTED), 0);
  assert_int_equal (assuan_register_command (c->ctx, "BEGIN", cmd_begin, NULL), 0);
  assert_int_equal (assuan_accept (c->ctx), 0);
  c->fd = fds[1];
  assert_true (kit_read_line (c->fd, line, sizeof line));
}

/* Says TEXT, and takes a turn in which the allocation number AT fails.  */
static gpg_error_t
turn (struct connection *c, const char *text, int at, int *ret_done) {
  gpg_error_t err;

  kit_say (c->fd, text);
  fail_at = at;
  err = assuan_process_next (c->ctx, ret_done);
  fail_at = 0;
  return err;
}

static void
expect_line (struct connection *c, const char *expected) {
  char line[100];

  assert_true (kit_read_line (c->fd, line, sizeof line));
  assert_string_equal (line, expected);
}

static void
what_is_left_goes_on (void **state) {
  struct connection c;
  int done;

  (void) state;
  connection_open (&c);
  assert_int_equal (turn (&c, "NO", 0, &done), 0);
  assert_int_equal (turn (&c, "P\nBEGIN abc\nBEG", 0, &done), 0);
  expect_line (&c, "OK");
  assert_int_equal (assuan_send_data (c.ctx, "def", 3), 0);
  assert_int_equal (assuan_process_done (c.ctx, 0), 0);
  expect_line (&c, "D abcdef");
  expect_line (&c, "OK");
  assert_int_equal (turn (&c, "IN\n", 0, &done), 0);
  assert_int_equal (assuan_process_done (c.ctx, 0), 0);
  expect_line (&c, "OK");
  assert_false (done);
  assuan_release (c.ctx);
  close (c.fd);
}

static void
check_end (const char *text, int at) {
  size_t n_fds = fds_count ();
  struct connection c;
  int done = 0;

  connection_open (&c);
  assert_int_equal (gpg_err_code (turn (&c, text, at, &done)), GPG_ERR_ENOMEM);
  assert_true (done);
  assuan_release (c.ctx);
  close (c.fd);
  assert_int_equal (fds_count (), n_fds);
}

static void
without_memory_it_ends (void **state) {
  (void) state;
  check_end ("NO", 1);
  check_end ("BEGIN abc\n", 1);
  check_end ("BEGIN abc\nNO", 1);
  check_end ("BEGIN abc\nNO", 2);
}

/* A reply that takes more buffers than are lent, and than are kept.  */
static gpg_error_t
cmd_much (assuan_context_t ctx, char *line) {
  static char data[200000];
  gpg_error_t err = assuan_send_data (ctx, data, sizeof data);

  (void) line;
  return assuan_process_done (ctx, err);
}

static void *
read_reply (void *arg) {
  struct connection *c = arg;
  struct text all = { 0 };
  size_t len;

  kit_init_peer ();
  kit_read_all (c->fd, &all);
  len = all.len;
  text_free (&all);
  return (void *) (uintptr_t) len;
}

static void
large_replies_take_more (void **state) {
  struct connection c;
  pthread_t thread;
  void *len;
  int done;

  (void) state;
  connection_open (&c);
  assert_int_equal (assuan_register_command (c.ctx, "MUCH", cmd_much, NULL), 0);
  kit_say (c.fd, "MUCH\n");
  shutdown (c.fd, SHUT_WR);
  assert_int_equal (pthread_create (&thread, NULL, read_reply, &c), 0);
  do
    assert_int_equal (assuan_process_next (c.ctx, &done), 0);
  while (!done);
  assuan_release (c.ctx);
  pthread_join (thread, &len);
  assert_true ((uintptr_t) len > 200000);
  close (c.fd);
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (what_is_left_goes_on),
                                      cmocka_unit_test (without_memory_it_ends),
                                      cmocka_unit_test (large_replies_take_more) };

  kit_init ();
  return cmocka_run_group_tests_name ("turn-memory", tests, NULL, NULL);
}
