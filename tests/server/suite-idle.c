/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-idle.c - servers that end when no client was there for a while.  */

#include "suite.h"

#include <errno.h>
#include <sys/socket.h>

static unsigned int n_done;

static void
on_done (eva_server *server, void *arg) {
  assert_ptr_equal (server, kit.server);
  assert_ptr_equal (arg, &n_done);
  assert_int_equal (kit_stats ().n_connections, 0);
  n_done++;
}

static void
set_idle (unsigned int ms) {
  n_done = 0;
  eva_server_set_idle (kit.server, ms, on_done, &n_done);
}

static void
listen_here (void) {
  char address[200];

  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
}

static bool
has_file (void) {
  return !access (tmpdir_path ("s"), F_OK);
}

static void
test_none_came (void **state) {
  uint64_t start_ns = eva_now ();

  (void) state;
  listen_here ();
  set_idle (30);
  kit_until (n_done);
  assert_true (eva_now () - start_ns >= 30 * UINT64_C (1000000));
  assert_false (has_file ());
  kit_idle (50);
  assert_int_equal (n_done, 1);
}

static void
test_at_once (void **state) {
  (void) state;
  listen_here ();
  set_idle (0);
  assert_int_equal (n_done, 0);
  kit_until (n_done);
}

/* The time begins when the last one leaves.  */
static void
test_last_one_leaves (void **state) {
  struct peer *p, *q;
  uint64_t left_ns;

  (void) state;
  listen_here ();
  p = peer_connect (0);
  peer_expect_greeting (p);
  q = peer_connect (0);
  peer_expect_greeting (q);
  set_idle (30);
  kit_idle (80);
  peer_close (p);
  kit_idle (80);
  assert_int_equal (n_done, 0);
  peer_ask (q, "NOP\n", "OK\n");
  left_ns = eva_now ();
  peer_close (q);
  kit_until (n_done);
  assert_true (eva_now () - left_ns >= 30 * UINT64_C (1000000));
}

static void
test_one_comes_meanwhile (void **state) {
  struct peer *p;

  (void) state;
  listen_here ();
  set_idle (60);
  kit_idle (20);
  p = peer_connect (0);
  peer_expect_greeting (p);
  kit_idle (100);
  assert_int_equal (n_done, 0);
  peer_ask (p, "NOP\n", "OK\n");
  assert_true (has_file ());
  peer_close (p);
  kit_until (n_done);
}

/* One that has come when the time is over, but was not seen yet, is served like all others.  */
static void
test_one_waits (void **state) {
  struct peer *p;

  (void) state;
  listen_here ();
  kit_settle ();
  set_idle (1);
  usleep (5000);
  p = peer_connect (0);
  peer_expect_greeting (p);
  for (int i = 0; i < 3; i++)
    peer_ask (p, "NOP\n", "OK\n");
  kit_idle (30);
  assert_int_equal (n_done, 0);
  peer_close (p);
  kit_until (n_done);
}

static void
test_open_command (void **state) {
  struct peer *p;

  (void) state;
  p = peer_new ();
  set_idle (5);
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  kit_idle (40);
  assert_int_equal (n_done, 0);
  service_finish (0);
  peer_expect (p, "OK\n");
  peer_close (p);
  kit_until (n_done);
}

static void
test_never (void **state) {
  (void) state;
  listen_here ();
  set_idle (10);
  set_idle (EVA_NO_LIMIT);
  kit_idle (50);
  assert_int_equal (n_done, 0);
  assert_true (has_file ());
  eva_server_set_idle (NULL, 0, NULL, NULL);
}

static void
on_drained (eva_server *server, void *arg) {
  (void) server;
  ++*(unsigned int *) arg;
}

/* A drain of the program's own comes first.  */
static void
test_with_drain (void **state) {
  unsigned int n_drained = 0;

  (void) state;
  listen_here ();
  set_idle (20);
  assert_int_equal (eva_server_drain (kit.server, 1000, on_drained, &n_drained), 0);
  kit_until (n_drained);
  kit_idle (50);
  set_idle (0);
  kit_idle (20);
  assert_int_equal (n_done, 0);
  assert_int_equal (n_drained, 1);
}

static void
free_server (eva_server *server, void *arg) {
  assert_ptr_equal (server, kit.server);
  ++*(unsigned int *) arg;
  kit_free_server ();
}

static void
test_freed_within (void **state) {
  unsigned int n = 0;

  (void) state;
  listen_here ();
  eva_server_set_idle (kit.server, 1, free_server, &n);
  kit_until (n);
  kit_idle (20);
  assert_int_equal (n, 1);
}

static void
test_freed_before (void **state) {
  (void) state;
  set_idle (5);
  kit_free_server ();
  kit_idle (30);
  assert_int_equal (n_done, 0);
}

/* An old server that let a successor take over ends when its clients have left.  */
static void
test_after_stop_listening (void **state) {
  struct peer *p, *q;

  (void) state;
  listen_here ();
  p = peer_connect (0);
  peer_expect_greeting (p);
  q = peer_connect (0);
  eva_server_stop_listening (kit.server);
  set_idle (0);
  kit_idle (60);
  assert_int_equal (n_done, 0);
  peer_close (p);
  peer_expect_greeting (q);
  peer_ask (q, "NOP\n", "OK\n");
  peer_ask (q, "NOP\n", "OK\n");
  assert_int_equal (n_done, 0);
  peer_close (q);
  kit_until (n_done);
}

static bool is_own_done;

static void
own_done (eva_server *server, void *arg) {
  (void) server;
  (void) arg;
  is_own_done = true;
}

static gpg_error_t
take (void *userdata, int fd) {
  (void) userdata;
  close (fd);
  return 0;
}

/* A client that the program takes has come: the time counts from then.  A machine that is too slow
   for the wait in the middle gets more time.  */
static void
test_taken (void **state) {
  static const struct eva_service taking = { .take = take };
  bool is_taken = false;

  (void) state;
  for (unsigned int ms = 100; !is_taken; ms *= 2) {
    uint64_t taken_ns;
    eva_server *server;
    int fds[2];
    assert_int_equal (eva_server_new (kit.loop.loop, &taking, NULL, &server), 0);
    is_own_done = false;
    eva_server_set_idle (server, ms, own_done, NULL);
    kit_idle (ms / 2);
    fds_socketpair (fds, 0);
    taken_ns = eva_now ();
    is_taken = !eva_server_adopt (server, fds[1], 0, NULL);
    kit_until (is_own_done);
    if (is_taken) assert_true (eva_now () - taken_ns >= ms * UINT64_C (1000000));
    if (!is_taken) close (fds[1]);
    close (fds[0]);
    eva_server_free (server);
  }
}

static const struct CMUnitTest tests[] = {
  kit_test (test_none_came),
  kit_test (test_at_once),
  kit_test (test_last_one_leaves),
  kit_test (test_one_comes_meanwhile),
  kit_test (test_one_waits),
  kit_test (test_open_command),
  kit_test (test_never),
  kit_test (test_with_drain),
  kit_test (test_freed_within),
  kit_test (test_freed_before),
  kit_test (test_after_stop_listening),
  kit_test (test_taken),
};

SUITE (idle);
