/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-pipes.c - clients on two pipes, whose ends come and go one by one.  */

#include "suite.h"

/* More than a pipe holds, so that the server has to wait for room.  */
#define MUCH_LEN 300000
#define MUCH     "300000"

static struct peer *
pipe_peer (void) {
  int in[2], out[2];
  struct peer *p;

  fds_pipe (in, O_NONBLOCK);
  fds_pipe (out, O_NONBLOCK);
  assert_int_equal (eva_server_adopt_pipe (kit.server, in[0], out[1], NULL), 0);
  p = peer_on (out[0], in[1]);
  peer_expect_greeting (p);
  return p;
}

static void
test_dialogue (void **state) {
  struct peer *p = pipe_peer ();

  (void) state;
  peer_ask (p, "ECHO Hello\n", "D Hello\nOK\n");
  peer_say (p, "DATA " MUCH "\n");
  peer_expect_data (p, MUCH_LEN);
  peer_ask (p, "BYE\n", "OK closing connection\n");
  peer_expect_end (p);
}

static void
stop_reading (struct peer *p) {
  close (p->in_fd);
  p->in_fd = -1;
}

/* A client that reads no more, but may still say something, costs nothing until it does.  */
static void
test_reader_gone_at_rest (void **state) {
  struct peer *p = pipe_peer ();

  (void) state;
  peer_say (p, "DATA " MUCH "\n");
  peer_expect_data (p, MUCH_LEN);
  stop_reading (p);
  kit_settle ();
  assert_in_range (kit_idle (300), 0, 100);
  peer_say (p, "NOP\n");
  kit_until (!kit_stats ().n_connections);
}

/* The same, but the command is told, at the latest when it is finished.  */
static void
test_reader_gone_in_command (void **state) {
  struct peer *p = pipe_peer ();

  (void) state;
  peer_say (p, "DATA " MUCH "\n");
  peer_expect_data (p, MUCH_LEN);
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  stop_reading (p);
  assert_in_range (kit_idle (300), 0, 100);
  if (!service.jobs->n_cancelled) service_finish (0);
  kit_until (!kit_stats ().n_connections);
}

/* A client that said more than is read ahead of a command, and left: nothing is watched then, but
   the command is told.  */
static void
test_gone_with_much_ahead (void **state) {
  struct peer *p = pipe_peer ();
  size_t n = 0;

  (void) state;
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  while (n < MUCH_LEN / 10) {
    n += peer_push (p, "NOP\n", 4);
    kit_turn ();
  }
  assert_in_range (kit_idle (300), 0, 100);
  peer_close (p);
  kit_until (service.jobs->n_cancelled);
  kit_until (!kit_stats ().n_connections);
}

/* A client that says more ahead of a command than is read, and than the kernel keeps: it waits, the
   loop does, too, and when the command is finished all of it is answered.  */
static void
check_much_ahead (struct peer *p) {
  static char nops[400000];
  size_t n = 0, n_idle = 0;

  for (size_t i = 0; i < sizeof nops; i += 4)
    memcpy (nops + i, "NOP\n", 4);
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  while (n_idle++ < 10) {
    size_t k = peer_push (p, nops + n, sizeof nops - n);
    n += k;
    if (k) n_idle = 0;
    kit_turn ();
  }
  assert_true (n < sizeof nops);
  assert_in_range (kit_idle (300), 0, 100);
  service_finish (0);
  peer_expect (p, "OK\n");
  for (size_t n_answered = 0; n_answered < sizeof nops / 4; n_answered++) {
    n += peer_push (p, nops + n, sizeof nops - n);
    peer_expect (p, "OK\n");
  }
  assert_int_equal (n, sizeof nops);
  peer_expect_nothing (p);
  peer_close (p);
}

static void
test_much_ahead (void **state) {
  (void) state;
  check_much_ahead (pipe_peer ());
}

static void
test_much_ahead_on_socket (void **state) {
  (void) state;
  check_much_ahead (peer_new ());
}

static const struct CMUnitTest tests[] = {
  kit_test (test_dialogue),
  kit_test (test_reader_gone_at_rest),
  kit_test (test_reader_gone_in_command),
  kit_test (test_gone_with_much_ahead),
  kit_test (test_much_ahead),
  kit_test (test_much_ahead_on_socket),
};

SUITE (pipes);
