/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* message.c - lines into messages: which kind, which word, which text.

     request  = "" / "#" text / word [1*WSP text]                 WSP: blank or tab
     answer   = "" / "#" text / "D " data / "END" [" " text] / "CAN" ["CEL"] [" " text]
     response = "" / "#" text / "D " data / "END" [" " text] / "OK" [" " text]
              / "ERR" 1*WSP ["-"] 1*DIGIT text / "S" [" " text] / "INQUIRE" [" " text]

   Requests and answers may be in either case, but responses must be in upper case.  `S` or
   `INQUIRE` may come without a word: peers that are in use do that.  A NUL ends a word, wherever a
   word may end: handlers get strings, in which the two look the same.  */

#include "message.h"

#include "octet.h"

#include <stdbool.h>
#include <string.h>

/* No strncasecmp: it asks the locale, which must not change what a peer said.  */
static char
to_upper (char c) {
  return c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
}

/* Returns whether LINE starts with PREFIX, which is in upper case, in any case.  The NUL at the
   end of a line stops this.  */
static bool
starts_with_any_case (const char *line, const char *prefix) {
  for (; *prefix; line++, prefix++)
    if (to_upper (*line) != *prefix) return false;
  return true;
}

static bool
starts_with (const char *line, const char *prefix) {
  return !strncmp (line, prefix, strlen (prefix));
}

/* Makes the octets from TEXT to END the text of RET, without leading blanks.  */
static void
set_text (struct eva__wire_message *ret, char *text, char *end) {
  while (text < end && *text == ' ')
    text++;
  ret->text = text;
  ret->text_len = (size_t) (end - text);
}

/* Returns whether a word ends at C, a blank, a tab or a NUL; most octets are beyond all of
   them.  */
static bool
ends_any_word (char c) {
  return (unsigned char) c <= ' ' && (!c || eva__wire_is_wsp (c));
}

/* Makes the octets from WORD up to a blank, a tab, a NUL or END the word of RET, and returns where
   it ends.  */
static char *
set_word (struct eva__wire_message *ret, char *word, const char *end) {
  char *p = word;

  while (p < end && !ends_any_word (*p))
    p++;
  ret->word = word;
  ret->word_len = (size_t) (p - word);
  return p;
}

/* Makes RET a message of KIND whose text is the whole line.  */
static void
set_whole (struct eva__wire_message *ret, enum eva__wire_kind kind, char *line, size_t len) {
  memset (ret, 0, sizeof *ret);
  ret->kind = kind;
  ret->text = line;
  ret->text_len = len;
}

void
eva__wire_parse_request (char *line, size_t len, struct eva__wire_message *ret) {
  char *end = line + len;

  set_whole (ret, EVA__WIRE_INVALID, line, len);
  if (!len || *line == '#') {
    ret->kind = EVA__WIRE_NOTHING;
    return;
  }
  if (eva__wire_is_wsp (*line) || !*line) return;

  char *p = set_word (ret, line, end);
  while (p < end && eva__wire_is_wsp (*p))
    p++;
  ret->kind = EVA__WIRE_COMMAND;
  ret->text = p;
  ret->text_len = (size_t) (end - p);
}

/* Returns whether a word may end at P: at the NUL behind the line or one within it, or at a
   blank.  */
static bool
ends_word (const char *p) {
  return !*p || *p == ' ';
}

/* Returns whether LINE begins with WORD, which is in upper case, in any case.  */
static bool
has_word_any_case (const char *line, const char *word) {
  return starts_with_any_case (line, word) && ends_word (line + strlen (word));
}

void
eva__wire_parse_answer (char *line, size_t len, struct eva__wire_message *ret) {
  char *end = line + len;

  set_whole (ret, EVA__WIRE_INVALID, line, len);
  if (!len || *line == '#') {
    ret->kind = EVA__WIRE_NOTHING;
  } else if (starts_with_any_case (line, "D ")) {
    ret->kind = EVA__WIRE_DATA;
    ret->text = line + 2; /* exactly one blank: the next one is data */
    ret->text_len = len - 2;
  } else if (has_word_any_case (line, "END")) {
    ret->kind = EVA__WIRE_END;
    set_text (ret, line + 3, end);
  } else if (has_word_any_case (line, "CAN") || has_word_any_case (line, "CANCEL")) {
    ret->kind = EVA__WIRE_CANCEL;
    set_text (ret, end, end);
  }
}

/* Reads the number of an ERR from TEXT into RET.  It does not cut a number that is too large down
   to 32 bits: 2^32 would become 0, which means success.  Returns whether there is a number that
   fits.  */
static bool
parse_code (struct eva__wire_message *ret, char *text, char *end) {
  uint64_t code = 0;
  char *p = text;

  while (p < end && eva__wire_is_wsp (*p))
    p++;
  bool negative = p < end && *p == '-';
  if (negative) p++;
  if (p == end || !eva__wire_is_digit (*p)) return false;

  for (; p < end && eva__wire_is_digit (*p); p++) {
    code = code * 10 + (uint64_t) (*p - '0');
    if (code > UINT32_MAX) return false;
  }
  ret->code = negative ? 0 - (uint32_t) code : (uint32_t) code;
  set_text (ret, p, end);
  return true;
}

/* A response that begins with a keyword, an entry of the table below.  */
struct keyword {
  const char *name;
  size_t len;
  enum eva__wire_kind kind;
};

static const struct keyword keywords[] = {
  { "S", 1, EVA__WIRE_STATUS }, { "OK", 2, EVA__WIRE_OK },           { "END", 3, EVA__WIRE_END },
  { "ERR", 3, EVA__WIRE_ERR },  { "INQUIRE", 7, EVA__WIRE_INQUIRE },
};

enum eva__wire_kind
eva__wire_find_keyword (const char *line, size_t len, size_t *ret_len) {
  for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
    const struct keyword *k = &keywords[i];

    if (len < k->len || memcmp (line, k->name, k->len)) continue;
    if (len > k->len && !ends_word (line + k->len)) continue;
    *ret_len = k->len;
    return k->kind;
  }
  return EVA__WIRE_INVALID;
}

/* RET is of the keyword KIND; REST is what follows it.  */
static void
parse_rest (struct eva__wire_message *ret, enum eva__wire_kind kind, char *rest, char *end) {
  if (kind == EVA__WIRE_ERR) {
    if (parse_code (ret, rest, end)) ret->kind = EVA__WIRE_ERR;
    return;
  }
  ret->kind = kind;
  set_text (ret, rest, end);
  if (kind == EVA__WIRE_STATUS || kind == EVA__WIRE_INQUIRE) set_word (ret, ret->text, end);
}

void
eva__wire_parse_response (char *line, size_t len, struct eva__wire_message *ret) {
  enum eva__wire_kind kind;
  size_t word_len;

  set_whole (ret, EVA__WIRE_INVALID, line, len);
  if (!len) {
    ret->kind = EVA__WIRE_NOTHING;
  } else if (*line == '#') {
    ret->kind = EVA__WIRE_COMMENT;
  } else if (starts_with (line, "D ")) {
    ret->kind = EVA__WIRE_DATA;
    ret->text = line + 2; /* exactly one blank: the next one is data */
    ret->text_len = len - 2;
  } else {
    kind = eva__wire_find_keyword (line, len, &word_len);
    if (kind != EVA__WIRE_INVALID) parse_rest (ret, kind, line + word_len, line + len);
  }
}
