/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-in.c - pumps from the answer to an inquiry into a descriptor.  */

#include "pump.h"

#include <errno.h>

#define KIB ((size_t) 1024)

/* What a pump is between, in most tests: a pipe, of which the test has the other end, and a
   client.  */
static int ends[2];
static struct peer *client;

static void
run_pipe (void) {
  pump_pipe (ends);
  client = pump_run (EVA_PUMP_CONNECTION, ends[1]);
}

/* --- Wherever can be written ------------------------------------------------------------------ */

static void
test_pipe (void **state) {
  (void) state;
  pump_pipe (ends);
  pumping.config.inquiry = "WHAT now";
  client = pump_run (EVA_PUMP_CONNECTION, ends[1]);
  peer_expect (client, "INQUIRE WHAT now\n");
  peer_say (client, "D one%0A\n# a comment\n\n");
  kit_settle ();
  peer_say (client, "D two\nD \nD %");
  kit_settle ();
  peer_say (client, "25three\nEND with text\n");
  peer_expect (client, "OK\n");
  assert_int_equal (pump_await_end (0)->n_pumped, 13);
  pump_close (ends[1]);
  char got[20] = "";
  assert_int_equal (read (ends[0], got, sizeof got), 13);
  assert_string_equal (got, "one\ntwo%three");
  peer_ask (client, "NOP\n", "OK\n");
}

static void
test_no_data (void **state) {
  (void) state;
  run_pipe ();
  peer_ask (client, "END\n", "INQUIRE BULK\nOK\n");
  assert_int_equal (pump_await_end (0)->n_pumped, 0);
  pump_close (ends[1]);
  pump_expect_octets (ends[0], 0);
}

/* Octets are written as they come, not only at the end.  */
static void
test_at_once (void **state) {
  struct haul haul = { 0 };

  (void) state;
  pump_socketpair (ends);
  client = pump_run (EVA_PUMP_CONNECTION, ends[1]);
  peer_expect (client, "INQUIRE BULK\n");
  peer_say (client, "D one\n");
  kit_until ((haul_read (&haul, ends[0], 100), haul.len == 3));
  peer_ask (client, "CAN\n", "");
  haul_free (&haul);
  pump_await_end (GPG_ERR_ASS_CANCELED);
}

/* The client sends while the reader reads, TAKE_LEN octets at a time.  */
static void
pump_much (int to_fd, int read_fd, size_t len, size_t take_len) {
  struct peer *p = pump_run (EVA_PUMP_CONNECTION, to_fd);
  struct haul haul = { 0 };
  size_t at = 0;

  kit_wait_begin ();
  for (;;) {
    pump_answer (p, &at, len);
    if (read_fd >= 0) haul_read (&haul, read_fd, take_len);
    if (pump_has_ended ()) break;
    kit_wait ("bulk data", __FILE__, __LINE__);
  }
  assert_int_equal (pump_await_end (0)->n_pumped, len);
  peer_expect (p, "INQUIRE BULK\nOK\n");
  if (read_fd >= 0) {
    pump_close (to_fd);
    kit_until (haul_read (&haul, read_fd, 1 << 20));
    haul_expect (&haul, len);
    haul_free (&haul);
  }
}

static void
test_much_into_pipe (void **state) {
  int fds[2];

  (void) state;
  pump_pipe (fds);
  pump_much (fds[1], fds[0], 1024 * KIB + 7, 1 << 20);
}

static void
test_much_into_socket (void **state) {
  int fds[2];

  (void) state;
  pump_socketpair (fds);
  pump_much (fds[1], fds[0], 1024 * KIB + 7, 1 << 20);
}

static void
test_slow_reader (void **state) {
  int fds[2];

  (void) state;
  pump_pipe (fds);
  pump_much (fds[1], fds[0], 500 * KIB, 3000);
}

static void
test_file (void **state) {
  int fd = pump_file (0, O_RDWR);

  (void) state;
  pump_much (fd, -1, 1024 * KIB + 7, 0);
  assert_int_equal (lseek (fd, 0, SEEK_SET), 0);
  pump_expect_octets (fd, 1024 * KIB + 7);
}

static void
test_terminal (void **state) {
  struct haul haul = { 0 };
  int slave, master;
  struct peer *p;

  (void) state;
  pump_terminal (&slave, &master);
  p = pump_run (EVA_PUMP_CONNECTION, slave);
  peer_ask (p, "D shown\nEND\n", "INQUIRE BULK\nOK\n");
  kit_until ((haul_read (&haul, master, 100), haul.len == 5));
  haul_free (&haul);
}

/* --- A reader that does not read
   ---------------------------------------------------------------  */

/* Sends until nothing more is taken.  Returns the octets of data.  */
static size_t
send_until_full (struct peer *p, size_t *at) {
  size_t before;

  do {
    before = *at;
    assert_false (pump_answer (p, at, 4096 * KIB));
    kit_settle ();
  } while (*at != before);
  return *at;
}

/* What waits is what one read brought; the rest stays with the client.  The server is at rest.  */
static void
test_nobody_reads (void **state) {
  struct haul haul = { 0 };
  struct peer *other = peer_new ();
  size_t at = 0;

  (void) state;
  run_pipe ();
  assert_true (send_until_full (client, &at) < 1024 * KIB);
  assert_in_range (kit_stats ().most_held_len, 1, 60 * KIB);
  assert_true (kit_idle (50) < 50);
  peer_ask (other, "NOP\n", "OK\n");
  haul_read (&haul, ends[0], 100 * KIB);
  send_until_full (client, &at);
  assert_in_range (kit_stats ().most_held_len, 1, 60 * KIB);
  kit_until ((pump_answer (client, &at, 4096 * KIB), haul_read (&haul, ends[0], 1 << 20),
              pump_has_ended ()));
  pump_close (ends[1]);
  kit_until (haul_read (&haul, ends[0], 1 << 20));
  haul_expect (&haul, 4096 * KIB);
  haul_free (&haul);
  assert_int_equal (kit_stats ().held_len, 0);
}

/* The client's next command waits until everything was written.  */
static void
test_end_while_full (void **state) {
  const size_t len = 70 * KIB; /* a pipe has room for 64 */
  struct haul haul = { 0 };
  size_t at = 0;

  (void) state;
  run_pipe ();
  peer_expect (client, "INQUIRE BULK\n");
  kit_until (pump_answer (client, &at, len));
  peer_say (client, "NOP\n");
  peer_expect_nothing (client);
  assert_false (pump_has_ended ());
  kit_until ((haul_read (&haul, ends[0], 1 << 20), pump_has_ended ()));
  peer_expect (client, "OK\nOK\n");
  pump_close (ends[1]);
  kit_until (haul_read (&haul, ends[0], 1 << 20));
  haul_expect (&haul, len);
  haul_free (&haul);
}

/* The reader goes away: the client's answer is swallowed, its next command served.  */
static void
test_reader_leaves (void **state) {
  struct haul haul = { 0 };
  size_t at = 0;

  (void) state;
  for (int full = 0; full < 2; full++) {
    at = 0;
    pump_pipe (ends);
    client = pump_run (EVA_PUMP_CONNECTION, ends[1]);
    if (full) send_until_full (client, &at);
    pump_close (ends[0]);
    kit_until ((pump_answer (client, &at, 4096 * KIB), pump_has_ended ()));
    pump_await_end (GPG_ERR_EPIPE);
    kit_until (pump_answer (client, &at, 4096 * KIB));
    kit_until (haul_take (&haul, client, 1000));
    assert_int_equal (strncmp (haul.end, "ERR ", 4), 0);
    peer_ask (client, "NOP\n", "OK\n");
    haul_free (&haul);
  }
}

static void
test_full_disk (void **state) {
  struct peer *p =
      pump_run (EVA_PUMP_CONNECTION, pump_keep (open ("/dev/full", O_WRONLY | O_CLOEXEC)));

  (void) state;
  peer_expect (p, "INQUIRE BULK\n");
  peer_say (p, "D data\n");
  peer_expect_err (p, GPG_ERR_ENOSPC, NULL);
  pump_await_end (GPG_ERR_ENOSPC);
  peer_ask (p, "D more\nEND\nNOP\n", "OK\n");
}

/* --- Answers that are none -------------------------------------------------------------------- */

static void
expect_failure (const char *answer, gpg_err_code_t code, const char *rest) {
  struct peer *p;
  int fds[2];

  pump_pipe (fds);
  p = pump_run (EVA_PUMP_CONNECTION, fds[1]);
  peer_expect (p, "INQUIRE BULK\n");
  peer_say (p, "D data\n");
  peer_say (p, answer);
  peer_expect_err (p, code, NULL);
  pump_await_end (code);
  peer_say (p, rest);
  peer_ask (p, "NOP\n", "OK\n");
}

static void
test_cancelled_by_client (void **state) {
  (void) state;
  expect_failure ("CAN\n", GPG_ERR_ASS_CANCELED, "");
}

static void
test_unexpected_line (void **state) {
  (void) state;
  expect_failure ("NOP\n", GPG_ERR_ASS_UNEXPECTED_CMD, "");
}

static void
test_overlong_line (void **state) {
  char line[1100];

  (void) state;
  memset (line, 'x', sizeof line);
  memcpy (line, "D ", 2);
  strcpy (line + sizeof line - 2, "\n");
  expect_failure (line, GPG_ERR_ASS_LINE_TOO_LONG, "D more\nEND\n");
}

static void
test_too_much (void **state) {
  struct eva_limits limits = { .max_inquiry_len = 9 };

  (void) state;
  pumping.config.max_len = 5;
  expect_failure ("D da\n", GPG_ERR_ASS_TOO_MUCH_DATA, "D more\nEND\n");
  pumping.config.max_len = 0;
  kit_set_connection_limits (&limits);
  expect_failure ("D 123456\n", GPG_ERR_ASS_TOO_MUCH_DATA, "END\n");
  pumping.config.max_len = 100;
  expect_failure ("D 123456\n", GPG_ERR_ASS_TOO_MUCH_DATA, "END\n");
}

static void
test_as_much_as_allowed (void **state) {
  (void) state;
  pumping.config.max_len = 5;
  run_pipe ();
  peer_ask (client, "D 12\nD 345\nEND\n", "INQUIRE BULK\nOK\n");
  assert_int_equal (pump_await_end (0)->n_pumped, 5);
}

/* The client half-closes, or leaves, in the middle of its answer, or of a line.  */
static void
test_end_of_file (void **state) {
  (void) state;
  for (int i = 0; i < 2; i++) {
    pump_pipe (ends);
    client = pump_run (EVA_PUMP_CONNECTION, ends[1]);
    peer_expect (client, "INQUIRE BULK\n");
    peer_say (client, i ? "D data\nD da" : "D data\n");
    peer_shut (client);
    peer_expect_err (client, GPG_ERR_EOF, NULL);
    peer_expect_end (client);
    pump_await_end (GPG_ERR_EOF);
  }
}

/* Everything was answered before: a client that sends no more may still have its reply.  */
static void
test_end_of_file_behind_answer (void **state) {
  const size_t len = 300 * KIB;
  struct haul haul = { 0 };
  size_t at = 0;

  (void) state;
  run_pipe ();
  kit_until ((haul_read (&haul, ends[0], 1000), pump_answer (client, &at, len)));
  peer_shut (client);
  kit_until ((haul_read (&haul, ends[0], 1000), pump_has_ended ()));
  pump_await_end (0);
  peer_expect (client, "INQUIRE BULK\nOK\n");
  peer_expect_end (client);
  pump_close (ends[1]);
  kit_until (haul_read (&haul, ends[0], 1 << 20));
  haul_expect (&haul, len);
  haul_free (&haul);
}

/* --- Time ------------------------------------------------------------------------------------- */

/* The command goes on, and decides for itself.  */
static void
test_answer_takes_too_long (void **state) {
  struct eva_limits limits = { .inquiry_timeout_ms = 20 };

  (void) state;
  kit_set_connection_limits (&limits);
  run_pipe ();
  peer_expect (client, "INQUIRE BULK\n");
  peer_say (client, "D data\n");
  peer_expect_err (client, GPG_ERR_TIMEOUT, NULL);
  pump_await_end (GPG_ERR_TIMEOUT);
  peer_ask (client, "D more\nEND\nNOP\n", "OK\n");
}

static void
leave_open (struct pump *pump) {
  (void) pump;
}

/* While it does, and the rest of the answer does not come, the server is at rest.  What it asks for
   meanwhile comes behind that rest.  */
static void
test_command_goes_on_without_answer (void **state) {
  struct eva_limits limits = { .inquiry_timeout_ms = 20 };

  (void) state;
  pumping.at_end = leave_open;
  kit_set_connection_limits (&limits);
  run_pipe ();
  peer_expect (client, "INQUIRE BULK\n");
  pump_await_end (GPG_ERR_TIMEOUT);
  assert_true (kit_idle (100) < 100);
  assert_int_equal (pump_begin (client->guest->ctx), 0);
  peer_expect (client, "INQUIRE BULK\n");
  peer_say (client, "D old\nEND\nD new\nEND\n");
  pump_await_end (0);
  assert_int_equal (assuan_process_done (client->guest->ctx, 0), 0);
  peer_ask (client, "NOP\n", "OK\nOK\n");
}

/* That the descriptor takes its time is not the client's fault.  */
static void
test_slow_reader_is_no_slow_client (void **state) {
  struct eva_limits limits = { .inquiry_timeout_ms = 20 };
  struct haul haul = { 0 };
  size_t at = 0;

  (void) state;
  run_pipe ();
  send_until_full (client, &at);
  kit_set_connection_limits (&limits);
  kit_idle (60);
  assert_false (pump_has_ended ());
  limits.inquiry_timeout_ms = 0;
  kit_set_connection_limits (&limits);
  kit_until ((pump_answer (client, &at, 4096 * KIB), haul_read (&haul, ends[0], 1 << 20),
              pump_has_ended ()));
  pump_await_end (0);
  haul_free (&haul);
}

static const struct CMUnitTest tests[] = {
  pump_test (test_pipe),
  pump_test (test_no_data),
  pump_test (test_at_once),
  pump_test (test_much_into_pipe),
  pump_test (test_much_into_socket),
  pump_test (test_slow_reader),
  pump_test (test_file),
  pump_test (test_terminal),
  pump_test (test_nobody_reads),
  pump_test (test_end_while_full),
  pump_test (test_reader_leaves),
  pump_test (test_full_disk),
  pump_test (test_cancelled_by_client),
  pump_test (test_unexpected_line),
  pump_test (test_overlong_line),
  pump_test (test_too_much),
  pump_test (test_as_much_as_allowed),
  pump_test (test_end_of_file),
  pump_test (test_end_of_file_behind_answer),
  pump_test (test_answer_takes_too_long),
  pump_test (test_command_goes_on_without_answer),
  pump_test (test_slow_reader_is_no_slow_client),
};

const struct suite suite_in = { "in", tests, N_ELEMENTS (tests) };
