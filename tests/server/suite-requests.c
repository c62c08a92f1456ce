/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-requests.c - requests and their answers, however the octets come.  */

#include "suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- The beginning ---------------------------------------------------------------------------- */

static void
test_greeting (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_expect_nothing (p);
  peer_ask (p, "NOP\n", "OK\n");
  assert_ptr_equal (eva_get_server (p->guest->ctx), kit.server);
  assert_ptr_equal (eva_get_userdata (p->guest->ctx), &kit);
  assert_int_equal (assuan_get_pid (p->guest->ctx), getpid ());
}

/* Another server beside the kit's.  */
static struct peer *
visit_another (const struct eva_service *offer, eva_server **ret_server) {
  int fds[2];

  assert_int_equal (eva_server_new (kit.loop.loop, offer, NULL, ret_server), 0);
  fds_socketpair (fds, O_NONBLOCK);
  assert_int_equal (eva_server_adopt (*ret_server, fds[1], 0, NULL), 0);
  return peer_on (fds[0], fds[0]);
}

static void
test_hello_of_service (void **state) {
  const struct eva_service offer = { .hello = "one\ntwo\nthree" };
  eva_server *server;
  struct peer *p = visit_another (&offer, &server);

  (void) state;
  peer_expect (p, "# one\n# two\nOK three\n");
  peer_ask (p, "NOP\n", "OK\n");
  eva_server_free (server);
  peer_expect_end (p);
}

static gpg_error_t
open_with_hello (assuan_context_t ctx) {
  return assuan_set_hello_line (ctx, "you\nare welcome");
}

static void
test_hello_of_context (void **state) {
  char expected[64];
  gpg_error_t err;
  struct peer *p;

  (void) state;
  service.open = open_with_hello;
  p = peer_adopt (0, &err);
  assert_int_equal (err, 0);
  snprintf (expected, sizeof expected, "# you\nOK are welcome, process %d\n", (int) getpid ());
  peer_expect_octets (p, expected, strlen (expected));
}

/* A service of nothing is a service.  */
static void
test_empty_service (void **state) {
  const struct eva_service offer = { .hello = NULL };
  eva_server *server;
  struct peer *p = visit_another (&offer, &server);

  (void) state;
  peer_expect_greeting (p);
  peer_ask (p, "NOP\nRESET\nOPTION a=b\n", "OK\nOK\nOK\n");
  peer_say (p, "INPUT FD\n");
  peer_expect_err (p, GPG_ERR_ASS_UNKNOWN_CMD, NULL);
  peer_ask (p, "BYE\n", "OK closing connection\n");
  peer_expect_end (p);
  eva_server_free (server);
}

static void
test_bad_service (void **state) {
  const struct eva_command commands[] = { { .name = "" } };
  const struct eva_command unknown = { .name = "INPUTT" };
  const struct eva_command flagged = { .name = "NOP", .flags = 1u << 31 };
  const struct eva_service odd = { .commands = &flagged, .n_commands = 1 };
  const struct eva_service nameless = { .commands = commands, .n_commands = 1 };
  const struct eva_service misspelled = { .commands = &unknown, .n_commands = 1 };
  eva_server *server = (void *) &kit;

  (void) state;
  assert_code (eva_server_new (kit.loop.loop, &misspelled, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_new (kit.loop.loop, NULL, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_new (NULL, &service_offer, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_new (kit.loop.loop, &nameless, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_new (kit.loop.loop, &odd, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  assert_ptr_equal (server, &kit);
  eva_server_free (NULL);
}

/* --- Any size --------------------------------------------------------------------------------- */

static const char requests[] = "NOP\nECHO hello  there\r\n# a comment\n\nSTATUS 2\nFAIL 7\n"
                               "TEXT fine\nOPTION some = thing\n";

static void
expect_answers (struct peer *p) {
  peer_expect (p, "OK\nD hello  there\nOK\nS COUNT 0\nS COUNT 1\nOK\n");
  peer_expect_err (p, 7, NULL);
  peer_expect (p, "OK fine\nOK\n");
  assert_string_equal (p->guest->option, "some=thing");
}

static void
test_whole (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, requests);
  expect_answers (p);
  peer_expect_nothing (p);
}

static void
test_cut_everywhere (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  for (size_t at = 1; at < strlen (requests); at++) {
    peer_send (p, requests, at);
    kit_turn ();
    kit_turn ();
    peer_say (p, requests + at);
    expect_answers (p);
  }
}

static void
test_octet_by_octet (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  for (size_t at = 0; at < strlen (requests); at++) {
    peer_send (p, requests + at, 1);
    kit_turn ();
  }
  expect_answers (p);
}

/* The answers are taken octet by octet, too.  */
static void
test_taken_octet_by_octet (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, requests);
  while (p->len < 60) {
    peer_take (p, 1);
    kit_turn ();
  }
  expect_answers (p);
}

static void
test_thousand_ahead (void **state) {
  struct peer *p = peer_new ();
  char text[40];

  (void) state;
  for (int i = 0; i < 1000; i++) {
    snprintf (text, sizeof text, "ECHO %d\n", i);
    peer_say (p, text);
  }
  for (int i = 0; i < 1000; i++) {
    snprintf (text, sizeof text, "D %d\nOK\n", i);
    peer_expect (p, text);
  }
  assert_int_equal (kit_stats ().n_commands, 1000);
}

/* A thousand requests come in one piece, which no read takes at once.  */
static void
test_thousand_at_once (void **state) {
  static char all[1000 * 60];
  struct peer *p = peer_new ();
  size_t len = 0;
  char text[60];

  (void) state;
  for (int i = 0; i < 1000; i++)
    len += (size_t) snprintf (all + len, sizeof all - len, "ECHO %040d\n", i);
  peer_send (p, all, len);
  for (int i = 0; i < 1000; i++) {
    snprintf (text, sizeof text, "D %040d\nOK\n", i);
    peer_expect (p, text);
  }
}

/* --- Lines ------------------------------------------------------------------------------------ */

static void
test_line_ends (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_ask (p, "NOP\r\nECHO a\r\nECHO b\n\r\n\n#\nNOP\n", "OK\nD a\nOK\nD b\nOK\nOK\n");
  peer_expect_nothing (p);
}

static void
test_longest_line (void **state) {
  struct peer *p = peer_new ();
  char line[1003];

  (void) state;
  memset (line, 'x', sizeof line);
  memcpy (line, "ECHO ", 5);
  memcpy (line + 1000, "\r\n", 3);
  peer_say (p, line);
  peer_expect (p, "D ");
  peer_expect_octets (p, line + 5, 995);
  peer_expect (p, "\nOK\n");
}

static void
test_line_too_long (void **state) {
  struct peer *p = peer_new ();
  static char line[50000];

  (void) state;
  memset (line, 'x', sizeof line);
  for (size_t len = 1003; len <= sizeof line; len = len * 3 - 1) {
    peer_send (p, line, len);
    peer_say (p, "\nECHO on\n");
    peer_expect_err (p, GPG_ERR_ASS_LINE_TOO_LONG, "a line has at most 1000 octets");
    peer_expect (p, "D on\nOK\n");
  }
  assert_int_equal (p->guest->n_closed, 0);
}

/* The error is told when the line is known to be too long; what is left of it is nothing.  */
static void
test_long_line_in_pieces (void **state) {
  struct peer *p = peer_new ();
  char line[700];

  (void) state;
  memset (line, 'x', sizeof line);
  for (int i = 0; i < 30; i++) {
    peer_send (p, line, sizeof line);
    kit_settle ();
  }
  peer_expect_err (p, GPG_ERR_ASS_LINE_TOO_LONG, "a line has at most 1000 octets");
  peer_expect_nothing (p);
  peer_ask (p, "\nNOP\n", "OK\n");
}

static void
test_unknown_commands (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "NOSUCH thing\n");
  peer_expect_err (p, GPG_ERR_ASS_UNKNOWN_CMD, NULL);
  peer_say (p, " NOP\n");
  peer_expect_err (p, GPG_ERR_ASS_SYNTAX, "leading white-space");
  peer_say (p, "D stray\n");
  peer_expect_err (p, GPG_ERR_NOT_IMPLEMENTED, NULL);
  peer_say (p, "END\n");
  peer_expect_err (p, GPG_ERR_NOT_IMPLEMENTED, NULL);
  peer_say (p, "CANCEL\n");
  peer_expect_err (p, GPG_ERR_NOT_IMPLEMENTED, NULL);
  peer_ask (p, "echo any case\n", "D any case\nOK\n");
  peer_expect_nothing (p);
}

static void
test_help (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "HELP\n");
  peer_expect (
      p, "# NOP\n# CANCEL\n# OPTION\n# BYE\n# AUTH\n# RESET\n# END\n# HELP\n"
         "# ECHO <text>\n# DATA\n# STATUS\n# FAIL <code>\n# TEXT\n# WAIT\n# ASK\n# RUN\n# PASSWD\n"
         "# INPUT\n# OUTPUT\nOK\n");
  peer_ask (p, "HELP ECHO\n", "# ECHO <text>\n# \n# Send text back.\nOK\n");
  peer_say (p, "HELP NOSUCH\n");
  peer_expect_err (p, GPG_ERR_UNKNOWN_COMMAND, NULL);
}

static gpg_error_t
refuse_option (assuan_context_t ctx, const char *name, const char *value) {
  (void) ctx;
  return strcmp (name, "bad") || *value ? 0 : ERR (GPG_ERR_UNKNOWN_OPTION);
}

static void
test_option (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.option = refuse_option;
  peer_ask (p, "OPTION --a-b  =  c d \n", "OK\n");
  assert_string_equal (p->guest->option, "a-b=c d");
  peer_say (p, "OPTION bad\n");
  peer_expect_err (p, GPG_ERR_UNKNOWN_OPTION, NULL);
  peer_ask (p, "RESET\n", "OK\n");
  assert_int_equal (p->guest->n_resets, 1);
}

/* --- The end ---------------------------------------------------------------------------------- */

static void
test_half_line (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "ECHO whole\nECHO ha");
  peer_expect (p, "D whole\nOK\n");
  peer_shut (p);
  peer_expect_end (p);
  assert_int_equal (p->guest->reason, GPG_ERR_EPIPE);
}

/* Of a line that was too long none is kept, but it has no end either.  */
static void
test_half_long_line (void **state) {
  struct peer *p = peer_new ();
  char line[ASSUAN_LINELENGTH + 1000];

  (void) state;
  memset (line, 'x', sizeof line);
  peer_send (p, line, sizeof line);
  kit_settle ();
  peer_shut (p);
  peer_drop_all (p);
  kit_until (p->guest->n_closed);
  assert_int_equal (p->guest->reason, GPG_ERR_EPIPE);
}

static void
test_bye (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_ask (p, "NOP\nBYE\nECHO never\n", "OK\nOK closing connection\n");
  peer_expect_end (p);
  assert_int_equal (p->guest->n_closed, 1);
  assert_int_equal (p->guest->reason, GPG_ERR_EOF);
  assert_int_equal (kit_stats ().n_connections, 0);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_greeting),
  kit_test (test_hello_of_service),
  kit_test (test_hello_of_context),
  kit_test (test_empty_service),
  kit_test (test_bad_service),
  kit_test (test_whole),
  kit_test (test_cut_everywhere),
  kit_test (test_octet_by_octet),
  kit_test (test_taken_octet_by_octet),
  kit_test (test_thousand_ahead),
  kit_test (test_thousand_at_once),
  kit_test (test_line_ends),
  kit_test (test_longest_line),
  kit_test (test_line_too_long),
  kit_test (test_long_line_in_pieces),
  kit_test (test_unknown_commands),
  kit_test (test_help),
  kit_test (test_option),
  kit_test (test_half_line),
  kit_test (test_half_long_line),
  kit_test (test_bye),
};

SUITE (requests);
