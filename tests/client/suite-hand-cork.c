/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-hand-cork.c - data of blocking contexts that wait for more: what has left when.  */

#include "hand.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_LEN  ((size_t) 996) /* fills a line of ours */
#define LINE_LEN   (PIECE_LEN + 3)
#define CORKED_LEN ((size_t) 64 << 10)

static struct peer peer;
static char piece[PIECE_LEN];

/* What the command of the test does.  */
static void (*deeds) (assuan_context_t ctx);

/* Octets that came before the command began: the greeting.  */
static size_t greeting_len;

/* Asserts that LEN octets left since then.  */
static void
expect_left (size_t len) {
  peer_take (&peer);
  assert_int_equal (peer.n_octets, greeting_len + len);
}

static void
send_pieces (assuan_context_t ctx, size_t n) {
  for (size_t i = 0; i < n; i++)
    assert_error (assuan_send_data (ctx, piece, PIECE_LEN), "0");
}

static gpg_error_t
cmd_stream (assuan_context_t ctx, char *line) {
  (void) line;
  peer_take (&peer);
  greeting_len = peer.n_octets;
  deeds (ctx);
  return 0;
}

/* Runs STREAM, which does WORK, and REQUESTS in a blocking server.  Returns what the client heard,
   which the caller frees.  */
static char *
serve (void (*work) (assuan_context_t ctx), const char *requests) {
  assuan_context_t ctx = hand_new_server (&peer, ASSUAN_SOCKET_SERVER_FDPASSING);
  char *heard;

  memset (piece, 'x', PIECE_LEN);
  deeds = work;
  assert_error (assuan_register_command (ctx, "STREAM", cmd_stream, NULL), "0");
  peer_say (&peer, "STREAM\n");
  peer_say (&peer, requests);
  assert_error (assuan_accept (ctx), "0");
  assert_error (assuan_process (ctx), "0");
  peer_take (&peer);
  heard = strndup (peer.in.data, peer.in.len);
  assert_non_null (heard);
  peer_close (&peer);
  assuan_release (ctx);
  kit_expect ("");
  return heard;
}

/* Runs WORK, after which the reply comes.  */
static void
run (void (*work) (assuan_context_t ctx), const char *requests) {
  char *heard = serve (work, requests);
  const char *end = strstr (heard, "\nOK\nOK closing connection\n");

  assert_non_null (end);
  free (heard);
}

/* --- What waits and what does not ------------------------------------------------------------- */

static void
do_uncorked (assuan_context_t ctx) {
  for (size_t i = 1; i < 4; i++) {
    send_pieces (ctx, 1);
    expect_left (i * LINE_LEN);
  }
}

static void
do_corked (assuan_context_t ctx) {
  size_t n = CORKED_LEN / LINE_LEN;

  assert_error (eva_cork (ctx), "0");
  send_pieces (ctx, n);
  expect_left (0);
  send_pieces (ctx, 1);
  expect_left ((n + 1) * LINE_LEN);
  send_pieces (ctx, 1);
  expect_left ((n + 1) * LINE_LEN);
}

static void
do_uncork (assuan_context_t ctx) {
  assert_error (eva_cork (ctx), "0");
  assert_error (eva_cork (ctx), "0");
  send_pieces (ctx, 2);
  expect_left (0);
  assert_error (eva_uncork (ctx), "0");
  expect_left (2 * LINE_LEN);
  assert_error (eva_uncork (ctx), "0");
  send_pieces (ctx, 1);
  expect_left (3 * LINE_LEN);
}

static void
do_status (assuan_context_t ctx) {
  assert_error (eva_cork (ctx), "0");
  send_pieces (ctx, 1);
  assert_error (assuan_write_status (ctx, "NOW", NULL), "0");
  expect_left (LINE_LEN + strlen ("S NOW\n"));
  assert_memory_equal (peer.in.data + greeting_len + LINE_LEN, "S NOW\n", 6);
}

static void
do_flush (assuan_context_t ctx) {
  assert_error (eva_cork (ctx), "0");
  assert_error (assuan_send_data (ctx, "abc", 3), "0");
  expect_left (0);
  assert_error (assuan_send_data (ctx, NULL, 0), "0");
  expect_left (strlen ("D abc\n"));
}

static void
do_inquire (assuan_context_t ctx) {
  unsigned char *buf;
  size_t len;

  assert_error (eva_cork (ctx), "0");
  send_pieces (ctx, 1);
  assert_error (assuan_inquire (ctx, "WHAT", &buf, &len, 0), "0");
  expect_left (LINE_LEN + strlen ("INQUIRE WHAT\n"));
  assert_int_equal (len, 3);
  assuan_free (ctx, buf);
  send_pieces (ctx, 1); /* still corked */
  expect_left (LINE_LEN + strlen ("INQUIRE WHAT\n"));
}

/* Whatever waits for the peer.  */
static void
do_read (assuan_context_t ctx) {
  char *line;
  size_t len;

  assert_error (eva_cork (ctx), "0");
  send_pieces (ctx, 1);
  assert_error (assuan_read_line (ctx, &line, &len), "0");
  assert_string_equal (line, "hello");
}

static void
do_descriptor (assuan_context_t ctx) {
  assert_error (eva_cork (ctx), "0");
  send_pieces (ctx, 1);
  assert_error (assuan_sendfd (ctx, 0), "0");
  peer_take (&peer);
  assert_int_equal (peer.n_fds, 1);
  assert_true (peer.n_octets >= greeting_len + LINE_LEN);
}

static void
test_server (void **state) {
  (void) state;
  run (do_uncorked, "BYE\n");
  run (do_corked, "BYE\n");
  run (do_uncork, "BYE\n");
  run (do_status, "BYE\n");
  run (do_flush, "BYE\n");
  run (do_inquire, "D abc\nEND\nBYE\n");
  run (do_read, "hello\nBYE\n");
  run (do_descriptor, "BYE\n");
}

/* --- The program that sends it without -------------------------------------------------------- */

/* The same octets come, corked or not.  */
static void
do_much (assuan_context_t ctx) {
  for (size_t i = 0; i < 3000; i++) {
    char text[60];
    int len = snprintf (text, sizeof text, "%zu%%\r\n%*s", i, (int) (i % 40), "");
    assert_error (assuan_send_data (ctx, text, (size_t) len), "0");
    peer_take (&peer); /* makes room */
    if (i % 700 == 0) assert_error (assuan_write_status (ctx, "AT", text), "0");
  }
}

static void
do_much_corked (assuan_context_t ctx) {
  assert_error (eva_cork (ctx), "0");
  do_much (ctx);
}

static void
test_same_octets (void **state) {
  char *plain = serve (do_much, "BYE\n");
  char *corked = serve (do_much_corked, "BYE\n");

  (void) state;
  assert_string_equal (plain, corked);
  free (plain);
  free (corked);
}

/* --- Clients ---------------------------------------------------------------------------------- */

static gpg_error_t
answer (void *arg, const char *keyword) {
  assuan_context_t ctx = arg;
  size_t before;

  (void) keyword;
  peer_take (&peer);
  before = peer.n_octets;
  assert_error (eva_cork (ctx), "0");
  send_pieces (ctx, 2);
  peer_take (&peer);
  assert_int_equal (peer.n_octets, before);
  peer_say (&peer, "OK\n");
  return 0;
}

static void
test_client (void **state) {
  assuan_context_t ctx = hand_new_client (&peer, 0);

  (void) state;
  memset (piece, 'x', PIECE_LEN);
  peer_say (&peer, "INQUIRE WHAT\n");
  assert_error (assuan_transact (ctx, "GO", NULL, NULL, answer, ctx, NULL, NULL), "0");
  peer_take (&peer);
  assert_int_equal (peer.n_octets, strlen ("GO\n") + 2 * LINE_LEN + strlen ("END\n"));
  hand_end (ctx, &peer);
}

/* --- Contexts that this is not for ------------------------------------------------------------ */

static void
test_driven (void **state) {
  struct hand h;
  assuan_context_t ctx = hand_serve (&h, &peer);

  (void) state;
  assert_error (eva_cork (ctx), "0");
  peer_say (&peer, "ECHO hello\n");
  peer_hears (&peer, "D hello\nOK\n");
  kit_expect ("ECHO hello\n");
  assert_error (eva_uncork (ctx), "0");
  hand_end (ctx, &peer);
}

/* A new connection is not corked.  */
static void
test_misuse (void **state) {
  assuan_context_t ctx;

  (void) state;
  assert_error (eva_cork (NULL), "ASS_INV_VALUE");
  assert_error (eva_uncork (NULL), "ASS_INV_VALUE");
  assert_error (assuan_new (&ctx), "0");
  assert_error (eva_cork (ctx), "EPIPE");
  assert_error (eva_uncork (ctx), "0");
  assuan_release (ctx);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_server), kit_test (test_same_octets), kit_test (test_client),
  kit_test (test_driven), kit_test (test_misuse),
};

const struct suite hand_cork_suite = { "hand-cork", tests, N_ELEMENTS (tests) };
