/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-command.c - the words of a command line, with quotes.  */

#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/command.h"

/* Returns the words of TEXT, each in angle brackets, or NULL with errno.  */
static const char *
split (const char *text) {
  static char shown[1000];
  ssize_t n = eva__io_command_split (text, NULL, NULL);
  char *buf = malloc (strlen (text) + 1);
  const char **argv = malloc (((size_t) (n < 0 ? 0 : n) + 1) * sizeof *argv);

  assert_true (buf && argv);
  shown[0] = 0;
  if (n >= 0) assert_int_equal (eva__io_command_split (text, buf, argv), n);
  for (ssize_t i = 0; i < n; i++)
    sprintf (shown + strlen (shown), "<%s>", argv[i]);
  if (n >= 0) assert_null (argv[n]);
  free (argv);
  free (buf);
  return n < 0 ? NULL : shown;
}

static void
test_words (void **state) {
  static const char *const lines[][2] = {
    { "", "" },
    { " \t ", "" },
    { "a", "<a>" },
    { " \ta  b\t", "<a><b>" },
    { "a\nb", "<a\nb>" },
    { "$HOME * ~ `x` #; | & > <", "<$HOME><*><~><`x`><#;><|><&><>><<>" },
    /* Quotes.  */
    { "'a b'", "<a b>" },
    { "a'b c'd", "<ab cd>" },
    { "''", "<>" },
    { "\"\" ''x", "<><x>" },
    { "'a\\b' 'c\"d'", "<a\\b><c\"d>" },
    { "\"a b\"", "<a b>" },
    { "\"a\\\"b\"", "<a\"b>" },
    { "\"a\\\\b\"", "<a\\b>" },
    { "\"a\\nb 'c\"", "<a\\nb 'c>" },
    { "\"$HOME\"", "<$HOME>" },
    { "a\\ b", "<a b>" },
    { "\\'a\\\" \\\\", "<'a\"><\\>" },
    { "\\\tx", "<\tx>" },
    { "'it'\\''s'", "<it's>" },
  };
  static const char *const open[] = {
    "'", "a 'b", "\"", "\"a\\\"", "\"\\", "\\", "a \\", "'a'\"'"
  };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (lines); i++)
    assert_string_equal (split (lines[i][0]), lines[i][1]);
  for (size_t i = 0; i < N_ELEMENTS (open); i++) {
    errno = 0;
    assert_null (split (open[i]));
    assert_int_equal (errno, EBADMSG);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_words) };

  return cmocka_run_group_tests_name ("command", tests, NULL, NULL);
}
