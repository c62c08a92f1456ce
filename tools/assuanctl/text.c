/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* text.c - octets as text.  */

#include "text.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- Memory ----------------------------------------------------------------------------------- */

static _Noreturn void
die_of_memory (void) {
  fputs ("assuanctl: out of memory\n", stderr);
  _Exit (5);
}

void *
text_alloc (size_t size) {
  void *memory = calloc (1, size ? size : 1);

  if (!memory) die_of_memory ();
  return memory;
}

char *
text_dup (const char *text) {
  char *copy = strdup (text);

  if (!copy) die_of_memory ();
  return copy;
}

char *
text_part (const char *text, size_t len) {
  char *copy = text_alloc (len + 1);

  if (len) memcpy (copy, text, len);
  return copy;
}

char *
text_format (const char *format, ...) {
  va_list args;
  char *text;
  int len;

  va_start (args, format);
  len = vasprintf (&text, format, args);
  va_end (args);
  if (len < 0) die_of_memory ();
  return text;
}

/* --- UTF-8 ------------------------------------------------------------------------------------ */

static bool
is_tail (char c) {
  return ((unsigned char) c & 0xc0) == 0x80;
}

/* The length that the first octet tells, and the least value that needs it.  */
static size_t
announced_len (unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* Overlong forms, surrogates and what is above U+10FFFF are told by the second octet.  */
static bool
is_second (unsigned char first, unsigned char second) {
  switch (first) {
  case 0xe0:
    return second >= 0xa0;
  case 0xed:
    return second < 0xa0;
  case 0xf0:
    return second >= 0x90;
  case 0xf4:
    return second < 0x90;
  default:
    return true;
  }
}

size_t
text_char_len (const char *buf, size_t len) {
  size_t n = len ? announced_len ((unsigned char) *buf) : 0;

  if (!n || n > len) return 0;
  for (size_t i = 1; i < n; i++)
    if (!is_tail (buf[i])) return 0;
  return n > 1 && !is_second ((unsigned char) buf[0], (unsigned char) buf[1]) ? 0 : n;
}

bool
text_is_utf8 (const char *buf, size_t len) {
  size_t n;

  for (; len; buf += n, len -= n) {
    n = text_char_len (buf, len);
    if (!n || !*buf) return false;
  }
  return true;
}

/* C1 controls are controls, too: some terminals act on them.  So are the marks that turn the
   direction of writing, with which one text shows as another.  */
static bool
is_printable (const char *c, size_t len) {
  unsigned char a = (unsigned char) c[0], b = len > 1 ? (unsigned char) c[1] : 0;
  unsigned char d = len > 2 ? (unsigned char) c[2] : 0;

  if (len == 1) return a >= 0x20 && a != 0x7f;
  if (a == 0xc2 && b < 0xa0) return false;
  if (a == 0xe2 && b == 0x80 && ((d >= 0xaa && d <= 0xae) || d == 0x8e || d == 0x8f)) return false;
  return !(a == 0xe2 && b == 0x81 && d >= 0xa6 && d <= 0xa9);
}

void
text_print (FILE *file, const char *buf, size_t len, bool keeps_lf) {
  while (len) {
    size_t n = text_char_len (buf, len);
    if (n && ((keeps_lf && *buf == '\n') || *buf == '\t' || is_printable (buf, n))) {
      fwrite (buf, 1, n, file);
    } else {
      n = n ? n : 1;
      for (size_t i = 0; i < n; i++)
        fprintf (file, "%%%02X", (unsigned char) buf[i]);
    }
    buf += n;
    len -= n;
  }
}

char *
text_printable (const char *text) {
  char *copy = NULL;
  size_t size = 0;
  FILE *file = open_memstream (&copy, &size);

  if (!file) die_of_memory ();
  text_print (file, text, strlen (text), false);
  if (fclose (file)) die_of_memory ();
  return copy;
}

/* --- Numbers ---------------------------------------------------------------------------------- */

bool
text_parse_number (const char *text, unsigned long max, unsigned long *ret_number) {
  unsigned long number;
  char *end;

  if (*text < '0' || *text > '9') return false;
  errno = 0;
  number = strtoul (text, &end, 10);
  if (*end || errno || number > max) return false;
  *ret_number = number;
  return true;
}

/* Digits are read one by one: strtod goes by the locale.  */
bool
text_parse_time (const char *text, unsigned int *ret_ms) {
  static const struct {
    const char *unit;
    double ms;
  } units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "min", 60000 }, { "h", 3600000 } };
  double number = 0, scale = 1;
  const char *at = text;

  for (; *at >= '0' && *at <= '9'; at++)
    number = number * 10 + (*at - '0');
  if (at == text) return false;
  if (*at == '.')
    for (at++; *at >= '0' && *at <= '9'; at++)
      number += (*at - '0') * (scale /= 10);
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    double ms = number * units[i].ms;
    if (strcmp (at, units[i].unit)) continue;
    if (ms >= INT_MAX) return false;
    *ret_ms = (unsigned int) (ms + 0.5);
    return ms < 0.5 ? number <= 0 : true;
  }
  return false;
}

/* --- Escapes ---------------------------------------------------------------------------------- */

static int
hex_value (char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *
text_unescape (const char *text, size_t *ret_len) {
  char *copy = text_dup (text), *to = copy;

  while (*text) {
    int high = *text == '%' ? hex_value (text[1]) : -1;
    int low = high >= 0 ? hex_value (text[2]) : -1;
    if (low < 0) {
      *to++ = *text++;
      continue;
    }
    *to++ = (char) (high * 16 + low);
    text += 3;
  }
  *to = 0;
  if (ret_len) *ret_len = (size_t) (to - copy);
  return copy;
}

char *
text_escape (const char *text, bool plus) {
  static const char digits[] = "0123456789ABCDEF";
  char *copy = text_alloc (strlen (text) * 3 + 1), *to = copy;

  for (; *text; text++) {
    unsigned char c = (unsigned char) *text;
    if (plus && c == ' ') {
      *to++ = '+';
    } else if (c <= ' ' || c == 0x7f || c == '%' || c == '+') {
      *to++ = '%';
      *to++ = digits[c >> 4];
      *to++ = digits[c & 15];
    } else {
      *to++ = (char) c;
    }
  }
  *to = 0;
  return copy;
}

char *
text_hex (const char *text) {
  char *copy = text_alloc (strlen (text) * 2 + 1), *to = copy;

  for (; *text; text++, to += 2)
    sprintf (to, "%02X", (unsigned char) *text);
  return copy;
}

const char *
text_skip (const char *text, const char *prefix) {
  size_t len = strlen (prefix);

  return strncmp (text, prefix, len) ? NULL : text + len;
}
