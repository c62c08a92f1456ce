/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Data lines of a server: how octets become lines, when they leave, in which order.  */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "suite.h"

/* One case: what the handler sends, in pieces of PIECE octets (0: at once).  */
struct dose {
  const char *octets;
  size_t len, piece;
  gpg_error_t err;
};

static gpg_error_t
cmd_send (assuan_context_t ctx, char *line) {
  struct dose *dose = assuan_get_pointer (ctx);
  size_t piece = dose->piece ? dose->piece : dose->len;

  (void) line;
  for (size_t i = 0; i < dose->len && !dose->err; i += piece) {
    size_t n = dose->len - i < piece ? dose->len - i : piece;

    dose->err = assuan_send_data (ctx, dose->octets + i, n);
  }
  return 0;
}

/* The same by way of the stream.  */
static gpg_error_t
cmd_print (assuan_context_t ctx, char *line) {
  struct dose *dose = assuan_get_pointer (ctx);
  FILE *fp = assuan_get_data_fp (ctx);

  (void) line;
  if (!fp || fwrite (dose->octets, 1, dose->len, fp) != dose->len) dose->err = 1;
  return 0;
}

static void
prepare (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "SEND", cmd_send, NULL);
  assuan_register_command (ctx, "PRINT", cmd_print, NULL);
}

/* What must come for DOSE: lines filled until 998 octets or more stand on them.  Returns the
 * length; OUT is large enough for any dose here.  */
static size_t
expected_lines (const struct dose *dose, char *out) {
  size_t n = 0, line_len = 0;

  for (size_t i = 0; i < dose->len; i++) {
    unsigned char c = (unsigned char) dose->octets[i];

    if (!line_len) {
      memcpy (out + n, "D ", 2);
      n += line_len = 2;
    }
    if (c == '%' || c == '\r' || c == '\n') {
      n += (size_t) sprintf (out + n, "%%%02X", c);
      line_len += 3;
    } else {
      out[n++] = (char) c;
      line_len++;
    }
    if (line_len >= 998) {
      out[n++] = '\n';
      line_len = 0;
    }
  }
  if (line_len) out[n++] = '\n';
  memcpy (out + n, "OK\n", 3);
  return n + 3;
}

static void
check_dose (const char *octets, size_t len, size_t piece) {
  struct dose dose = { octets, len, piece, 0 };
  char *expected = malloc (4 * len + 100);
  size_t expected_len = expected_lines (&dose, expected);
  struct server s;

  server_start (&s, SERVER_SOCKET, prepare, &dose);
  peer_say (s.out, "SEND\n");
  peer_expect_octets (s.in, expected, expected_len);
  peer_say (s.out, "PRINT\n");
  peer_expect_octets (s.in, expected, expected_len);
  server_stop (&s);
  assert_err (dose.err, 0);
  free (expected);
}

static void
only_three_octets_are_escaped (void **state) {
  char octets[256];

  (void) state;
  for (int i = 0; i < 256; i++)
    octets[i] = (char) i;
  check_dose (octets, sizeof octets, 0);
  check_dose (octets, sizeof octets, 1);
}

static void
spelled_out (void **state) {
  struct dose dose = { "a%b\r\nc", 6, 0, 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &dose);
  server_ask (&s, "SEND\n", "D a%25b%0D%0Ac\nOK\n");
  server_stop (&s);
}

/* Lengths around the limit, plain octets.  */
static void
lines_are_filled_up (void **state) {
  static const size_t sizes[] = { 1,   2,    994,  995,  996,  997,  998,
                                  999, 1000, 1991, 1992, 1993, 5000, 20000 };
  char *octets = malloc (20000);

  (void) state;
  memset (octets, 'x', 20000);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    check_dose (octets, sizes[i], 0);
  check_dose (octets, 5000, 1);
  check_dose (octets, 5000, 999);
  check_dose (octets, 5000, 1003);
  free (octets);
}

/* An escape at the end may bring a line to 1000 octets, never beyond.  */
static void
escapes_at_the_end_of_a_line (void **state) {
  char octets[1100];

  (void) state;
  for (size_t plain = 992; plain < 1000; plain++) {
    memset (octets, 'x', plain);
    memset (octets + plain, '%', 3);
    check_dose (octets, plain + 3, 0);
    check_dose (octets, plain + 3, 1);
  }
  for (size_t plain = 0; plain < 3; plain++) {
    memset (octets, 'x', plain);
    memset (octets + plain, '\n', 1000);
    check_dose (octets, plain + 1000, 0);
  }
}

static void
half_a_megabyte (void **state) {
  size_t len = 500000;
  char *octets = malloc (len);

  (void) state;
  for (size_t i = 0; i < len; i++)
    octets[i] = (char) (i * 7 + i / 1000);
  check_dose (octets, len, 0);
  check_dose (octets, len, 4096);
  free (octets);
}

static gpg_error_t
cmd_small (assuan_context_t ctx, char *line) {
  struct notes *notes = assuan_get_pointer (ctx);

  (void) line;
  note (notes, "%s", err_text (assuan_send_data (ctx, "", 0)));
  note (notes, "%s", err_text (assuan_send_data (ctx, "one", 3)));
  note (notes, "%s", err_text (assuan_send_data (ctx, "two", 3)));
  note (notes, "%s", err_text (assuan_send_data (ctx, NULL, 0)));
  note (notes, "%s", err_text (assuan_send_data (ctx, NULL, 0)));
  note (notes, "%s", err_text (assuan_send_data (ctx, "three", 5)));
  return 0;
}

static gpg_error_t
cmd_nothing (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_send_data (ctx, "x", 0);
  assuan_send_data (ctx, NULL, 0);
  /* A client's way to cancel an inquiry; for a server without a meaning.  */
  return assuan_send_data (ctx, NULL, 1);
}

static gpg_error_t
cmd_fail (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_send_data (ctx, "partial", 7);
  return ERR (GPG_ERR_GENERAL);
}

static void
prepare_small (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "SMALL", cmd_small, NULL);
  assuan_register_command (ctx, "NOTHING", cmd_nothing, NULL);
  assuan_register_command (ctx, "FAIL", cmd_fail, NULL);
}

static void
pieces_are_joined_until_flushed (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_PIPE, prepare_small, &notes);
  server_ask (&s, "SMALL\n", "D onetwo\nD three\nOK\n");
  server_ask (&s, "NOTHING\n", "OK\n");
  peer_say (s.out, "FAIL\n");
  peer_expect (s.in, "D partial\n");
  peer_expect_err (s.in, ERR (GPG_ERR_GENERAL), NULL);
  /* Nothing of one command is left for the next one.  */
  server_ask (&s, "NOTHING\n", "OK\n");
  server_stop_noting (&s, &notes, "0\n0\n0\n0\n0\n0\n");
}

static gpg_error_t
cmd_mixed (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_send_data (ctx, "one", 3);
  assuan_write_status (ctx, "PROGRESS", "50");
  assuan_send_data (ctx, "two", 3);
  assuan_write_line (ctx, "# remark");
  assuan_send_data (ctx, "three", 5);
  assuan_write_line (ctx, "END");
  return 0;
}

/* As dirmngr and gpgsm do it, to be sure.  */
static gpg_error_t
cmd_flushed (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_send_data (ctx, "one", 3);
  assuan_send_data (ctx, NULL, 0);
  assuan_write_line (ctx, "END");
  assuan_send_data (ctx, "two", 3);
  assuan_send_data (ctx, NULL, 0);
  assuan_write_status (ctx, "KEY", "x");
  return 0;
}

static void
prepare_mixed (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "MIXED", cmd_mixed, NULL);
  assuan_register_command (ctx, "FLUSHED", cmd_flushed, NULL);
}

static void
order_of_data_and_other_lines (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare_mixed, NULL);
  server_ask (&s, "FLUSHED\n", "D one\nEND\nD two\nS KEY x\nOK\n");
  /* deviation: status lines overtake data written before them */
  if (on_oracle ())
    server_ask (&s, "MIXED\n", "S PROGRESS 50\n# remark\nEND\nD onetwothree\nOK\n");
  else
    server_ask (&s, "MIXED\n", "D one\nS PROGRESS 50\nD two\n# remark\nD three\nEND\nOK\n");
  server_stop (&s);
}

static gpg_error_t
cmd_stream (assuan_context_t ctx, char *line) {
  struct notes *notes = assuan_get_pointer (ctx);
  FILE *fp = assuan_get_data_fp (ctx);

  (void) line;
  note (notes, "%s", fp && fp == assuan_get_data_fp (ctx) ? "same" : "different");
  fprintf (fp, "%s %d%%\n", "printed", 42);
  return 0;
}

static gpg_error_t
cmd_stream_flush (assuan_context_t ctx, char *line) {
  FILE *fp = assuan_get_data_fp (ctx);

  (void) line;
  fputs ("one", fp);
  fflush (fp);
  assuan_send_data (ctx, NULL, 0);
  assuan_write_status (ctx, "AFTER", "one");
  fputs ("two", fp);
  return 0;
}

static gpg_error_t
cmd_stream_fail (assuan_context_t ctx, char *line) {
  (void) line;
  fputs ("partial", assuan_get_data_fp (ctx));
  return ERR (GPG_ERR_GENERAL);
}

static void
prepare_stream (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "STREAM", cmd_stream, NULL);
  assuan_register_command (ctx, "FLUSH", cmd_stream_flush, NULL);
  assuan_register_command (ctx, "FAIL", cmd_stream_fail, NULL);
}

static void
stream_is_the_same_for_all_commands (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare_stream, &notes);
  server_ask (&s, "STREAM\n", "D printed 42%25%0A\nOK\n");
  server_ask (&s, "NOP\n", "OK\n");
  server_ask (&s, "STREAM\n", "D printed 42%25%0A\nOK\n");
  server_ask (&s, "FLUSH\n", "D one\nS AFTER one\nD two\nOK\n");
  peer_say (s.out, "FAIL\n");
  peer_expect (s.in, "D partial\n");
  peer_expect_err (s.in, ERR (GPG_ERR_GENERAL), NULL);
  server_ask (&s, "STREAM\n", "D printed 42%25%0A\nOK\n");
  server_stop_noting (&s, &notes, "same\nsame\nsame\n");
}

static gpg_error_t
cmd_active (assuan_context_t ctx, char *line) {
  struct notes *notes = assuan_get_pointer (ctx);
  assuan_fd_t fds[4] = { -7, -7, -7, -7 };

  (void) line;
  assuan_get_data_fp (ctx);
  note (notes, "%d", assuan_get_active_fds (ctx, 0, fds, 4));
  note (notes, "%d", assuan_get_active_fds (ctx, 1, fds, 4));
  return 0;
}

static void
prepare_active (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "ACTIVE", cmd_active, NULL);
}

static void
stream_is_no_descriptor (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare_active, &notes);
  server_ask (&s, "ACTIVE\n", "OK\n");
  server_stop (&s);
  /* deviation: the data stream breaks get_active_fds */
  assert_string_equal (notes.text, on_oracle () ? "1\n2\n" : "1\n1\n");
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (only_three_octets_are_escaped),
    suite_test (spelled_out),
    suite_test (lines_are_filled_up),
    suite_test (escapes_at_the_end_of_a_line),
    suite_test (half_a_megabyte),
    suite_test (pieces_are_joined_until_flushed),
    suite_test (order_of_data_and_other_lines),
    suite_test (stream_is_the_same_for_all_commands),
    suite_test (stream_is_no_descriptor),
  };

  return suite_run (tests);
}
