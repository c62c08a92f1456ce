/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-redact.c - what may be shown of single lines of a secret command.  The suite `secrets` shows
   that log and monitor see no more.  */

#include <gpg-error.h>
#include <stdio.h>
#include <string.h>

#include "assertions.h"
#include "assuan/redact.h"

typedef size_t redact (const char *line, size_t len, char buf[EVA__REDACTED_SIZE]);

static size_t
redact_answer (const char *line, size_t len, char buf[EVA__REDACTED_SIZE]) {
  char copy[EVA_LINE_SIZE];

  memcpy (copy, line, len + 1);
  return eva__redact_answer (copy, len, buf);
}

/* Asserts that FUNCTION shows SHOWN of the LEN octets at LINE, with a NUL behind it.  */
static void
expect_len (redact *function, const char *line, size_t len, const char *shown) {
  char buf[EVA__REDACTED_SIZE];

  memset (buf, 'x', sizeof buf);
  assert_int_equal (function (line, len, buf), strlen (shown));
  assert_memory_equal (buf, shown, strlen (shown) + 1);
}

static void
expect (redact *function, const char *line, const char *shown) {
  expect_len (function, line, strlen (line), shown);
}

static void
test_requests (void **state) {
  (void) state;
  expect (eva__redact_request, "PASSWD", "PASSWD");
  expect (eva__redact_request, "PASSWD x", "PASSWD [confidential]");
  expect (eva__redact_request, "", "");
}

static void
test_answers (void **state) {
  (void) state;
  expect (redact_answer, "END", "END");
  expect (redact_answer, "D x", "D [confidential]");
  expect (redact_answer, "x", "[confidential]");
}

static void
test_responses (void **state) {
  (void) state;
  expect (eva__redact_response, "OK", "OK");
  expect (eva__redact_response, "OK x", "OK [confidential]");
  expect (eva__redact_response, "S A", "S A");
  expect (eva__redact_response, "S A x", "S A [confidential]");
  expect (eva__redact_response, "D x", "D [confidential]");
  expect (eva__redact_response, "#", "#");
  expect (eva__redact_response, "# x", "# [confidential]");
  expect (eva__redact_response, "x", "[confidential]");
  expect_len (eva__redact_response, "\0 x", 3, "[confidential]");
  expect_len (eva__redact_response, "", 1, "[confidential]");
}

/* The text of libgpg-error is shown, and nothing that merely looks like it.  */
static void
test_errors (void **state) {
  static const char *const others[] = {
    "x",         "x <Assuan>",          "Not found <x>",    "x > y",
    "Not found", "Not foundx <Assuan>", "Bad PIN <Assuan>",
  };
  char number[40], line[200], shown[200];

  (void) state;
  snprintf (number, sizeof number, "ERR %u",
            gpg_err_make (GPG_ERR_SOURCE_ASSUAN, GPG_ERR_NOT_FOUND));
  snprintf (line, sizeof line, "%s Not found <Assuan>", number);
  expect (eva__redact_response, line, line);
  snprintf (shown, sizeof shown, "%s - [confidential]", line);
  strcat (line, " - x <y>");
  expect (eva__redact_response, line, shown);
  snprintf (line, sizeof line, "%s Not found <Assuan> x", number);
  snprintf (shown, sizeof shown, "%s Not found <Assuan> [confidential]", number);
  expect (eva__redact_response, line, shown);
  expect (eva__redact_response, number, number);
  expect (eva__redact_response, "ERR x", "ERR [confidential]");
  expect (eva__redact_response, "ERR 5:x", "ERR 5 [confidential]");
  snprintf (shown, sizeof shown, "%s [confidential]", number);
  for (size_t i = 0; i < N_ELEMENTS (others); i++) {
    snprintf (line, sizeof line, "%s %s", number, others[i]);
    expect (eva__redact_response, line, shown);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_requests),
    cmocka_unit_test (test_answers),
    cmocka_unit_test (test_responses),
    cmocka_unit_test (test_errors),
  };

  return cmocka_run_group_tests_name ("redact", tests, NULL, NULL);
}
