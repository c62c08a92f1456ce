/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What log callbacks and I/O monitors of a client see.  Other programs parse these lines, and
 * gpg-agent recognises its own connections by the greeting in the monitor.  */

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "client.h"

/* What was logged, and what the monitor saw as "> line" or "< line", a line each.  */
static struct notes log_notes, monitor_notes;
static unsigned int monitor_result;

/* The number that names the channel in the log.  */
static int channel;

static int
on_log (assuan_context_t ctx, void *hook, unsigned int cat, const char *msg) {
  (void) ctx;
  assert_string_equal (hook, "hook");
  if (!msg) return cat == ASSUAN_LOG_CONTROL;
  if (cat != ASSUAN_LOG_CONTROL) return 1;
  assert_int_equal (msg[strlen (msg) - 1], '\n');
  note (&log_notes, "%.*s", (int) strlen (msg) - 1, msg);
  return 1;
}

static unsigned int
on_line (assuan_context_t ctx, void *hook, int inout, const char *line, size_t linelen) {
  (void) ctx;
  assert_ptr_equal (hook, &monitor_result);
  note (&monitor_notes, "%c %.*s", inout == ASSUAN_IO_TO_PEER ? '>' : '<', (int) linelen, line);
  return monitor_result;
}

static int
inbound_fd (assuan_context_t ctx) {
  assuan_fd_t fds[2];

  assert_int_equal (assuan_get_active_fds (ctx, 0, fds, 2), 1);
  return fds[0];
}

static void
forget (void) {
  memset (&log_notes, 0, sizeof log_notes);
  memset (&monitor_notes, 0, sizeof monitor_notes);
}

/* A context that logs, and whose lines are seen by a monitor, which returns RESULT.  */
static assuan_context_t
new_logged (unsigned int result) {
  assuan_context_t ctx;

  forget ();
  monitor_result = result;
  assert_err (assuan_new_ext (&ctx, SUITE_SOURCE, assuan_get_malloc_hooks (), on_log,
                              (void *) (uintptr_t) "hook"),
              0);
  assuan_set_io_monitor (ctx, on_line, &monitor_result);
  return ctx;
}

static void
open_greeted (struct client *c, const char *greeting) {
  int fds[2];

  memset (c, 0, sizeof *c);
  c->ctx = new_logged (0);
  fds_socketpair (fds, 0);
  c->peer = fds[1];
  peer_say (c->peer, greeting);
  assert_err (assuan_socket_connect_fd (c->ctx, fds[0], 0), 0);
  channel = inbound_fd (c->ctx);
}

/* The greeting is forgotten.  */
static void
open_logged (struct client *c) {
  open_greeted (c, "OK\n");
  memset (&log_notes, 0, sizeof log_notes);
}

/* TEXT with every "chan_" completed by the number of the channel.  */
static void
expect_log (const char *text) {
  char expected[4000];
  size_t n = 0;

  for (const char *p = text; *p; p++) {
    expected[n++] = *p;
    if (*p == '_' && !strncmp (p - 4, "chan", 4))
      n += (size_t) sprintf (expected + n, "%d", channel);
  }
  expected[n] = 0;
  assert_string_equal (log_notes.text, expected);
  memset (&log_notes, 0, sizeof log_notes);
}

static void
expect_monitor (const char *text) {
  assert_string_equal (monitor_notes.text, text);
  memset (&monitor_notes, 0, sizeof monitor_notes);
}

/* A context that cannot be connected because of GREETING.  */
static void
open_refused (const char *greeting, unsigned int result) {
  assuan_context_t ctx = new_logged (result);
  int fds[2];

  fds_socketpair (fds, 0);
  channel = fds[0];
  peer_say (fds[1], greeting);
  assert_err (assuan_socket_connect_fd (ctx, fds[0], 0), ERR (GPG_ERR_ASS_CONNECT_FAILED));
  peer_expect (fds[1], "BYE\n");
  peer_expect_eof (fds[1]);
  expect_log (result & ASSUAN_IO_MONITOR_NOLOG ? "" : "chan_ <- ERR 99 no\nchan_ -> BYE\n");
  expect_monitor ("< ERR 99 no\n> BYE\n");
  assuan_release (ctx);
  expect_monitor ("");
  close (fds[1]);
}

static void
test_refused (void **state) {
  (void) state;
  open_refused ("ERR 99 no\n", 0);
  open_refused ("ERR 99 no\n", ASSUAN_IO_MONITOR_NOLOG);
}

/* deviation: I/O monitor sees data lines several times | once.  The END of an empty answer shows
 * another, empty one there.  */
static void
test_lines (void **state) {
  struct client c;

  (void) state;
  open_greeted (&c, "# welcome\nOK Pleased to meet you, process 4711\n");
  expect_log ("chan_ <- # welcome\nchan_ <- OK Pleased to meet you, process 4711\n");
  expect_monitor ("< # welcome\n< OK Pleased to meet you, process 4711\n");
  assert_err (client_try (&c, "COMMAND a", "# c\nS x y\r\nD a%0Ab\nINQUIRE K\nOK done\n"), 0);
  expect_log ("chan_ -> COMMAND a\nchan_ <- # c\nchan_ <- S x y\nchan_ <- D a%0Ab\n"
              "chan_ <- INQUIRE K\nchan_ -> END\nchan_ <- OK done\n");
  expect_monitor (on_oracle () ? "> COMMAND a\n< # c\n< S x y\n< D a%0Ab\n< INQUIRE K\n> \n> END\n"
                                 "< OK done\n"
                               : "> COMMAND a\n< # c\n< S x y\n< D a%0Ab\n< INQUIRE K\n> END\n"
                                 "< OK done\n");
  assuan_release (c.ctx);
  expect_log ("chan_ -> BYE\n");
  expect_monitor ("> BYE\n");
  close (c.peer);
}

/* Data that we send, too, and an empty line.
 * deviation: I/O monitor sees data lines several times | once */
static void
test_data (void **state) {
  struct client c;

  (void) state;
  open_greeted (&c, "OK\n");
  expect_log ("chan_ <- OK\n");
  expect_monitor ("< OK\n");
  assert_err (assuan_send_data (c.ctx, "a\nb", 3), 0);
  assert_err (assuan_send_data (c.ctx, "cd", 2), 0);
  assert_err (assuan_send_data (c.ctx, NULL, 0), 0);
  expect_log ("chan_ -> D a%0Abcd\nchan_ -> END\n");
  expect_monitor (on_oracle () ? "> D a%0Ab\n> D a%0Abcd\n> D a%0Abcd\n> END\n"
                               : "> D a%0Abcd\n> END\n");
  peer_expect (c.peer, "D a%0Abcd\nEND\n");
  client_close (&c);
}

/* Between brackets, 16 octets of a line with control characters.  */
static void
test_control_characters (void **state) {
  static const char *const rows[][2] = {
    { "S a\tb\n", "[ 53 20 61 09 62 ]" },
    { "S \001\n", "[ 53 20 01 ]" },
    { "S \177\n", "[ 53 20 7f ]" },
    { "S 34567890123\001\377\n", "[ 53 20 33 34 35 36 37 38 39 30 31 32 33 01 ff ]" },
    { "S 345678901234\001\377\n", "[ 53 20 33 34 35 36 37 38 39 30 31 32 33 34 01 ff ]" },
    { "S 3456789012345\001\377\n",
      "[ 53 20 33 34 35 36 37 38 39 30 31 32 33 34 35 01 ...(1 byte(s) skipped) ]" },
    { "S \001\377abcdefghijklmnopqrstuvwxyz\n",
      "[ 53 20 01 ff 61 62 63 64 65 66 67 68 69 6a 6b 6c ...(14 byte(s) skipped) ]" },
    /* These are none.  */
    { "S \303\244\377\n", "S \303\244\377" },
    { "S  a  \n", "S  a  " },
  };
  struct client c;
  char expected[200];

  (void) state;
  open_logged (&c);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    memset (&log_notes, 0, sizeof log_notes);
    peer_say (c.peer, rows[i][0]);
    assert_err (client_try (&c, "A\tb", "OK\n"), 0);
    snprintf (expected, sizeof expected, "chan_ -> [ 41 09 62 ]\nchan_ <- %s\nchan_ <- OK\n",
              rows[i][1]);
    expect_log (expected);
  }
  client_drop (&c);
}

static void
test_confidential (void **state) {
  struct client c;

  (void) state;
  open_logged (&c);
  assuan_begin_confidential (c.ctx);
  assert_err (client_try (&c, "PASS secret", "D secret\nOK\n"), 0);
  /* A client's flag stays until it is taken back.  */
  assert_err (client_try (&c, "PASS", "OK\n"), 0);
  assuan_end_confidential (c.ctx);
  assert_err (client_try (&c, "NOP", "OK\n"), 0);
  expect_log ("chan_ -> [[Confidential data not shown]]\n"
              "chan_ <- [[Confidential data not shown]]\n"
              "chan_ <- [[Confidential data not shown]]\n"
              "chan_ -> [[Confidential data not shown]]\n"
              "chan_ <- [[Confidential data not shown]]\n"
              "chan_ -> NOP\nchan_ <- OK\n");
  client_drop (&c);
}

/* A command ends at its LF, and where the line is full.  */
static void
test_cut_command (void **state) {
  struct client c;
  char line[1300], expected[1500];

  (void) state;
  open_logged (&c);
  assert_err (client_try (&c, "A\nB", "OK\n"), 0);
  expect_log ("chan_ -> [supplied line with LF - truncated]\nchan_ -> A\nchan_ <- OK\n");
  memset (line, 'x', sizeof line);
  line[1200] = 0;
  assert_err (client_try (&c, line, "OK\n"), 0);
  line[999] = 0;
  snprintf (expected, sizeof expected,
            "chan_ -> [supplied line too long - truncated]\nchan_ -> %s\nchan_ <- OK\n", line);
  expect_log (expected);
  client_drop (&c);
}

static void
test_no_logging (void **state) {
  struct client c;

  (void) state;
  open_logged (&c);
  assuan_set_flag (c.ctx, ASSUAN_NO_LOGGING, 1);
  assert_err (client_try (&c, "A", "OK\n"), 0);
  expect_log ("");
  assuan_set_flag (c.ctx, ASSUAN_NO_LOGGING, 0);
  assert_err (client_try (&c, "B", "OK\n"), 0);
  expect_log ("chan_ -> B\nchan_ <- OK\n");
  client_drop (&c);
}

static void
test_ends (void **state) {
  struct client c;

  (void) state;
  open_logged (&c);
  shutdown (c.peer, SHUT_WR);
  assert_err (client_ask (&c, "A"), ERR (GPG_ERR_EOF));
  expect_log ("chan_ -> A\nchan_ <- [eof]\n");
  client_drop (&c);
  open_logged (&c);
  peer_say (c.peer, "half");
  shutdown (c.peer, SHUT_WR);
  assert_err (client_ask (&c, "A"), ERR (GPG_ERR_ASS_INCOMPLETE_LINE));
  expect_log ("chan_ -> A\nchan_ <- [invalid line]\n");
  client_drop (&c);
}

static void
test_reset (void **state) {
  struct client c;
  char *line;
  size_t len;

  (void) state;
  open_logged (&c);
  /* The peer leaves without having read what we said.  */
  assert_err (assuan_write_line (c.ctx, "# x"), 0);
  close (c.peer);
  c.peer = -1;
  assert_err (assuan_read_line (c.ctx, &line, &len), ERR (GPG_ERR_ECONNRESET));
  expect_log ("chan_ -> # x\nchan_ <- [error: Connection reset by peer]\n");
  client_drop (&c);
}

static void
test_monitor_nolog (void **state) {
  struct client c;

  (void) state;
  open_logged (&c);
  monitor_result = ASSUAN_IO_MONITOR_NOLOG;
  client_check (&c, "A", "S x\nD y\nOK\n", 0, "S[x] D[y]");
  expect_log ("");
  expect_monitor ("< OK\n> A\n< S x\n< D y\n< OK\n");
  client_drop (&c);
}

/* A line that the monitor ignores is not there: not for the callbacks, not for the peer.  */
static unsigned int
ignore_private (assuan_context_t ctx, void *hook, int inout, const char *line, size_t linelen) {
  (void) ctx;
  (void) hook;
  (void) inout;
  return linelen > 9 && !memcmp (line, "# private", 9)   ? ASSUAN_IO_MONITOR_IGNORE
         : linelen > 9 && !memcmp (line, "S PRIVATE", 9) ? ASSUAN_IO_MONITOR_IGNORE
                                                         : 0;
}

static void
test_monitor_ignore (void **state) {
  struct client c;

  (void) state;
  open_logged (&c);
  assuan_set_io_monitor (c.ctx, ignore_private, NULL);
  assert_err (assuan_write_line (c.ctx, "# private one"), 0);
  assert_err (assuan_write_line (c.ctx, "# public"), 0);
  client_check (&c, "A", "S PRIVATE x\nS PUBLIC y\nOK\n", 0, "S[PUBLIC y]");
  peer_expect (c.peer, "# public\nA\n");
  assuan_set_io_monitor (c.ctx, NULL, NULL);
  client_check (&c, "B", "S PRIVATE x\nOK\n", 0, "S[PRIVATE x]");
  peer_expect (c.peer, "B\n");
  client_close (&c);
}

/* Over pipes the inbound descriptor names the channel, in both directions.  */
static void
test_pipes (void **state) {
  static const struct start plain;
  assuan_context_t ctx;
  char greeting[100];

  (void) state;
  memset (&log_notes, 0, sizeof log_notes);
  assert_err (assuan_new_ext (&ctx, SUITE_SOURCE, assuan_get_malloc_hooks (), on_log,
                              (void *) (uintptr_t) "hook"),
              0);
  assert_err (try_child (ctx, MODE_PIPES, &plain), 0);
  channel = inbound_fd (ctx);
  snprintf (greeting, sizeof greeting, "chan_ <- OK Pleased to meet you, process %d\n",
            (int) (IS_GENERATION_3 ? assuan_get_pid (ctx) : getpid ()));
  expect_log (greeting);
  assert_err (tell_child (ctx, "NOP"), 0);
  expect_log ("chan_ -> NOP\nchan_ <- OK\n");
  end_child (ctx, MODE_PIPES);
  expect_log ("chan_ -> BYE\n");
}

/* The library's own log: a prefix for all, a stream for one context.  */
static void
test_log_stream (void **state) {
  struct client c;
  FILE *fp = tmpfile ();
  char text[500], expected[100];
  size_t n;

  (void) state;
  client_open (&c, 0);
  assuan_set_log_stream (c.ctx, fp);
  assert_err (client_try (&c, "A", "S x\nOK\n"), 0);
  assuan_set_log_stream (c.ctx, NULL);
  rewind (fp);
  n = fread (text, 1, sizeof text - 1, fp);
  text[n] = 0;
  fclose (fp);
  snprintf (expected, sizeof expected, "chan_%d -> A\n", inbound_fd (c.ctx));
  assert_non_null (strstr (text, expected));
  snprintf (expected, sizeof expected, "chan_%d <- S x\n", inbound_fd (c.ctx));
  assert_non_null (strstr (text, expected));
  assuan_set_assuan_log_stream (NULL);
  client_drop (&c);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_refused),        suite_test (test_lines),
    suite_test (test_data),           suite_test (test_control_characters),
    suite_test (test_confidential),   suite_test (test_cut_command),
    suite_test (test_no_logging),     suite_test (test_ends),
    suite_test (test_reset),          suite_test (test_monitor_nolog),
    suite_test (test_monitor_ignore), suite_test (test_pipes),
    suite_test (test_log_stream),
  };

  return suite_run (tests);
}
