/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-out.c - pumps from a descriptor into data lines.  */

#include "pump.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define KIB ((size_t) 1024)

/* What a pump is between, in most tests: a pipe, of which the test has the other end, and a
   client.  */
static int ends[2];
static struct peer *client;

static void
run_pipe (void) {
  pump_pipe (ends);
  client = pump_run (ends[0], EVA_PUMP_CONNECTION);
}

/* --- Whatever can be read --------------------------------------------------------------------- */

/* Octets that come now and then leave at once; the end of them is the end of the command.  */
static void
test_pipe (void **state) {
  (void) state;
  run_pipe ();
  peer_expect_nothing (client);
  assert_int_equal (write (ends[1], "one\n", 4), 4);
  peer_expect (client, "D one%0A\n");
  assert_int_equal (write (ends[1], "%two\r", 5), 5);
  peer_expect (client, "D %25two%0D\n");
  peer_expect_nothing (client);
  assert_false (pump_has_ended ());
  pump_close (ends[1]);
  peer_expect (client, "OK\n");
  assert_int_equal (pump_await_end (0)->n_pumped, 9);
  peer_ask (client, "NOP\n", "OK\n");
}

static void
test_empty_pipe (void **state) {
  (void) state;
  pump_pipe (ends);
  pump_close (ends[1]);
  client = pump_run (ends[0], EVA_PUMP_CONNECTION);
  peer_expect (client, "OK\n");
  assert_int_equal (pump_await_end (0)->n_pumped, 0);
}

/* Both sides at their own speed.  */
static void
pump_much (int from_fd, int feed_fd, size_t len, size_t take_len) {
  struct peer *p = pump_run (from_fd, EVA_PUMP_CONNECTION);
  struct haul haul = { 0 };
  size_t at = 0;

  kit_wait_begin ();
  for (;;) {
    if (feed_fd >= 0 && pump_feed (feed_fd, &at, len)) {
      pump_close (feed_fd);
      feed_fd = -1;
    }
    if (haul_take (&haul, p, take_len)) break;
    kit_wait ("bulk data", __FILE__, __LINE__);
  }
  assert_string_equal (haul.end, "OK");
  haul_expect (&haul, len);
  haul_free (&haul);
  assert_int_equal (pump_await_end (0)->n_pumped, len);
}

static void
test_much_through_pipe (void **state) {
  int fds[2];

  (void) state;
  pump_pipe (fds);
  pump_much (fds[0], fds[1], 1024 * KIB + 7, 1 << 20);
}

static void
test_much_through_socket (void **state) {
  int fds[2];

  (void) state;
  pump_socketpair (fds);
  pump_much (fds[0], fds[1], 1024 * KIB + 7, 1 << 20);
}

static void
test_slow_client (void **state) {
  int fds[2];

  (void) state;
  pump_pipe (fds);
  pump_much (fds[0], fds[1], 600 * KIB, 3000);
}

static void
test_file (void **state) {
  static const size_t lens[] = {
    0, 1, 995, 996, 997, 128 * KIB, 128 * KIB + 1, 128 * KIB - 1, 1024 * KIB + 5
  };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (lens); i++)
    pump_much (pump_file (lens[i], O_RDONLY), -1, lens[i], 1 << 20);
}

static void
test_file_for_slow_client (void **state) {
  (void) state;
  pump_much (pump_file (700 * KIB, O_RDONLY), -1, 700 * KIB, 3000);
}

/* From where the file is.  */
static void
test_rest_of_file (void **state) {
  int fd = pump_file (3000, O_RDONLY);
  struct haul haul = { 0 };
  struct peer *p;

  (void) state;
  assert_int_equal (lseek (fd, 1000, SEEK_SET), 1000);
  p = pump_run (fd, EVA_PUMP_CONNECTION);
  kit_until (haul_take (&haul, p, 10000));
  assert_int_equal (haul.len, 2000);
  assert_memory_equal (haul.data, pump_octets (3000) + 1000, 2000);
  haul_free (&haul);
}

static void
test_terminal (void **state) {
  int slave, master;
  struct peer *p;

  (void) state;
  pump_terminal (&slave, &master);
  p = pump_run (slave, EVA_PUMP_CONNECTION);
  assert_true (pump_is_nonblocking (slave));
  assert_int_equal (write (master, "typed", 5), 5);
  peer_expect (p, "D typed\n");
  peer_expect_nothing (p);
  pump_close (master);
  kit_until (pump_has_ended ());
  assert_false (pump_is_nonblocking (slave));
}

/* Neither can be waited for nor ends; others get their turns all the same.  */
static void
test_endless_device (void **state) {
  struct peer *other = peer_new ();
  struct haul haul = { 0 };
  struct peer *p;

  (void) state;
  pumping.config.max_len = 3000 * KIB;
  p = pump_run (pump_keep (open ("/dev/zero", O_RDONLY | O_CLOEXEC)), EVA_PUMP_CONNECTION);
  peer_ask (other, "NOP\n", "OK\n");
  assert_false (pump_has_ended ());
  kit_until (haul_take (&haul, p, 1 << 20));
  assert_int_equal (haul.len, 3000 * KIB);
  for (size_t i = 0; i < haul.len; i++)
    assert_int_equal (haul.data[i], 0);
  haul_free (&haul);
  assert_int_equal (pump_await_end (GPG_ERR_TOO_LARGE)->n_pumped, 3000 * KIB);
}

/* --- A client that does not read -------------------------------------------------------------- */

/* Turns until the server has nothing to do any more.  */
static void
let_it_fill (const struct peer *p) {
  size_t before;

  do {
    before = eva_get_queued_len (p->guest->ctx);
    kit_settle ();
  } while (eva_get_queued_len (p->guest->ctx) != before || !before);
}

/* What is queued stays at about twice the high-water mark, and the server is at rest.  */
static void
test_nobody_reads (void **state) {
  struct peer *p =
      pump_run (pump_keep (open ("/dev/zero", O_RDONLY | O_CLOEXEC)), EVA_PUMP_CONNECTION);
  struct peer *other = peer_new ();

  (void) state;
  let_it_fill (p);
  assert_in_range (eva_get_queued_len (p->guest->ctx), 1, 136 * KIB);
  assert_in_range (kit_stats ().most_held_len, 1, 180 * KIB);
  assert_true (kit_idle (50) < 50);
  peer_ask (other, "NOP\n", "OK\n");
  peer_take (p, 50 * KIB);
  let_it_fill (p);
  assert_in_range (eva_get_queued_len (p->guest->ctx), 1, 136 * KIB);
  assert_false (pump_has_ended ());
  peer_close (p);
  pump_await_end (GPG_ERR_EPIPE);
}

/* The loop reports a pipe without a writer again and again if it is watched.  */
static void
test_pipe_ends_while_nobody_reads (void **state) {
  struct haul haul = { 0 };
  size_t at = 0;

  (void) state;
  run_pipe ();
  for (int i = 0; i < 100; i++) {
    pump_feed (ends[1], &at, 4096 * KIB);
    kit_turn ();
  }
  assert_true (at < 1024 * KIB);
  pump_close (ends[1]);
  kit_settle ();
  assert_true (kit_idle (50) < 50);
  assert_false (pump_has_ended ());
  kit_until (haul_take (&haul, client, 1 << 20));
  haul_expect (&haul, at);
  haul_free (&haul);
  assert_int_equal (pump_await_end (0)->n_pumped, at);
}

static void
test_high_water_mark (void **state) {
  struct eva_limits limits = { .high_water_len = 300 * KIB };
  struct peer *p;

  (void) state;
  kit_set_connection_limits (&limits);
  p = pump_run (pump_keep (open ("/dev/zero", O_RDONLY | O_CLOEXEC)), EVA_PUMP_CONNECTION);
  let_it_fill (p);
  assert_in_range (eva_get_queued_len (p->guest->ctx), 300 * KIB, 440 * KIB);
}

/* Every limit that has room for a line is enough, even if each octet has to be escaped.  */
static void
test_tight_limits (void **state) {
  static const struct eva_limits tight[] = {
    { .high_water_len = 1 },
    { .high_water_len = 1, .max_queued_len = 1002 },
    { .high_water_len = 1003, .max_queued_len = 2003 },
    { .high_water_len = 4000, .max_queued_len = 5000 },
    { .high_water_len = 100000, .max_queued_len = 20000 },
  };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (tight); i++) {
    kit_set_connection_limits (&tight[i]);
    pump_much (pump_file (100 * KIB, O_RDONLY), -1, 100 * KIB, 1 << 20);
    pump_much (pump_file (20 * KIB, O_RDONLY), -1, 20 * KIB, 700);
  }
}

static void
test_only_escapes_in_tight_limits (void **state) {
  struct eva_limits limits = { .high_water_len = 4000, .max_queued_len = 6000 };
  struct haul haul = { 0 };
  char lfs[1000];
  struct peer *p;
  int fd;

  (void) state;
  memset (lfs, '\n', sizeof lfs);
  kit_set_connection_limits (&limits);
  fd = pump_keep (open (tmpdir_path ("lfs"), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  for (int i = 0; i < 50; i++)
    assert_int_equal (write (fd, lfs, sizeof lfs), sizeof lfs);
  assert_int_equal (lseek (fd, 0, SEEK_SET), 0);
  p = pump_run (fd, EVA_PUMP_CONNECTION);
  kit_until (haul_take (&haul, p, 1 << 20));
  assert_string_equal (haul.end, "OK");
  assert_int_equal (haul.len, 50 * sizeof lfs);
  haul_free (&haul);
}

/* Not even a line has room: the client is dropped.  */
static void
test_no_room_at_all (void **state) {
  struct eva_limits limits = { .max_queued_len = 500 };
  struct peer *p;

  (void) state;
  kit_set_connection_limits (&limits);
  p = pump_run (pump_file (KIB, O_RDONLY), EVA_PUMP_CONNECTION);
  pump_await_end (GPG_ERR_TOO_LARGE);
  peer_drop_all (p);
  assert_int_equal (kit_stats ().n_dropped, 1);
}

/* --- Limits and errors ------------------------------------------------------------------------ */

static void
test_limit (void **state) {
  static const struct {
    size_t len, max_len;
  } cases[] = {
    { 1000, 1000 }, { 1001, 1000 }, { 300 * KIB, 300 * KIB }, { 300 * KIB, 200 * KIB }, { 1, 1 },
    { 2, 1 },       { 0, 1 }
  };

  (void) state;
  for (size_t i = 0; i < 2 * N_ELEMENTS (cases); i++) {
    size_t len = cases[i / 2].len, max_len = cases[i / 2].max_len, at = 0;
    struct haul haul = { 0 };
    int fds[2] = { -1, -1 };
    struct peer *p;
    pumping.config.max_len = max_len;
    if (i % 2) pump_pipe (fds);
    p = pump_run (i % 2 ? fds[0] : pump_file (len, O_RDONLY), EVA_PUMP_CONNECTION);
    kit_wait_begin ();
    while (!haul_take (&haul, p, 1 << 20)) {
      if (fds[1] >= 0 && pump_feed (fds[1], &at, len)) {
        pump_close (fds[1]);
        fds[1] = -1;
      }
      kit_wait ("the end", __FILE__, __LINE__);
    }
    assert_int_equal (strncmp (haul.end, len > max_len ? "ERR" : "OK", 2), 0);
    haul_expect (&haul, len < max_len ? len : max_len);
    pump_await_end (len > max_len ? GPG_ERR_TOO_LARGE : 0);
    haul_free (&haul);
    peer_ask (p, "NOP\n", "OK\n");
  }
}

static void
test_directory (void **state) {
  struct peer *p =
      pump_run (pump_keep (open (tmpdir_get (), O_RDONLY | O_CLOEXEC)), EVA_PUMP_CONNECTION);

  (void) state;
  peer_expect_err (p, GPG_ERR_EISDIR, NULL);
  pump_await_end (GPG_ERR_EISDIR);
}

/* A connection that is reset.  */
static void
test_reading_fails (void **state) {
  (void) state;
  pump_socketpair (ends);
  client = pump_run (ends[0], EVA_PUMP_CONNECTION);
  assert_int_equal (write (ends[0], "unread", 6), 6);
  pump_close (ends[1]); /* with octets in it, that resets */
  peer_expect_err (client, GPG_ERR_ECONNRESET, NULL);
  pump_await_end (GPG_ERR_ECONNRESET);
}

/* The client learns of the end only after all data.  */
static void
test_silent (void **state) {
  struct peer *p;

  (void) state;
  pumping.is_silent = true;
  p = pump_run (pump_file (10 * KIB, O_RDONLY), EVA_PUMP_CONNECTION);
  pump_expect_data (p, 10 * KIB);
  p = pump_run (pump_keep (open (tmpdir_get (), O_RDONLY | O_CLOEXEC)), EVA_PUMP_CONNECTION);
  peer_expect_err (p, GPG_ERR_EISDIR, NULL);
}

/* --- O_NONBLOCK ------------------------------------------------------------------------------- */

static void
test_flags_are_put_back (void **state) {
  (void) state;
  for (int blocking = 0; blocking < 2; blocking++) {
    pump_pipe (ends);
    assert_int_equal (fcntl (ends[0], F_SETFL, blocking ? 0 : O_NONBLOCK), 0);
    client = pump_run (ends[0], EVA_PUMP_CONNECTION);
    assert_true (pump_is_nonblocking (ends[0]));
    assert_int_equal (write (ends[1], "x", 1), 1);
    pump_close (ends[1]);
    peer_expect (client, "D x\nOK\n");
    assert_int_equal (pump_is_nonblocking (ends[0]), !blocking);
  }
}

static gpg_error_t
make_blocking (struct pump *pump) {
  assert_int_equal (fcntl (pumping.config.from_fd, F_SETFL, 0), 0);
  return pump->begun;
}

/* Another process that has the descriptor may set the flag as it likes: nothing waits.  */
static void
test_somebody_takes_the_flag_away (void **state) {
  (void) state;
  pumping.after = make_blocking;
  run_pipe ();
  peer_expect_nothing (client);
  assert_int_equal (write (ends[1], "x", 1), 1);
  peer_expect (client, "D x\n");
  assert_int_equal (fcntl (ends[0], F_SETFL, 0), 0);
  assert_int_equal (write (ends[1], "y", 1), 1);
  peer_expect (client, "D y\n");
  pump_close (ends[1]);
  peer_expect (client, "OK\n");
  assert_false (pump_is_nonblocking (ends[0]));
}

/* --- The same descriptor twice ---------------------------------------------------------------- */

static void
count (void *arg, unsigned int revents) {
  (void) revents;
  ++*(unsigned int *) arg;
}

/* The program may watch it, too, where that is a use: here for its writer's leaving.  */
static void
test_program_watches_it (void **state) {
  unsigned int n = 0;
  eva_source *source;

  (void) state;
  pump_socketpair (ends);
  assert_int_equal (fcntl (ends[0], F_SETFL, O_NONBLOCK), 0);
  source = eva_loop_add_fd (kit.loop.loop, ends[0], EVA_READABLE, count, &n);
  assert_non_null (source);
  client = pump_run (ends[0], EVA_PUMP_CONNECTION);
  kit_settle ();
  assert_int_equal (write (ends[1], "x", 1), 1);
  peer_expect (client, "D x\n");
  pump_close (ends[1]);
  peer_expect (client, "OK\n");
  eva_source_free (source);
}

/* Two clients share what comes; each octet comes once.  */
static void
test_two_pumps_from_one_pipe (void **state) {
  struct haul hauls[2] = { { 0 } };
  const size_t len = 400 * KIB;
  struct peer *p[2];
  size_t at = 0;
  int fds[2];

  (void) state;
  pump_pipe (fds);
  p[0] = pump_run (fds[0], EVA_PUMP_CONNECTION);
  p[1] = pump_run (fds[0], EVA_PUMP_CONNECTION);
  kit_settle ();
  kit_wait_begin ();
  while (!hauls[0].end[0] || !hauls[1].end[0]) {
    if (at < len && pump_feed (fds[1], &at, len)) pump_close (fds[1]);
    haul_take (&hauls[0], p[0], 1 << 20);
    haul_take (&hauls[1], p[1], 1 << 20);
    kit_wait ("bulk data", __FILE__, __LINE__);
  }
  assert_int_equal (hauls[0].len + hauls[1].len, len);
  assert_false (pump_is_nonblocking (fds[0]));
  haul_free (&hauls[0]);
  haul_free (&hauls[1]);
}

/* --- Many ------------------------------------------------------------------------------------- */

/* Pumps at rest hold no buffers, and cost no turns.  */
static void
test_many_at_rest (void **state) {
  enum { N = 20 };
  struct peer *p[N];
  int fds[N][2];

  (void) state;
  for (int i = 0; i < N; i++) {
    pump_pipe (fds[i]);
    p[i] = pump_run (fds[i][0], EVA_PUMP_CONNECTION);
  }
  kit_settle ();
  assert_int_equal (kit_stats ().held_len, 0);
  assert_int_equal (kit_stats ().n_open_commands, N);
  assert_true (kit_idle (50) < 50);
  for (int i = 0; i < N; i++)
    assert_int_equal (write (fds[i][1], "x", 1), 1);
  for (int i = 0; i < N; i++) {
    peer_expect (p[i], "D x\n");
    pump_close (fds[i][1]);
    peer_expect (p[i], "OK\n");
  }
}

/* Two that are always ready take turns: neither is done before the other has begun.  */
static void
test_files_take_turns (void **state) {
  struct haul hauls[2] = { { 0 } };
  struct peer *p[2];
  bool both = false;

  (void) state;
  for (int i = 0; i < 2; i++)
    p[i] = pump_run (pump_file (1500 * KIB, O_RDONLY), EVA_PUMP_CONNECTION);
  kit_wait_begin ();
  while (!hauls[0].end[0] || !hauls[1].end[0]) {
    for (int i = 0; i < 2; i++)
      haul_take (&hauls[i], p[i], 1 << 20);
    both |= hauls[0].len && hauls[1].len && !hauls[0].end[0] && !hauls[1].end[0];
    kit_wait ("bulk data", __FILE__, __LINE__);
  }
  assert_true (both);
  for (int i = 0; i < 2; i++) {
    haul_expect (&hauls[i], 1500 * KIB);
    haul_free (&hauls[i]);
  }
}

static const struct CMUnitTest tests[] = {
  pump_test (test_pipe),
  pump_test (test_empty_pipe),
  pump_test (test_much_through_pipe),
  pump_test (test_much_through_socket),
  pump_test (test_slow_client),
  pump_test (test_file),
  pump_test (test_file_for_slow_client),
  pump_test (test_rest_of_file),
  pump_test (test_terminal),
  pump_test (test_endless_device),
  pump_test (test_nobody_reads),
  pump_test (test_pipe_ends_while_nobody_reads),
  pump_test (test_high_water_mark),
  pump_test (test_tight_limits),
  pump_test (test_only_escapes_in_tight_limits),
  pump_test (test_no_room_at_all),
  pump_test (test_limit),
  pump_test (test_directory),
  pump_test (test_reading_fails),
  pump_test (test_silent),
  pump_test (test_flags_are_put_back),
  pump_test (test_somebody_takes_the_flag_away),
  pump_test (test_program_watches_it),
  pump_test (test_two_pumps_from_one_pipe),
  pump_test (test_many_at_rest),
  pump_test (test_files_take_turns),
};

const struct suite suite_out = { "out", tests, N_ELEMENTS (tests) };
