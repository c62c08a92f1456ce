/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-leaving.c - what clients that leave together cost an embedded loop.  A client that is gone
   stays ready until the server has seen it off, which other connections come before.  */

#include "suite.h"

#include <sys/epoll.h>

#define N_CLIENTS 100
#define N_COMING  16

int __real_epoll_wait (int epfd, struct epoll_event *events, int n, int timeout_ms);
int __wrap_epoll_wait (int epfd, struct epoll_event *events, int n, int timeout_ms);

static unsigned int n_hangups;

int
__wrap_epoll_wait (int epfd, struct epoll_event *events, int n, int timeout_ms) {
  int n_ready = __real_epoll_wait (epfd, events, n, timeout_ms);

  for (int i = 0; i < n_ready; i++)
    if (events[i].events & EPOLLHUP) n_hangups++;
  return n_ready;
}

/* The kernel reports each of them once, not in each turn that sees others off.  */
static void
test_crowd (void **state) {
  gpg_error_t err;

  (void) state;
  for (size_t i = 0; i < N_CLIENTS; i++)
    assert_non_null (peer_adopt (0, &err));
  kit_settle ();
  n_hangups = 0;
  peer_close_all ();
  kit_until (!kit_stats ().n_connections);
  assert_int_equal (n_hangups, N_CLIENTS);
}

/* A client that left more lines behind than a turn handles: all are handled, though the loop does not
   watch it meanwhile.  */
static void
test_rest (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  for (size_t i = 0; i < 1000; i++)
    peer_say (p, "# a line\n");
  peer_say (p, "RUN\n");
  peer_close (p);
  kit_until (!kit_stats ().n_connections);
  assert_int_equal (service.n_runs, 1);
}

/* Clients that come do not wait for those that leave: while no connection waits for anything, a turn
   lets several in, and sees several off.  */
static void
test_others_come (void **state) {
  unsigned int n_turns = 0;
  gpg_error_t err;
  char address[100];

  (void) state;
  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  for (size_t i = 0; i < N_CLIENTS; i++)
    assert_non_null (peer_adopt (0, &err));
  kit_settle ();
  peer_close_all ();
  for (size_t i = 0; i < N_COMING; i++)
    peer_connect (0);
  for (; kit_stats ().n_accepted < N_CLIENTS + N_COMING; n_turns++)
    kit_turn ();
  assert_in_range (n_turns, 1, N_COMING / 2);
  assert_in_range (kit_stats ().n_connections, N_COMING + 1, N_COMING + N_CLIENTS);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    kit_test (test_crowd),
    kit_test (test_rest),
    kit_test (test_others_come),
  };

  assuan_set_gpg_err_source (KIT_SOURCE);
  return _cmocka_run_group_tests (test_loop_name, tests, N_ELEMENTS (tests), NULL, NULL);
}
