/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* redact.c - what log and monitor see of the lines of a secret command.

       PASSWD old new       PASSWD [confidential]
       D secret             D [confidential]
       S KEYWORD text       S KEYWORD [confidential]
       ERR 9 A <B> - text   ERR 9 A <B> - [confidential]

   What an error means is libgpg-error's text; what the handler added may be secret.  */

#include "assuan/redact.h"

#include "assuan/error.h"
#include "wire/message.h"

#include <string.h>

static bool
is_gap (char c) {
  return c == ' ' || c == '\t' || !c;
}

/* Returns where the first N words of LINE end, with the gaps in front of them.  */
static size_t
skip_words (const char *line, size_t len, unsigned int n) {
  size_t pos = 0;

  while (n--) {
    while (pos < len && is_gap (line[pos]))
      pos++;
    while (pos < len && !is_gap (line[pos]))
      pos++;
  }
  return pos;
}

/* Shows the first N_SHOWN octets, and that something follows, if it does.  */
static size_t
cut (const char *line, size_t len, size_t n_shown, char buf[EVA__REDACTED_SIZE]) {
  memcpy (buf, line, n_shown);
  buf[n_shown] = 0;
  if (n_shown == len) return n_shown;
  if (n_shown) buf[n_shown++] = ' ';
  memcpy (buf + n_shown, EVA__REDACTION, sizeof EVA__REDACTION);
  return n_shown + sizeof EVA__REDACTION - 1;
}

size_t
eva__redact_request (const char *line, size_t len, char buf[EVA__REDACTED_SIZE]) {
  return cut (line, len, skip_words (line, len, 1), buf);
}

/* A line that is no answer may be one whose beginning the client forgot.  */
size_t
eva__redact_answer (char *line, size_t len, char buf[EVA__REDACTED_SIZE]) {
  struct eva__wire_message m;

  eva__wire_parse_answer (line, len, &m);
  if (m.kind == EVA__WIRE_INVALID || m.kind == EVA__WIRE_NOTHING) return cut (line, len, 0, buf);
  return cut (line, len, skip_words (line, len, 1), buf);
}

/* Returns true if TEXT, of LEN octets, is KNOWN, of KNOWN_LEN, and nothing or a blank follows.  */
static bool
begins_with (const char *text, size_t len, const char *known, size_t known_len) {
  if (len < known_len || memcmp (text, known, known_len)) return false;
  return len == known_len || text[known_len] == ' ';
}

/* Returns how much of an ERR is known from its number: the number, and libgpg-error's text for it
   if just that follows.  The program may have put the line together itself, from anything.  */
static size_t
skip_error (const char *line, size_t len) {
  char known[EVA__ERROR_SIZE];
  struct eva__wire_message m;
  size_t known_len, pos;

  eva__wire_parse_response ((char *) line, len, &m); /* writes nothing to it */
  if (m.kind != EVA__WIRE_ERR) return skip_words (line, len, 1);
  pos = (size_t) (m.text - line);
  known_len = eva__ctx_describe_error (m.code, known);
  if (begins_with (m.text, m.text_len, known, known_len)) {
    pos += known_len;
    return len - pos > 2 && !memcmp (line + pos, " - ", 3) ? pos + 2 : pos;
  }
  while (pos && is_gap (line[pos - 1]))
    pos--;
  return pos;
}

/* Returns true if LINE is data or a comment, of which the first octet tells that.  */
static bool
has_sign (const char *line, size_t len) {
  return len && (*line == 'D' || *line == '#') && (len == 1 || line[1] == ' ');
}

/* A line that begins with no keyword is one that the program has made itself.  */
size_t
eva__redact_response (const char *line, size_t len, char buf[EVA__REDACTED_SIZE]) {
  size_t word_len;

  switch (eva__wire_find_keyword (line, len, &word_len)) {
  case EVA__WIRE_ERR:
    return cut (line, len, skip_error (line, len), buf);
  case EVA__WIRE_STATUS:
  case EVA__WIRE_INQUIRE:
    return cut (line, len, skip_words (line, len, 2), buf);
  case EVA__WIRE_INVALID:
    return cut (line, len, has_sign (line, len), buf);
  default:
    return cut (line, len, skip_words (line, len, 1), buf);
  }
}
