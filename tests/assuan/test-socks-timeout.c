/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The timeout of assuan_sock_connect_byname.  Nothing depends on how long it takes beyond it.  */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proxy.h"

static bool port_is_free;

/* Connects through a proxy that does what SCRIPT says.  Returns the descriptor, or -errno.  */
static int
try (const struct script *script, int timeout) {
  struct proxy p;
  int fd;

  proxy_start (&p, PORT_SOCKS, script);
  errno = 0;
  fd = assuan_sock_connect_byname ("example.org", 80, timeout, NULL, ASSUAN_SOCK_SOCKS);
  if (fd == ASSUAN_INVALID_FD) fd = -errno;
  if (fd >= 0) {
    assert_int_equal (fcntl (fd, F_GETFL) & O_NONBLOCK, 0);
    peer_expect (fd, "OK hello\n");
    assuan_sock_close (fd);
  }
  proxy_stop (&p);
  return fd;
}

static int64_t
now_ms (void) {
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
test_in_time (void **state) {
  int fd;

  (void) state;
  if (!port_is_free) skip ();
  assert_true (try (&success, 0) >= 0);
  assert_true (try (&success, SUITE_TIMEOUT_MS) >= 0);
  /* Whether the answer is there already is chance.  */
  fd = try (&success, -1);
  assert_true (fd >= 0 || fd == -ETIMEDOUT);
  assert_int_equal (try (&success, -2), -EINVAL);
}

static void
test_no_answer (void **state) {
  static const struct script mute = { METHOD_NONE, .is_silent = true };
  int64_t begun_ms = now_ms ();

  (void) state;
  if (!port_is_free) skip ();
  assert_int_equal (try (&mute, 300), -ETIMEDOUT);
  assert_true (now_ms () - begun_ms >= 299);
  assert_int_equal (try (&mute, -1), -ETIMEDOUT);
}

/* deviation: the timeout is for the answer to CONNECT alone | for each wait  */
static void
test_no_method (void **state) {
  static const struct script mute = { .is_silent = true };

  (void) state;
  if (!port_is_free || on_oracle ()) skip ();
  assert_int_equal (try (&mute, 100), -ETIMEDOUT);
}

static void
test_half_an_answer (void **state) {
  static const struct script half = { METHOD_NONE, .reply = "\5\0\0", .reply_len = 3,
                                      .is_silent = true };

  (void) state;
  if (!port_is_free || on_oracle ()) skip ();
  assert_int_equal (try (&half, 100), -ETIMEDOUT);
}

/* A proxy that does not even accept: connect waits, as its queue is full.  */
static void
test_full_queue (void **state) {
  struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons (PORT_SOCKS) };
  int listener, fds[8];

  (void) state;
  if (!port_is_free || on_oracle ()) skip ();
  listener = listen_at (PORT_SOCKS);
  addr.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  for (size_t i = 0; i < 8; i++) {
    fds[i] = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    connect (fds[i], (struct sockaddr *) &addr, sizeof addr);
  }
  errno = 0;
  assert_int_equal (assuan_sock_connect_byname ("example.org", 80, 100, NULL, ASSUAN_SOCK_SOCKS),
                    ASSUAN_INVALID_FD);
  assert_int_equal (errno, ETIMEDOUT);
  for (size_t i = 0; i < 8; i++)
    close (fds[i]);
  close (listener);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_in_time),        suite_test (test_no_answer),  suite_test (test_no_method),
    suite_test (test_half_an_answer), suite_test (test_full_queue),
  };

  port_is_free = proxy_init ();
  suite_init ();
  assuan_sock_init ();
  return cmocka_run_group_tests (tests, NULL, NULL);
}
