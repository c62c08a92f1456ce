/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-notify.c - what eva/notify.h tells a service manager, whose socket the test has.  */

#include "suite.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <eva/notify.h>

static int manager = -1;

/* Makes the service manager's socket at NAME, as in $NOTIFY_SOCKET.  */
static void
begin (const char *name) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  size_t len = strlen (name);

  manager = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  memcpy (addr.sun_path, name, len);
  if (*name == '@') *addr.sun_path = 0;
  assert_int_equal (bind (manager, (struct sockaddr *) &addr,
                          (socklen_t) (offsetof (struct sockaddr_un, sun_path) + len)),
                    0);
  setenv ("NOTIFY_SOCKET", name, 1);
}

static int
end (void **state) {
  unsetenv ("NOTIFY_SOCKET");
  unsetenv ("WATCHDOG_USEC");
  unsetenv ("WATCHDOG_PID");
  if (manager >= 0) close (manager);
  manager = -1;
  return kit_teardown (state);
}

/* Takes what was told next; "" if nothing was.  */
static const char *
heard (void) {
  static char text[2000];
  ssize_t n = recv (manager, text, sizeof text - 1, 0);

  text[n < 0 ? 0 : n] = 0;
  return text;
}

static const char *
abstract_name (void) {
  static char name[100];

  snprintf (name, sizeof name, "@eva-test-%d-notify", (int) getpid ());
  return name;
}

static void
test_path (void **state) {
  (void) state;
  begin (tmpdir_path ("notify"));
  assert_int_equal (eva_notify ("READY=1"), 1);
  assert_string_equal (heard (), "READY=1");
  assert_int_equal (eva_notify ("STOPPING=1\nSTATUS=going"), 1);
  assert_string_equal (heard (), "STOPPING=1\nSTATUS=going");
  assert_int_equal (eva_notify_status ("100 % idle"), 1);
  assert_string_equal (heard (), "STATUS=100 % idle");
  assert_int_equal (eva_notify_status (""), 1);
  assert_string_equal (heard (), "STATUS=");
  assert_string_equal (heard (), "");
}

static void
test_abstract (void **state) {
  (void) state;
  begin (abstract_name ());
  assert_int_equal (eva_notify ("READY=1"), 1);
  assert_string_equal (heard (), "READY=1");
}

static void
test_nobody_there (void **state) {
  char name[200] = "/";

  (void) state;
  assert_int_equal (eva_notify ("READY=1"), 0);
  assert_int_equal (eva_notify_status ("x"), 0);
  setenv ("NOTIFY_SOCKET", "", 1);
  assert_int_equal (eva_notify ("READY=1"), 0);
  setenv ("NOTIFY_SOCKET", tmpdir_path ("none"), 1);
  assert_fails (eva_notify ("READY=1"), ENOENT);
  setenv ("NOTIFY_SOCKET", "vsock:2:1", 1);
  assert_fails (eva_notify ("READY=1"), EAFNOSUPPORT);
  setenv ("NOTIFY_SOCKET", "@", 1);
  assert_fails (eva_notify ("READY=1"), EAFNOSUPPORT);
  memset (name + 1, 'x', 150);
  setenv ("NOTIFY_SOCKET", name, 1);
  assert_fails (eva_notify ("READY=1"), ENAMETOOLONG);
}

/* One that does not read must not hold up the program for good.  */
static void
test_unread (void **state) {
  (void) state;
  begin (abstract_name ());
  while (eva_notify_send ("STATUS=full", MSG_DONTWAIT) > 0)
    ;
  assert_fails (eva_notify ("STOPPING=1"), EAGAIN);
  assert_string_equal (heard (), "STATUS=full");
  assert_int_equal (eva_notify ("STOPPING=1"), 1);
}

static void
test_bad_texts (void **state) {
  char text[1100];

  (void) state;
  begin (abstract_name ());
  assert_fails (eva_notify (NULL), EINVAL);
  assert_fails (eva_notify (""), EINVAL);
  assert_fails (eva_notify_status (NULL), EINVAL);
  assert_fails (eva_notify_status ("two\nlines"), EINVAL);
  memset (text, 'x', sizeof text);
  text[1000] = 0;
  assert_fails (eva_notify_status (text), EINVAL);
  text[999] = 0;
  assert_int_equal (eva_notify_status (text), 1);
  assert_int_equal (strlen (heard ()), 7 + 999);
  assert_string_equal (heard (), "");
}

/* --- The watchdog ----------------------------------------------------------------------------- */

static unsigned int n_ticks;

/* Returns true if one more WATCHDOG=1 came.  */
static bool
ticked (void) {
  const char *text = heard ();

  if (!*text) return false;
  assert_string_equal (text, "WATCHDOG=1");
  n_ticks++;
  return true;
}

static void
test_watchdog (void **state) {
  struct eva_watchdog watchdog = { .timer = NULL };
  uint64_t start_ns = eva_now ();

  (void) state;
  n_ticks = 0;
  begin (abstract_name ());
  setenv ("WATCHDOG_USEC", "20000", 1);
  assert_int_equal (eva_watchdog_start (&watchdog, kit.loop.loop), 1);
  kit_until (ticked () && n_ticks == 5);
  assert_true (eva_now () - start_ns >= 4 * UINT64_C (10000000)); /* at half of the limit */
  eva_watchdog_stop (&watchdog);
  eva_watchdog_stop (&watchdog);
  while (ticked ())
    ;
  kit_idle (40);
  assert_false (ticked ());
}

static void
test_watchdog_started_twice (void **state) {
  struct eva_watchdog watchdog = { .timer = NULL };

  (void) state;
  n_ticks = 0;
  begin (abstract_name ());
  setenv ("WATCHDOG_USEC", "4000", 1);
  assert_int_equal (eva_watchdog_start (&watchdog, kit.loop.loop), 1);
  kit_until (ticked ());
  assert_int_equal (eva_watchdog_start (&watchdog, kit.loop.loop), 1);
  kit_until (ticked () && n_ticks == 5);
  eva_watchdog_stop (&watchdog);
  while (ticked ())
    ;
  kit_idle (40);
  assert_false (ticked ());
  /* Nor if there is no need of it any more.  */
  assert_int_equal (eva_watchdog_start (&watchdog, kit.loop.loop), 1);
  unsetenv ("WATCHDOG_USEC");
  assert_int_equal (eva_watchdog_start (&watchdog, kit.loop.loop), 0);
  kit_idle (40);
  assert_false (ticked ());
}

/* The service manager does not read: the loop goes on.  */
static void
test_watchdog_unheard (void **state) {
  struct eva_watchdog watchdog = { .timer = NULL };
  struct peer *p = peer_new ();

  (void) state;
  begin (abstract_name ());
  setenv ("WATCHDOG_USEC", "2000", 1);
  assert_int_equal (eva_watchdog_start (&watchdog, kit.loop.loop), 1);
  while (eva_notify_send ("STATUS=full", MSG_DONTWAIT) > 0)
    ;
  kit_idle (20);
  close (manager);
  manager = -1;
  kit_idle (20);
  peer_ask (p, "NOP\n", "OK\n");
  eva_watchdog_stop (&watchdog);
}

static void
test_no_watchdog (void **state) {
  static const char *const limits[] = { "", "0", "x", "12x", "-5", "99999999999999999999999" };
  struct eva_watchdog watchdog = { .timer = NULL };
  char pid[20];

  (void) state;
  assert_int_equal (eva_watchdog_start (&watchdog, kit.loop.loop), 0);
  for (size_t i = 0; i < N_ELEMENTS (limits); i++) {
    setenv ("WATCHDOG_USEC", limits[i], 1);
    assert_int_equal (eva_watchdog_start (&watchdog, kit.loop.loop), 0);
    assert_null (watchdog.timer);
  }
  setenv ("WATCHDOG_USEC", "1000000", 1);
  setenv ("WATCHDOG_PID", "1", 1);
  assert_int_equal (eva_watchdog_start (&watchdog, kit.loop.loop), 0);
  snprintf (pid, sizeof pid, "%d", (int) getpid ());
  setenv ("WATCHDOG_PID", pid, 1);
  assert_int_equal (eva_watchdog_start (&watchdog, kit.loop.loop), 1);
  eva_watchdog_stop (&watchdog);
}

#define notify_test(name) cmocka_unit_test_setup_teardown (name, kit_setup, end)
static const struct CMUnitTest tests[] = {
  notify_test (test_path),
  notify_test (test_abstract),
  notify_test (test_nobody_there),
  notify_test (test_bad_texts),
  notify_test (test_unread),
  notify_test (test_watchdog),
  notify_test (test_watchdog_started_twice),
  notify_test (test_watchdog_unheard),
  notify_test (test_no_watchdog),
};

SUITE (notify);
