/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-through.c - pumps from a descriptor into another one.  */

#include "pump.h"

#include <errno.h>
#include <sys/socket.h>

#define KIB ((size_t) 1024)

/* What is at one end of a pump: its descriptor, and the one by which the test feeds or reads
   it.  */
struct end {
  int fd;
  int far;
};

static void
end_pipe_from (struct end *end, size_t len) {
  int fds[2];

  (void) len;
  pump_pipe (fds);
  *end = (struct end) { fds[0], fds[1] };
}

static void
end_pipe_to (struct end *end, size_t len) {
  int fds[2];

  (void) len;
  pump_pipe (fds);
  *end = (struct end) { fds[1], fds[0] };
}

static void
end_socket (struct end *end, size_t len) {
  int fds[2];

  (void) len;
  pump_socketpair (fds);
  *end = (struct end) { fds[0], fds[1] };
}

static void
end_file_from (struct end *end, size_t len) {
  *end = (struct end) { pump_file (len, O_RDONLY), -1 };
}

static void
end_file_to (struct end *end, size_t len) {
  (void) len;
  *end = (struct end) { pump_file (0, O_RDWR), -1 };
}

/* splice and sendfile refuse it.  */
static void
end_appended_file (struct end *end, size_t len) {
  (void) len;
  *end = (struct end) { pump_file (0, O_RDWR | O_APPEND), -1 };
}

static void (*const froms[]) (struct end *end, size_t len) = { end_pipe_from, end_socket,
                                                               end_file_from };
static void (*const tos[]) (struct end *end, size_t len) = { end_pipe_to, end_socket, end_file_to,
                                                             end_appended_file };

/* Pumps LEN octets while they are fed as they fit, and read TAKE_LEN at a time.  */
static void
pump_between (const struct end *from, const struct end *to, size_t len, size_t take_len) {
  struct haul haul = { 0 };
  int feed_fd = from->far;
  size_t at = 0;
  struct peer *p = pump_run (from->fd, to->fd);

  kit_wait_begin ();
  for (;;) {
    if (feed_fd >= 0 && pump_feed (feed_fd, &at, len)) {
      pump_close (feed_fd);
      feed_fd = -1;
    }
    if (to->far >= 0) haul_read (&haul, to->far, take_len);
    if (pump_has_ended ()) break;
    kit_wait ("bulk data", __FILE__, __LINE__);
  }
  peer_expect (p, "OK\n");
  assert_int_equal (pump_await_end (0)->n_pumped, len);
  if (to->far >= 0)
    pump_close (to->fd);
  else
    assert_int_equal (lseek (to->fd, 0, SEEK_SET), 0);
  kit_until (haul_read (&haul, to->far >= 0 ? to->far : to->fd, 1 << 20));
  haul_expect (&haul, len);
  haul_free (&haul);
}

static void
pump_all (size_t len, size_t take_len) {
  for (size_t i = 0; i < N_ELEMENTS (froms); i++)
    for (size_t k = 0; k < N_ELEMENTS (tos); k++) {
      struct end from, to;
      froms[i](&from, len);
      tos[k](&to, len);
      pump_between (&from, &to, len, take_len);
    }
}

static void
test_nothing (void **state) {
  (void) state;
  pump_all (0, 1 << 20);
}

static void
test_little (void **state) {
  (void) state;
  pump_all (1, 1 << 20);
}

static void
test_much (void **state) {
  (void) state;
  pump_all (1024 * KIB + 7, 1 << 20);
}

static void
test_slow_reader (void **state) {
  (void) state;
  pump_all (400 * KIB, 5000);
}

/* Octets that come now and then go on at once.  */
static void
test_at_once (void **state) {
  struct haul haul = { 0 };
  struct peer *p;

  (void) state;
  for (size_t i = 0; i < 2; i++)
    for (size_t k = 0; k < 2; k++) {
      struct end from, to;
      froms[i](&from, 0);
      tos[k](&to, 0);
      p = pump_run (from.fd, to.fd);
      for (size_t n = 1; n <= 3; n++) {
        assert_int_equal (write (from.far, pump_octets (3) + n - 1, 1), 1);
        kit_until ((haul_read (&haul, to.far, 100), haul.len == n));
      }
      haul_expect (&haul, 3);
      assert_true (kit_idle (20) < 50);
      pump_close (from.far);
      peer_expect (p, "OK\n");
      haul_free (&haul);
    }
}

static void
test_terminal_to_terminal (void **state) {
  struct haul haul = { 0 };
  int slave[2], master[2];

  (void) state;
  pump_terminal (&slave[0], &master[0]);
  pump_terminal (&slave[1], &master[1]);
  pump_run (slave[0], slave[1]);
  assert_int_equal (write (master[0], "typed", 5), 5);
  kit_until ((haul_read (&haul, master[1], 100), haul.len == 5));
  haul_free (&haul);
  assert_true (pump_is_nonblocking (slave[0]));
  pump_close (master[0]);
  kit_until (pump_has_ended ());
  assert_false (pump_is_nonblocking (slave[0]));
  assert_false (pump_is_nonblocking (slave[1]));
}

static void
test_devices (void **state) {
  struct peer *p;

  (void) state;
  pumping.config.max_len = 3000 * KIB;
  p = pump_run (pump_keep (open ("/dev/zero", O_RDONLY | O_CLOEXEC)),
                pump_keep (open ("/dev/null", O_WRONLY | O_CLOEXEC)));
  peer_expect_err (p, GPG_ERR_TOO_LARGE, NULL);
  assert_int_equal (pump_await_end (GPG_ERR_TOO_LARGE)->n_pumped, 3000 * KIB);
  pumping.config.max_len = 0;
  p = pump_run (pump_file (3000 * KIB, O_RDONLY),
                pump_keep (open ("/dev/full", O_WRONLY | O_CLOEXEC)));
  peer_expect_err (p, GPG_ERR_ENOSPC, NULL);
  pump_await_end (GPG_ERR_ENOSPC);
}

/* Files are always ready; others get their turns all the same.  */
static void
test_files_take_turns (void **state) {
  struct peer *other = peer_new ();

  (void) state;
  pump_run (pump_keep (open ("/dev/zero", O_RDONLY | O_CLOEXEC)),
            pump_keep (open ("/dev/null", O_WRONLY | O_CLOEXEC)));
  for (int i = 0; i < 10; i++)
    peer_ask (other, "NOP\n", "OK\n");
  assert_false (pump_has_ended ());
}

/* --- A reader that does not read
   ---------------------------------------------------------------  */

/* What waits is one buffer at the most, and the server is at rest.  */
static void
test_nobody_reads (void **state) {
  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (froms); i++)
    for (size_t k = 0; k < 2; k++) {
      struct haul haul = { 0 };
      struct end from, to;
      size_t at = 0;
      struct peer *p;
      froms[i](&from, 2048 * KIB);
      tos[k](&to, 0);
      p = pump_run (from.fd, to.fd);
      for (int turn = 0; turn < 100; turn++) {
        if (from.far >= 0) pump_feed (from.far, &at, 2048 * KIB);
        kit_turn ();
      }
      assert_true (at < 1500 * KIB);
      assert_in_range (kit_stats ().most_held_len, 0, 100 * KIB);
      assert_true (kit_idle (20) < 50);
      assert_false (pump_has_ended ());
      kit_wait_begin ();
      while (!pump_has_ended ()) {
        if (from.far >= 0 && pump_feed (from.far, &at, 2048 * KIB)) {
          pump_close (from.far);
          from.far = -1;
        }
        haul_read (&haul, to.far, 1 << 20);
        kit_wait ("the end", __FILE__, __LINE__);
      }
      peer_expect (p, "OK\n");
      pump_close (to.fd);
      kit_until (haul_read (&haul, to.far, 1 << 20));
      haul_expect (&haul, 2048 * KIB);
      haul_free (&haul);
      assert_int_equal (kit_stats ().held_len, 0);
    }
}

/* No signal ends the program.  */
static void
test_reader_leaves (void **state) {
  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (froms); i++)
    for (size_t k = 0; k < 2; k++)
      for (int full = 0; full < 2; full++) {
        struct end from, to;
        size_t at = 0;
        struct peer *p;
        froms[i](&from, 2048 * KIB);
        tos[k](&to, 0);
        if (!full) pump_close (to.far);
        p = pump_run (from.fd, to.fd);
        for (int turn = 0; turn < 100; turn++) {
          if (from.far >= 0 && !pump_has_ended ()) pump_feed (from.far, &at, 2048 * KIB);
          kit_turn ();
        }
        assert_int_equal (pump_has_ended (), !full);
        if (full) pump_close (to.far);
        kit_until (pump_has_ended ());
        /* A socket that was left with octets in it tells otherwise.  */
        if (gpg_err_code (pumping.pumps->err) != GPG_ERR_ECONNRESET) pump_await_end (GPG_ERR_EPIPE);
        peer_expect_err (p, gpg_err_code (pumping.pumps->err), NULL);
        peer_ask (p, "NOP\n", "OK\n");
      }
}

/* --- Limits and errors ------------------------------------------------------------------------ */

static void
test_limit (void **state) {
  static const struct {
    size_t len, max_len;
  } cases[] = { { 5000, 5000 },
                { 5001, 5000 },
                { 500 * KIB, 500 * KIB },
                { 500 * KIB + 1, 500 * KIB },
                { 500 * KIB, 200 * KIB } };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (froms); i++)
    for (size_t k = 0; k < N_ELEMENTS (tos); k++)
      for (size_t c = 0; c < N_ELEMENTS (cases); c++) {
        bool is_over = cases[c].len > cases[c].max_len;
        struct haul haul = { 0 };
        struct end from, to;
        size_t at = 0;
        struct peer *p;
        froms[i](&from, cases[c].len);
        tos[k](&to, 0);
        pumping.config.max_len = cases[c].max_len;
        p = pump_run (from.fd, to.fd);
        kit_wait_begin ();
        while (!pump_has_ended ()) {
          if (from.far >= 0 && pump_feed (from.far, &at, cases[c].len)) {
            pump_close (from.far);
            from.far = -1;
          }
          if (to.far >= 0) haul_read (&haul, to.far, 1 << 20);
          kit_wait ("the end", __FILE__, __LINE__);
        }
        assert_int_equal (pump_await_end (is_over ? GPG_ERR_TOO_LARGE : 0)->n_pumped,
                          is_over ? cases[c].max_len : cases[c].len);
        kit_until (peer_has_line (p));
        if (to.far < 0) assert_int_equal (lseek (to.fd, 0, SEEK_SET), 0);
        if (to.far >= 0) pump_close (to.fd);
        kit_until (haul_read (&haul, to.far >= 0 ? to.far : to.fd, 1 << 20));
        haul_expect (&haul, cases[c].max_len);
        haul_free (&haul);
        if (to.far >= 0) pump_close (to.far);
        if (to.far < 0) pump_close (to.fd);
        if (from.far >= 0) pump_close (from.far);
        pump_close (from.fd);
      }
}

static void
test_directory (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  pump_socketpair (fds);
  p = pump_run (pump_keep (open (tmpdir_get (), O_RDONLY | O_CLOEXEC)), fds[0]);
  peer_expect_err (p, GPG_ERR_EISDIR, NULL);
  pump_await_end (GPG_ERR_EISDIR);
}

/* --- The same at both ends -------------------------------------------------------------------- */

/* A socket whose other end gets back what it says; by one descriptor, and by two.  */
static void
test_echo (void **state) {
  (void) state;
  for (int copies = 0; copies < 2; copies++) {
    struct haul haul = { 0 };
    size_t at = 0;
    struct peer *p;
    int fds[2];
    pump_socketpair (fds);
    p = pump_run (fds[0], copies ? pump_keep (fcntl (fds[0], F_DUPFD_CLOEXEC, 3)) : fds[0]);
    kit_settle ();
    assert_true (pump_is_nonblocking (fds[0]));
    kit_until ((pump_feed (fds[1], &at, 1024 * KIB), haul_read (&haul, fds[1], 5000),
                haul.len == 1024 * KIB));
    assert_int_equal (shutdown (fds[1], SHUT_WR), 0);
    peer_expect (p, "OK\n");
    haul_expect (&haul, 1024 * KIB);
    haul_free (&haul);
    assert_false (pump_is_nonblocking (fds[0]));
  }
}

/* Two pumps out of one pipe and into another one.  */
static void
test_two_pumps (void **state) {
  const size_t len = 400 * KIB;
  struct haul haul = { 0 };
  int from[2], to[2];
  struct peer *p[2];
  size_t at = 0;

  (void) state;
  pump_pipe (from);
  pump_pipe (to);
  for (int i = 0; i < 2; i++)
    p[i] = pump_run (from[0], to[1]);
  kit_settle ();
  kit_until ((haul_read (&haul, to[0], 10000), pump_feed (from[1], &at, len)));
  pump_close (from[1]);
  kit_until (
      (haul_read (&haul, to[0], 10000), pumping.pumps->n_ended && pumping.pumps->next->n_ended));
  for (int i = 0; i < 2; i++)
    peer_expect (p[i], "OK\n");
  kit_until ((haul_read (&haul, to[0], 10000), haul.len == len));
  assert_int_equal (pumping.pumps->n_pumped + pumping.pumps->next->n_pumped, len);
  assert_false (pump_is_nonblocking (from[0]));
  assert_false (pump_is_nonblocking (to[1]));
  haul_free (&haul);
}

static const struct CMUnitTest tests[] = {
  pump_test (test_nothing),      pump_test (test_little),
  pump_test (test_much),         pump_test (test_slow_reader),
  pump_test (test_at_once),      pump_test (test_terminal_to_terminal),
  pump_test (test_devices),      pump_test (test_files_take_turns),
  pump_test (test_nobody_reads), pump_test (test_reader_leaves),
  pump_test (test_limit),        pump_test (test_directory),
  pump_test (test_echo),         pump_test (test_two_pumps),
};

const struct suite suite_through = { "through", tests, N_ELEMENTS (tests) };
