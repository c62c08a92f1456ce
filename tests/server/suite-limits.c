/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-limits.c - what connections may cost in octets, descriptors and numbers.  */

#include "suite.h"

#include "eva-conn.h"

#include <fcntl.h>

/* --- Output that is not taken ----------------------------------------------------------------- */

/* Above the high water a client's further requests are not read; others do not notice.  */
static void
test_high_water (void **state) {
  const struct eva_limits limits = { .high_water_len = 20000 };
  struct peer *p, *q;

  (void) state;
  kit_set_connection_limits (&limits);
  p = peer_new ();
  q = peer_new ();
  peer_say (p, "DATA 1000000\nRUN\n");
  kit_settle ();
  peer_say (p, "RUN\n");
  kit_settle ();
  assert_int_equal (service.n_runs, 0);
  assert_true (eva_get_queued_len (p->guest->ctx) > 20000);
  peer_ask (q, "ECHO a\n", "D a\nOK\n");
  peer_expect_data (p, 1000000);
  peer_expect (p, "OK\nOK\n");
  assert_int_equal (service.n_runs, 2);
  assert_int_equal (kit_stats ().n_dropped, 0);
}

/* However much a client asks for ahead, what waits for it stays near the high water.  */
static void
test_high_water_of_many (void **state) {
  const struct eva_limits limits = { .high_water_len = 20000 };
  static char requests[1000 * 10];
  size_t most = 0;
  struct peer *p;

  (void) state;
  kit_set_connection_limits (&limits);
  p = peer_new ();
  for (size_t i = 0; i < sizeof requests; i += 10)
    memcpy (requests + i, "DATA 1000\n", 10);
  peer_push (p, requests, sizeof requests);
  for (int i = 0; i < 2000; i++) {
    size_t len;
    kit_turn ();
    peer_take (p, 1);
    len = eva_get_queued_len (p->guest->ctx);
    if (len > most) most = len;
  }
  assert_in_range (most, 20000, 20000 + 3000);
  for (size_t i = 0; i < sizeof requests; i += 10)
    peer_expect_data (p, 1000);
}

static gpg_error_t send_err;

static gpg_error_t
send_for_ever (assuan_context_t ctx, char *line) {
  static char much[10000];

  (void) line;
  service_defer (ctx);
  send_err = 0;
  for (int i = 0; i < 1000 && !send_err; i++)
    send_err = assuan_send_data (ctx, much, sizeof much);
  return 0;
}

static void
test_max_queued (void **state) {
  const struct eva_limits limits = { .max_queued_len = 1000000 };
  struct peer *p, *q;

  (void) state;
  kit_set_connection_limits (&limits);
  p = peer_new ();
  q = peer_new ();
  service.run = send_for_ever;
  peer_say (p, "RUN\n");
  kit_until (p->guest->n_closed);
  assert_code (send_err, GPG_ERR_TOO_LARGE);
  assert_int_equal (p->guest->reason, GPG_ERR_TOO_LARGE);
  assert_int_equal (service.jobs->n_cancelled, 1);
  assert_int_equal (kit_stats ().n_dropped, 1);
  peer_ask (q, "ECHO a\n", "D a\nOK\n");
}

static gpg_error_t
write_for_ever (assuan_context_t ctx, char *line) {
  (void) line;
  service_defer (ctx);
  send_err = 0;
  for (int i = 0; i < 1000000 && !send_err; i++)
    send_err = assuan_write_status (ctx, "STATUS", "of some length");
  return 0;
}

static void
test_max_queued_of_lines (void **state) {
  const struct eva_limits limits = { .max_queued_len = 100000 };
  struct peer *p;

  (void) state;
  kit_set_connection_limits (&limits);
  p = peer_new ();
  service.run = write_for_ever;
  peer_say (p, "RUN\n");
  kit_until (p->guest->n_closed);
  assert_code (send_err, GPG_ERR_TOO_LARGE);
  assert_int_equal (p->guest->reason, GPG_ERR_TOO_LARGE);
  assert_int_equal (kit_stats ().n_dropped, 1);
}

/* A limit is no limit of what one handler says, where the peer takes it.  */
static void
test_small_queue (void **state) {
  const struct eva_limits limits = { .max_queued_len = 10000 };
  struct peer *p;

  (void) state;
  kit_set_connection_limits (&limits);
  p = peer_new ();
  peer_say (p, "DATA 60000\nSTATUS 1000\n");
  peer_expect_data (p, 60000);
  for (int i = 0; i < 1000; i++) {
    char text[30];
    snprintf (text, sizeof text, "S COUNT %d\n", i);
    peer_expect (p, text);
  }
  peer_expect (p, "OK\n");
}

/* --- Inquiries -------------------------------------------------------------------------------- */

static void
test_max_inquiry (void **state) {
  const struct eva_limits limits = { .max_inquiry_len = 10 };
  struct peer *p;

  (void) state;
  kit_set_connection_limits (&limits);
  p = peer_new ();
  peer_ask (p, "ASK\nD 1234567890\nEND\n", "INQUIRE ASKED\nD 1234567890\nOK\n");
  peer_ask (p, "ASK\nD 12345678901\nEND\n", "INQUIRE ASKED\n");
  peer_expect_err (p, GPG_ERR_ASS_TOO_MUCH_DATA, NULL);
  peer_ask (p, "ASK 100\nD 123456\nD 78901\nEND\n", "INQUIRE ASKED\n");
  peer_expect_err (p, GPG_ERR_ASS_TOO_MUCH_DATA, NULL);
  peer_ask (p, "ASK 3\nD 1234\nEND\n", "INQUIRE ASKED\n");
  peer_expect_err (p, GPG_ERR_ASS_TOO_MUCH_DATA, NULL);
  peer_ask (p, "NOP\n", "OK\n");
}

/* --- Descriptors ------------------------------------------------------------------------------ */

static void
test_max_pending_fds (void **state) {
  const struct eva_limits limits = { .max_pending_fds = 2 };
  int fds[3];
  gpg_error_t err;
  struct peer *p;

  (void) state;
  kit_set_connection_limits (&limits);
  p = peer_adopt (EVA_LISTEN_FDPASSING, &err);
  assert_int_equal (err, 0);
  peer_expect_greeting (p);
  for (size_t i = 0; i < 3; i++)
    fds[i] = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  peer_send_fds (p, "INPUT FD\n", fds, 2);
  peer_expect (p, "OK\n");
  peer_send_fds (p, "INPUT FD\n", fds, 1);
  peer_expect (p, "OK\n");
  assert_int_equal (p->guest->n_closed, 0);
  peer_send_fds (p, "NOP\n", fds, 3);
  kit_until (p->guest->n_closed);
  assert_int_equal (p->guest->reason, GPG_ERR_TOO_LARGE);
  assert_int_equal (kit_stats ().n_dropped, 1);
  for (size_t i = 0; i < 3; i++)
    close (fds[i]);
}

/* --- Octets that are held --------------------------------------------------------------------- */

static void
test_max_held (void **state) {
  const struct eva_server_limits limits = { .max_held_len = 40000 };
  struct peer *peers[4];

  (void) state;
  kit_set_limits (&limits);
  for (size_t i = 0; i < 4; i++)
    peers[i] = peer_new ();
  kit_settle ();
  assert_int_equal (kit_stats ().held_len, 0);
  for (size_t i = 0; i < 3; i++)
    peer_say (peers[i], "ECHO hal");
  kit_until (peers[0]->guest->n_closed + peers[1]->guest->n_closed + peers[2]->guest->n_closed);
  kit_settle ();
  assert_int_equal (kit_stats ().n_dropped, 1);
  assert_int_equal (kit_stats ().n_connections, 3);
  assert_in_range (kit_stats ().held_len, 1, 40000);
  for (size_t i = 0; i < 3; i++)
    if (!peers[i]->guest->n_closed)
      peer_ask (peers[i], "f\n", "D half\nOK\n");
    else
      assert_int_equal (peers[i]->guest->reason, GPG_ERR_TOO_LARGE);
  peer_ask (peers[3], "ECHO a\n", "D a\nOK\n");
  kit_settle ();
  assert_int_equal (kit_stats ().held_len, 0);
  assert_in_range (kit_stats ().most_held_len, 20000, 40000);
}

static void
test_max_held_of_user (void **state) {
  const struct eva_server_limits limits = { .max_held_per_uid_len = 20000 };
  struct peer *p, *q;

  (void) state;
  kit_set_limits (&limits);
  p = peer_new ();
  q = peer_new ();
  peer_say (p, "ECHO hal");
  kit_settle ();
  peer_say (q, "ECHO hal");
  kit_until (q->guest->n_closed);
  assert_int_equal (q->guest->reason, GPG_ERR_TOO_LARGE);
  peer_ask (p, "f\n", "D half\nOK\n");
}

/* The answer to an inquiry is held, too, until its continuation has it.  */
static void
test_max_held_by_answer (void **state) {
  const struct eva_server_limits limits = { .max_held_len = 100000 };
  static char line[1000];
  struct peer *p, *q;

  (void) state;
  kit_set_limits (&limits);
  p = peer_new ();
  q = peer_new ();
  memset (line, 'x', sizeof line);
  memcpy (line, "D ", 2);
  line[sizeof line - 1] = '\n';
  peer_ask (q, "ASK\n", "INQUIRE ASKED\n");
  peer_say (q, "D ");
  peer_send (q, line, 40);
  peer_say (q, "\nEND\n");
  kit_until (service.inquiries->n_continued);
  kit_until ((peer_take (q, 1000), q->len > 3 && !memcmp (q->data + q->len - 3, "OK\n", 3)));
  kit_settle ();
  assert_int_equal (kit_stats ().held_len, 0);
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  for (int i = 0; i < 200 && !p->guest->n_closed; i++) {
    peer_push (p, line, sizeof line);
    kit_turn ();
    kit_turn ();
  }
  kit_until (p->guest->n_closed);
  assert_int_equal (p->guest->reason, GPG_ERR_TOO_LARGE);
  assert_code (service.inquiries->err, GPG_ERR_TOO_LARGE);
  assert_int_equal (kit_stats ().n_dropped, 1);
  assert_int_equal (kit_stats ().held_len, 0);
  assert_in_range (kit_stats ().most_held_len, 50000, 100000);
}

static gpg_error_t
take_answer (struct inquiry *inquiry) {
  return inquiry->err;
}

/* Near its limit a connection gets no larger buffer for bulk data, and goes on without; far from it
   the buffer counts as long as it is there.  */
static void
check_bulk (size_t max_held_len, size_t n_lines) {
  const struct eva_server_limits limits = { .max_held_len = max_held_len };
  static char lines[100 * 1000];
  struct peer *p;

  service.answered = take_answer;
  kit_set_limits (&limits);
  p = peer_new ();
  memset (lines, 'x', sizeof lines);
  for (size_t i = 0; i < n_lines; i++) {
    memcpy (lines + i * 1000, "D ", 2);
    lines[i * 1000 + 999] = '\n';
  }
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  peer_send (p, lines, n_lines * 1000);
  peer_say (p, "END\n");
  kit_until (p->guest->n_closed || service.inquiries->n_continued);
  assert_int_equal (p->guest->n_closed, 0);
  assert_code (service.inquiries->err, 0);
  assert_int_equal (service.inquiries->len, n_lines * 997);
  peer_expect (p, "OK\n");
  kit_settle ();
  assert_int_equal (kit_stats ().held_len, 0);
}

/* Sends comments that are more than one buffer holds, and half a line.  */
static void
flood_with_comments (struct peer *p) {
  static char lines[40 * 1000];

  memset (lines, 'x', sizeof lines);
  for (size_t i = 0; i < sizeof lines; i += 1000) {
    memcpy (lines + i, "# ", 2);
    lines[i + 999] = '\n';
  }
  peer_send (p, lines, sizeof lines - 500);
  kit_settle ();
}

/* Answers to inquiries that come in bulk take nothing that the requests of others need.  */
static void
test_bulk_leaves_room (void **state) {
  const struct eva_server_limits limits = { .max_held_len = 145000 };
  struct peer *peers[5];

  (void) state;
  service.answered = take_answer;
  kit_set_limits (&limits);
  for (size_t i = 0; i < 5; i++)
    peers[i] = peer_new ();
  for (size_t i = 0; i < 3; i++) {
    peer_ask (peers[i], "ASK\n", "INQUIRE ASKED\n");
    flood_with_comments (peers[i]);
  }
  peer_ask (peers[3], "NOP\n", "OK\n");
  peer_say (peers[3], "NO");
  peer_ask (peers[4], "NOP\n", "OK\n");
  for (size_t i = 0; i < 3; i++)
    peer_ask (peers[i], "\nEND\n", "OK\n");
  peer_ask (peers[3], "P\n", "OK\n");
  assert_int_equal (kit_stats ().n_dropped, 0);
  kit_settle ();
  assert_int_equal (kit_stats ().held_len, 0);
}

/* A client that always leaves half a line has a buffer for bulk data no longer than it has to
   answer; and it gives that back even where no other buffer may be had.  */
static void
test_bulk_ends_with_answer (void **state) {
  const struct eva_server_limits limits = { .max_held_len = 200000 };
  struct peer *p, *others[8];

  (void) state;
  service.answered = take_answer;
  kit_set_limits (&limits);
  p = peer_new ();
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  flood_with_comments (p);
  assert_in_range (kit_stats ().held_len, 60000, 70000);
  for (size_t i = 0; i < 8; i++) {
    others[i] = peer_new ();
    peer_say (others[i], "NO");
  }
  kit_settle ();
  assert_in_range (kit_stats ().held_len, 200000 - EVA_INPUT_SIZE, 200000);
  peer_ask (p, "\nEND\nNO", "OK\n");
  kit_settle ();
  assert_int_equal (kit_stats ().held_len, 9 * EVA_INPUT_SIZE);
  peer_ask (p, "P\n", "OK\n");
  for (size_t i = 0; i < 8; i++)
    peer_ask (others[i], "P\n", "OK\n");
  assert_int_equal (kit_stats ().n_dropped, 0);
  kit_settle ();
  assert_int_equal (kit_stats ().held_len, 0);
}

static void
test_bulk_near_limit (void **state) {
  (void) state;
  check_bulk (60000, 24);
  assert_in_range (kit_stats ().most_held_len, 40000, 60000);
}

static void
test_bulk_counts (void **state) {
  (void) state;
  check_bulk (0, 100);
  assert_in_range (kit_stats ().most_held_len, 100000 + 60000, 1000000);
}

/* --- Numbers ---------------------------------------------------------------------------------- */

/* What a client hears that is not let in.  */
static void
expect_refusal (struct peer *p, gpg_err_code_t code) {
  peer_expect_err (p, code, NULL);
  peer_expect_end (p);
}

static void
check_number (const struct eva_server_limits *limits) {
  struct peer *p, *q;
  char address[100];
  gpg_error_t err;

  kit_set_limits (limits);
  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  p = peer_new ();
  q = peer_connect (0);
  peer_expect_greeting (q);
  expect_refusal (peer_connect (0), GPG_ERR_LIMIT_REACHED);
  assert_null (peer_adopt (0, &err));
  assert_code (err, GPG_ERR_LIMIT_REACHED);
  assert_int_equal (kit_stats ().n_refused, 2);
  assert_int_equal (kit_stats ().n_accepted, 2);
  peer_ask (p, "ECHO a\n", "D a\nOK\n");
  peer_close (p);
  kit_until (p->guest->n_closed);
  p = peer_connect (0);
  peer_expect_greeting (p);
  assert_int_equal (kit_stats ().most_connections, 2);
}

static void
test_max_connections (void **state) {
  const struct eva_server_limits limits = { .max_connections = 2 };

  (void) state;
  check_number (&limits);
}

static void
test_max_connections_of_user (void **state) {
  const struct eva_server_limits limits = { .max_connections_per_uid = 2 };

  (void) state;
  check_number (&limits);
}

static gpg_error_t
refuse (assuan_context_t ctx) {
  (void) ctx;
  return ERR (GPG_ERR_FORBIDDEN);
}

static void
test_open_refuses (void **state) {
  char address[100];
  gpg_error_t err;

  (void) state;
  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  service.open = refuse;
  expect_refusal (peer_connect (0), GPG_ERR_FORBIDDEN);
  assert_null (peer_adopt (0, &err));
  assert_int_equal (err, ERR (GPG_ERR_FORBIDDEN));
  assert_int_equal (service.n_refused, 2);
  assert_int_equal (kit_stats ().n_refused, 2);
  assert_int_equal (kit_stats ().n_accepted, 0);
  assert_int_equal (kit_stats ().n_connections, 0);
}

static void
test_no_limits (void **state) {
  const struct eva_server_limits none = {
    .connection = {
      .high_water_len = EVA_NO_LIMIT_LEN,
      .max_queued_len = EVA_NO_LIMIT_LEN,
      .max_inquiry_len = EVA_NO_LIMIT_LEN,
      .max_pending_fds = EVA_NO_LIMIT,
      .line_timeout_ms = EVA_NO_LIMIT,
      .idle_timeout_ms = EVA_NO_LIMIT,
      .command_timeout_ms = EVA_NO_LIMIT,
      .inquiry_timeout_ms = EVA_NO_LIMIT,
      .close_timeout_ms = EVA_NO_LIMIT,
    },
    .max_connections = EVA_NO_LIMIT,
    .max_connections_per_uid = EVA_NO_LIMIT,
    .max_held_len = EVA_NO_LIMIT_LEN,
    .max_held_per_uid_len = EVA_NO_LIMIT_LEN,
  };
  struct peer *p;

  (void) state;
  kit_set_limits (&none);
  p = peer_new ();
  peer_say (p, "DATA 6000000\n");
  kit_settle ();
  assert_true (kit_stats ().held_len > 5000000);
  peer_expect_data (p, 6000000);
  peer_ask (p, "ASK\nD x\nEND\nBYE\n", "INQUIRE ASKED\nD x\nOK\nOK closing connection\n");
  peer_expect_end (p);
  assert_code (eva_server_set_limits (kit.server, NULL), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_set_limits (NULL, &none), GPG_ERR_ASS_INV_VALUE);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_high_water),
  kit_test (test_high_water_of_many),
  kit_test (test_max_queued),
  kit_test (test_max_queued_of_lines),
  kit_test (test_small_queue),
  kit_test (test_max_inquiry),
  kit_test (test_max_pending_fds),
  kit_test (test_max_held),
  kit_test (test_max_held_of_user),
  kit_test (test_max_held_by_answer),
  kit_test (test_bulk_leaves_room),
  kit_test (test_bulk_counts),
  kit_test (test_bulk_ends_with_answer),
  kit_test (test_bulk_counts),
  kit_test (test_bulk_near_limit),
  kit_test (test_bulk_counts),
  kit_test (test_max_connections),
  kit_test (test_max_connections_of_user),
  kit_test (test_open_refuses),
  kit_test (test_no_limits),
};

SUITE (limits);
