/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-lost.c - servers whose sockets lose their files, and are told so once.  */

#include "suite.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

static unsigned int n_lost, n_drained;
static char lost_address[200];
static bool was_replaced;
static void (*then) (void); /* within the callback */

static void
on_lost (eva_server *server, void *arg, const char *address, bool is_replaced) {
  assert_ptr_equal (server, kit.server);
  assert_ptr_equal (arg, &n_lost);
  n_lost++;
  snprintf (lost_address, sizeof lost_address, "%s", address);
  was_replaced = is_replaced;
  if (then) then ();
}

static const char *
address_of (const char *name) {
  static char text[2][200];
  static unsigned int n;
  char *at = text[n++ % 2];

  snprintf (at, sizeof text[0], "unix:%s", tmpdir_path (name));
  return at;
}

static void
listen_at (const char *name) {
  assert_int_equal (eva_server_listen (kit.server, address_of (name), 0), 0);
}

static void
set_lost (void) {
  eva_server_set_lost (kit.server, on_lost, &n_lost);
}

/* Begins at NAME.  */
static void
begin (const char *name) {
  n_lost = n_drained = 0;
  then = NULL;
  set_lost ();
  listen_at (name);
  kit_settle ();
}

/* The listener at NAME was lost, and no other.  */
static void
expect_lost (const char *name, bool is_replaced) {
  kit_until (n_lost);
  kit_idle (50);
  assert_int_equal (n_lost, 1);
  assert_string_equal (lost_address, address_of (name));
  assert_int_equal (was_replaced, is_replaced);
}

static void
check_clients (size_t index) {
  struct peer *p = peer_connect (index);

  peer_expect_greeting (p);
  peer_ask (p, "ECHO a\n", "D a\nOK\n");
}

/* --- Losses ----------------------------------------------------------------------------------- */

static void
test_unlinked (void **state) {
  struct peer *p;

  (void) state;
  begin ("s");
  p = peer_connect (0);
  peer_expect_greeting (p);
  assert_int_equal (unlink (tmpdir_path ("s")), 0);
  expect_lost ("s", false);
  assert_null (eva_server_get_address (kit.server, 0));
  peer_ask (p, "NOP\n", "OK\n");
}

static void
listen_again (void) {
  char address[200];

  strcpy (address, lost_address);
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
}

static void
test_again (void **state) {
  (void) state;
  begin ("s");
  then = listen_again;
  for (unsigned int i = 1; i <= 3; i++) {
    assert_int_equal (unlink (tmpdir_path ("s")), 0);
    kit_until (n_lost == i);
    check_clients (0);
  }
  kit_idle (50);
  assert_int_equal (n_lost, 3);
}

/* The clients that wait at the socket are served all the same.  */
static void
test_waiting_clients (void **state) {
  struct peer *p;

  (void) state;
  begin ("s");
  p = peer_connect (0);
  assert_int_equal (unlink (tmpdir_path ("s")), 0);
  expect_lost ("s", false);
  peer_expect_greeting (p);
  peer_ask (p, "NOP\n", "OK\n");
}

static void
test_moved (void **state) {
  (void) state;
  begin ("s");
  assert_int_equal (rename (tmpdir_path ("s"), tmpdir_path ("t")), 0);
  expect_lost ("s", false);
  unlink (tmpdir_path ("t"));
}

static void
test_replaced_by_file (void **state) {
  int fd;

  (void) state;
  begin ("s");
  fd = open (tmpdir_path ("t"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  close (fd);
  assert_int_equal (rename (tmpdir_path ("t"), tmpdir_path ("s")), 0);
  expect_lost ("s", true);
  kit_free_server ();
  assert_int_equal (access (tmpdir_path ("s"), F_OK), 0);
}

static void
free_drained (eva_server *server, void *arg) {
  (void) arg;
  n_drained++;
  eva_server_free (server);
}

static void
drain_lost (void) {
  assert_int_equal (eva_server_drain (kit.server, 1000, free_drained, NULL), 0);
}

/* A successor takes over: the old one hears of it, and ends.  */
static void
test_successor (void **state) {
  eva_server *next;

  (void) state;
  begin ("s");
  then = drain_lost;
  assert_int_equal (eva_server_new (kit.loop.loop, &service_offer, &kit, &next), 0);
  assert_int_equal (eva_server_listen (next, address_of ("s"), EVA_LISTEN_TAKE_OVER), 0);
  expect_lost ("s", true);
  kit_until (n_drained);
  kit.server = next;
  check_clients (0);
}

static void
test_directory_moved (void **state) {
  (void) state;
  assert_int_equal (mkdir (tmpdir_path ("d"), 0700), 0);
  begin ("d/s");
  assert_int_equal (rename (tmpdir_path ("d"), tmpdir_path ("e")), 0);
  expect_lost ("d/s", false);
  unlink (tmpdir_path ("e/s"));
  rmdir (tmpdir_path ("e"));
}

static void
test_directory_removed (void **state) {
  (void) state;
  assert_int_equal (mkdir (tmpdir_path ("d"), 0700), 0);
  begin ("d/s");
  assert_int_equal (unlink (tmpdir_path ("d/s")), 0);
  assert_int_equal (rmdir (tmpdir_path ("d")), 0);
  expect_lost ("d/s", false);
}

static void
test_several (void **state) {
  (void) state;
  begin ("a");
  listen_at ("b");
  listen_at ("c");
  unlink (tmpdir_path ("a"));
  unlink (tmpdir_path ("c"));
  kit_until (n_lost == 2);
  kit_idle (50);
  assert_int_equal (n_lost, 2);
  assert_string_equal (eva_server_get_address (kit.server, 0), address_of ("b"));
  assert_null (eva_server_get_address (kit.server, 1));
  check_clients (0);
}

/* Before the program asked, or before the loop ran.  */
static void
test_lost_before (void **state) {
  (void) state;
  n_lost = 0;
  then = NULL;
  listen_at ("s");
  unlink (tmpdir_path ("s"));
  set_lost ();
  assert_int_equal (n_lost, 0);
  expect_lost ("s", false);
}

static void
free_lost (void) {
  kit_free_server ();
}

static void
test_freed_within (void **state) {
  (void) state;
  begin ("a");
  listen_at ("b");
  then = free_lost;
  unlink (tmpdir_path ("a"));
  unlink (tmpdir_path ("b"));
  kit_until (n_lost);
  kit_idle (20);
  assert_int_equal (n_lost, 1);
}

static void
take_back (void) {
  eva_server_set_lost (kit.server, NULL, NULL);
}

static void
test_taken_back (void **state) {
  (void) state;
  begin ("a");
  listen_at ("b");
  then = take_back;
  unlink (tmpdir_path ("a"));
  unlink (tmpdir_path ("b"));
  kit_until (n_lost);
  kit_idle (20);
  assert_int_equal (n_lost, 1);
  eva_server_set_lost (NULL, NULL, NULL);
}

/* --- No losses -------------------------------------------------------------------------------- */

static void
make_and_remove (const char *name) {
  close (open (tmpdir_path (name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  unlink (tmpdir_path (name));
}

static void
test_other_files (void **state) {
  (void) state;
  begin ("s");
  for (int i = 0; i < 300; i++)
    make_and_remove ("t");
  kit_idle (50);
  assert_int_equal (n_lost, 0);
  check_clients (0);
}

static void
test_own_end (void **state) {
  (void) state;
  begin ("s");
  eva_server_stop_listening (kit.server);
  kit_idle (50);
  listen_at ("s");
  drain_lost ();
  kit_until (n_drained);
  kit.server = NULL;
  kit_idle (50);
  assert_int_equal (n_lost, 0);
}

/* There is nothing to watch.  */
static void
test_no_file (void **state) {
  char address[100];

  (void) state;
  n_lost = 0;
  set_lost ();
  snprintf (address, sizeof address, "unix:@eva-test-%d-lost", (int) getpid ());
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  kit_idle (20);
  check_clients (0);
  assert_int_equal (n_lost, 0);
}

/* --- Processes -------------------------------------------------------------------------------- */

static int
lose_in_child (void) {
  if (!test_loop_forked (&kit.loop)) return 0;
  kit_settle ();
  unlink (tmpdir_path ("s"));
  kit_until (n_lost == 1);
  eva_server_free (kit.server);
  return 0;
}

/* What a child hears of the parent hears, too.  */
static void
test_in_both (void **state) {
  (void) state;
  begin ("s");
  assert_int_equal (test_loop_in_child (lose_in_child), 0);
  unlink (tmpdir_path ("s")); /* where a child cannot go on with the loop */
  expect_lost ("s", false);
}

static int
free_in_child (void) {
  eva_server_free (kit.server);
  eva_loop_free (kit.loop.loop);
  return 0;
}

static void
test_helper (void **state) {
  (void) state;
  begin ("s");
  assert_int_equal (test_loop_in_child (free_in_child), 0);
  kit_idle (20);
  assert_int_equal (n_lost, 0);
  unlink (tmpdir_path ("s"));
  expect_lost ("s", false);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_unlinked),         kit_test (test_again),
  kit_test (test_waiting_clients),  kit_test (test_moved),
  kit_test (test_replaced_by_file), kit_test (test_successor),
  kit_test (test_directory_moved),  kit_test (test_directory_removed),
  kit_test (test_several),          kit_test (test_lost_before),
  kit_test (test_freed_within),     kit_test (test_taken_back),
  kit_test (test_other_files),      kit_test (test_own_end),
  kit_test (test_no_file),          kit_test (test_in_both),
  kit_test (test_helper),
};

SUITE (lost);
