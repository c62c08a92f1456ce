/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-message.c - tables of every kind of line, as a server sees it outside of and within an
   inquiry, and as a client sees it.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/message.h"

/* A line and what it means.  WORD is NULL where there is none.  */
struct row {
  const char *line;
  size_t len;
  enum eva__wire_kind kind;
  const char *word;
  const char *text;
  size_t text_len;
  uint32_t code;
};

#define ROW(line, kind, word, text)                                                                \
  { line, sizeof (line) - 1, EVA__WIRE_##kind, word, text, sizeof (text) - 1, 0 }
#define ERROR(line, code, text)                                                                    \
  { line, sizeof (line) - 1, EVA__WIRE_ERR, NULL, text, sizeof (text) - 1, code }

typedef void parse_func (char *, size_t, struct eva__wire_message *);

/* Parses ROW's line with PARSE, in a buffer that has it at its very end.  */
static void
check_row (const struct row *row, parse_func *parse) {
  char buf[80];
  char *line = buf + sizeof buf - row->len - 1;
  struct eva__wire_message m;

  memset (&m, 0xa5, sizeof m);
  memcpy (line, row->line, row->len + 1);
  parse (line, row->len, &m);
  assert_memory_equal (line, row->line, row->len + 1);

  assert_int_equal (m.kind, row->kind);
  assert_int_equal (m.code, row->code);
  assert_true (m.text >= line && m.text + m.text_len == line + row->len);
  assert_int_equal (m.text_len, row->text_len);
  assert_memory_equal (m.text, row->text, row->text_len + 1);
  if (row->word) {
    assert_true (m.word >= line);
    assert_int_equal (m.word_len, strlen (row->word));
    assert_memory_equal (m.word, row->word, m.word_len);
  } else {
    assert_null (m.word);
    assert_int_equal (m.word_len, 0);
  }
}

static void
check_rows (const struct row *rows, size_t n, parse_func *parse) {
  for (size_t i = 0; i < n; i++)
    check_row (&rows[i], parse);
}

#define CHECK(rows, parse) check_rows (rows, sizeof rows / sizeof *rows, parse)

/* --- Requests --------------------------------------------------------------------------------- */

static const struct row requests[] = {
  ROW ("", NOTHING, NULL, ""),
  ROW ("#", NOTHING, NULL, "#"),
  ROW ("# BYE", NOTHING, NULL, "# BYE"),
  ROW ("NOP", COMMAND, "NOP", ""),
  ROW ("nop", COMMAND, "nop", ""),
  ROW ("SIGN a b", COMMAND, "SIGN", "a b"),
  ROW ("SIGN  \t a  b ", COMMAND, "SIGN", "a  b "),
  ROW ("SIGN\ta", COMMAND, "SIGN", "a"),
  ROW ("SIGN   ", COMMAND, "SIGN", ""),
  ROW ("SIGN\va", COMMAND, "SIGN\va", ""),
  ROW ("\rNOP", COMMAND, "\rNOP", ""),
  ROW ("SIGN\r", COMMAND, "SIGN\r", ""),
  ROW ("!", COMMAND, "!", ""),
  /* No words of their own outside of an inquiry: the dispatcher has commands of these names or
     not.  */
  ROW ("D data", COMMAND, "D", "data"),
  ROW ("END", COMMAND, "END", ""),
  ROW ("CAN", COMMAND, "CAN", ""),
  ROW ("CANCEL now", COMMAND, "CANCEL", "now"),
  ROW ("OK", COMMAND, "OK", ""),
  ROW ("S a", COMMAND, "S", "a"),
  /* Leading white space.  */
  ROW (" ", INVALID, NULL, " "),
  ROW (" NOP", INVALID, NULL, " NOP"),
  ROW ("\tNOP x", INVALID, NULL, "\tNOP x"),
  ROW (" # c", INVALID, NULL, " # c"),
  /* NULs end the word, but neither the line nor the arguments.  */
  ROW ("SIGN a\0b", COMMAND, "SIGN", "a\0b"),
  ROW ("SIGN \0", COMMAND, "SIGN", "\0"),
  ROW ("SIGN\0 a", COMMAND, "SIGN", "\0 a"),
  ROW ("\0SIGN", INVALID, NULL, "\0SIGN"),
};

static void
test_requests (void **state) {
  (void) state;
  CHECK (requests, eva__wire_parse_request);
}

/* --- Answers to an inquiry -------------------------------------------------------------------- */

static const struct row answers[] = {
  ROW ("", NOTHING, NULL, ""),
  ROW ("#", NOTHING, NULL, "#"),
  ROW ("# END", NOTHING, NULL, "# END"),
  ROW ("D abc", DATA, NULL, "abc"),
  ROW ("d abc", DATA, NULL, "abc"),
  ROW ("D ", DATA, NULL, ""),
  ROW ("D  a ", DATA, NULL, " a "),
  ROW ("D \ta", DATA, NULL, "\ta"),
  ROW ("D a%25\0b", DATA, NULL, "a%25\0b"),
  ROW ("END", END, NULL, ""),
  ROW ("end", END, NULL, ""),
  ROW ("eNd", END, NULL, ""),
  ROW ("END ", END, NULL, ""),
  ROW ("END  of it", END, NULL, "of it"),
  ROW ("CAN", CANCEL, NULL, ""),
  ROW ("can", CANCEL, NULL, ""),
  ROW ("CAN not", CANCEL, NULL, ""),
  ROW ("CAN ", CANCEL, NULL, ""),
  ROW ("CAN\0x", CANCEL, NULL, ""),
  ROW ("CANCEL", CANCEL, NULL, ""),
  ROW ("Cancel it", CANCEL, NULL, ""),
  ROW ("CANCEL\0x", CANCEL, NULL, ""),
  ROW ("CAN\tx", INVALID, NULL, "CAN\tx"),
  ROW ("CANCEL\tx", INVALID, NULL, "CANCEL\tx"),
  ROW ("CANDY", INVALID, NULL, "CANDY"),
  ROW ("CANCE", INVALID, NULL, "CANCE"),
  ROW ("CANCELJOB 5", INVALID, NULL, "CANCELJOB 5"),
  ROW ("D", INVALID, NULL, "D"),
  ROW ("Dabc", INVALID, NULL, "Dabc"),
  ROW ("D\tabc", INVALID, NULL, "D\tabc"),
  ROW ("ENDX", INVALID, NULL, "ENDX"),
  ROW ("END\tx", INVALID, NULL, "END\tx"),
  ROW ("END\0x", END, NULL, "\0x"),
  ROW ("D\0x", INVALID, NULL, "D\0x"),
  ROW ("EN", INVALID, NULL, "EN"),
  ROW ("E", INVALID, NULL, "E"),
  ROW ("CA", INVALID, NULL, "CA"),
  ROW ("CA\0N", INVALID, NULL, "CA\0N"),
  ROW (" END", INVALID, NULL, " END"),
  ROW (" D x", INVALID, NULL, " D x"),
  ROW ("\0", INVALID, NULL, "\0"),
  ROW ("NOP", INVALID, NULL, "NOP"),
  ROW ("BYE", INVALID, NULL, "BYE"),
  ROW ("SIGN x", INVALID, NULL, "SIGN x"),
};

static void
test_answers (void **state) {
  (void) state;
  CHECK (answers, eva__wire_parse_answer);
}

/* --- Responses -------------------------------------------------------------------------------- */

static const struct row responses[] = {
  ROW ("", NOTHING, NULL, ""),
  ROW ("#", COMMENT, NULL, "#"),
  ROW ("# c", COMMENT, NULL, "# c"),
  ROW ("OK", OK, NULL, ""),
  ROW ("OK ", OK, NULL, ""),
  ROW ("OK closing connection", OK, NULL, "closing connection"),
  ROW ("OK  two", OK, NULL, "two"),
  ROW ("OK \ta", OK, NULL, "\ta"),
  ROW ("OK \0", OK, NULL, "\0"),
  ROW ("OK\0x", OK, NULL, "\0x"),
  ROW ("D abc", DATA, NULL, "abc"),
  ROW ("D ", DATA, NULL, ""),
  ROW ("D  a ", DATA, NULL, " a "),
  ROW ("D a\0b", DATA, NULL, "a\0b"),
  ROW ("END", END, NULL, ""),
  ROW ("END ", END, NULL, ""),
  ROW ("END  x", END, NULL, "x"),
  ROW ("S", STATUS, "", ""),
  ROW ("S ", STATUS, "", ""),
  ROW ("S PROGRESS", STATUS, "PROGRESS", "PROGRESS"),
  ROW ("S PROGRESS  50 100 ", STATUS, "PROGRESS", "PROGRESS  50 100 "),
  ROW ("S   A", STATUS, "A", "A"),
  ROW ("S A\tb", STATUS, "A", "A\tb"),
  ROW ("S \tA", STATUS, "", "\tA"),
  ROW ("S A b\0c", STATUS, "A", "A b\0c"),
  ROW ("S A\0b", STATUS, "A", "A\0b"),
  ROW ("S\0x", STATUS, "", "\0x"),
  ROW ("INQUIRE", INQUIRE, "", ""),
  ROW ("INQUIRE ", INQUIRE, "", ""),
  ROW ("INQUIRE\0x", INQUIRE, "", "\0x"),
  ROW ("INQUIRE PIN", INQUIRE, "PIN", "PIN"),
  ROW ("INQUIRE  PIN for card", INQUIRE, "PIN", "PIN for card"),
  /* Neither other words nor other cases nor tabs.  */
  ROW ("OKAY", INVALID, NULL, "OKAY"),
  ROW ("OK\ttext", INVALID, NULL, "OK\ttext"),
  ROW ("OK\r", INVALID, NULL, "OK\r"),
  ROW ("O", INVALID, NULL, "O"),
  ROW ("ok", INVALID, NULL, "ok"),
  ROW (" OK", INVALID, NULL, " OK"),
  ROW ("D", INVALID, NULL, "D"),
  ROW ("Dx", INVALID, NULL, "Dx"),
  ROW ("d x", INVALID, NULL, "d x"),
  ROW ("D\tx", INVALID, NULL, "D\tx"),
  ROW ("end", INVALID, NULL, "end"),
  ROW ("ENDX", INVALID, NULL, "ENDX"),
  ROW ("END\tx", INVALID, NULL, "END\tx"),
  ROW ("s A", INVALID, NULL, "s A"),
  ROW ("SA", INVALID, NULL, "SA"),
  ROW ("S\tA", INVALID, NULL, "S\tA"),
  ROW ("inquire A", INVALID, NULL, "inquire A"),
  ROW ("INQUIREX", INVALID, NULL, "INQUIREX"),
  ROW ("INQUIRE\tA", INVALID, NULL, "INQUIRE\tA"),
  ROW ("INQUIR", INVALID, NULL, "INQUIR"),
  ROW ("CAN", INVALID, NULL, "CAN"),
  ROW ("garbage", INVALID, NULL, "garbage"),
  ROW (" ", INVALID, NULL, " "),
  ROW ("\0OK", INVALID, NULL, "\0OK"),
};

static void
test_responses (void **state) {
  (void) state;
  CHECK (responses, eva__wire_parse_response);
}

static const struct row errors[] = {
  ERROR ("ERR 5", 5, ""),
  ERROR ("ERR 5 ", 5, ""),
  ERROR ("ERR 67108949 Not implemented <GPG Agent>", 67108949, "Not implemented <GPG Agent>"),
  ERROR ("ERR  5  two", 5, "two"),
  ERROR ("ERR \t5 x", 5, "x"),
  ERROR ("ERR 5x y", 5, "x y"),
  ERROR ("ERR 018", 18, ""),
  ERROR ("ERR 0 x", 0, "x"),
  ERROR ("ERR 00000000000000000000000000000000000000001", 1, ""),
  ERROR ("ERR 4294967295 x", UINT32_MAX, "x"),
  ERROR ("ERR 5 a\0b", 5, "a\0b"),
  ERROR ("ERR -1 x", UINT32_MAX, "x"),
  ERROR ("ERR -2147483648", 0x80000000u, ""),
  /* A number that is missing or does not fit must not look like success.  */
  ROW ("ERR", INVALID, NULL, "ERR"),
  ROW ("ERR ", INVALID, NULL, "ERR "),
  ROW ("ERR   ", INVALID, NULL, "ERR   "),
  ROW ("ERR x", INVALID, NULL, "ERR x"),
  ROW ("ERR \0", INVALID, NULL, "ERR \0"),
  ROW ("ERR /", INVALID, NULL, "ERR /"),
  ROW ("ERR :", INVALID, NULL, "ERR :"),
  ROW ("ERR +5", INVALID, NULL, "ERR +5"),
  ROW ("ERR -", INVALID, NULL, "ERR -"),
  ROW ("ERR - 5", INVALID, NULL, "ERR - 5"),
  ROW ("ERR --5", INVALID, NULL, "ERR --5"),
  ROW ("ERR -4294967296", INVALID, NULL, "ERR -4294967296"),
  ROW ("ERR 4294967296 x", INVALID, NULL, "ERR 4294967296 x"),
  ROW ("ERR 18446744073709551617 x", INVALID, NULL, "ERR 18446744073709551617 x"),
  ROW ("ERR 99999999999999999999999999", INVALID, NULL, "ERR 99999999999999999999999999"),
  ROW ("ERR\t5", INVALID, NULL, "ERR\t5"),
  ROW ("ERR5", INVALID, NULL, "ERR5"),
  ROW ("ERROR 5", INVALID, NULL, "ERROR 5"),
  ROW ("err 5", INVALID, NULL, "err 5"),
};

static void
test_errors (void **state) {
  (void) state;
  CHECK (errors, eva__wire_parse_response);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_requests),
    cmocka_unit_test (test_answers),
    cmocka_unit_test (test_responses),
    cmocka_unit_test (test_errors),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}
