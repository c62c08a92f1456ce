/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* format.c - lines put together from a format, whose strings are escaped.

     conversion = "%" ("%" / ["-"] ["." precision] "s" / "c" / [size] number)
     precision  = "*" / *DIGIT
     size       = "l" / "ll" / "z"
     number     = "d" / "i" / "u" / "x" / "X"

   That is a part of printf's, so that compilers check the arguments.  Anything else in a format
   fails: a width that was overlooked would make another line than the caller means.  */

#include "eva-words.h"

#include "fail.h"
#include "octet.h"

#include <limits.h>
#include <string.h>

/* What is left of the caller's buffer.  */
struct room {
  char *p;
  size_t left; /* without the octet of the NUL */
};

/* The arguments: va_list may be an array, of which a function gets no pointer.  */
struct arguments {
  va_list ap;
};

static gpg_error_t
put_escaped (struct room *room, const char *text, size_t len, unsigned int flags) {
  size_t n = eva_escape (text, len, flags, room->p, room->left + 1);

  if (n > room->left) return eva__wire_fail (GPG_ERR_BUFFER_TOO_SHORT);
  room->p += n;
  room->left -= n;
  return 0;
}

static gpg_error_t
put (struct room *room, const char *text, size_t len) {
  if (len > room->left) return eva__wire_fail (GPG_ERR_BUFFER_TOO_SHORT);
  memcpy (room->p, text, len);
  room->p += len;
  room->left -= len;
  return 0;
}

/* --- Strings ---------------------------------------------------------------------------------- */

/* Reads a precision, if one stands at *P; SIZE_MAX if there is none, or a negative one.  */
static size_t
take_precision (const char **p, struct arguments *args) {
  size_t n = 0;
  int given;

  if (**p != '.') return SIZE_MAX;
  if (*++*p == '*') {
    ++*p;
    given = va_arg (args->ap, int);
    return given < 0 ? SIZE_MAX : (size_t) given;
  }
  for (; eva__wire_is_digit (**p); ++*p)
    n = n < INT_MAX ? n * 10 + (size_t) (**p - '0') : n;
  return n;
}

static gpg_error_t
put_string (struct room *room, const char **p, struct arguments *args) {
  unsigned int flags = **p == '-' ? EVA_ESCAPE_WORD : 0;
  size_t most_len;
  const char *text;

  if (flags) ++*p;
  most_len = take_precision (p, args);
  if (*(*p)++ != 's') return eva__wire_fail (GPG_ERR_ASS_INV_VALUE);
  text = va_arg (args->ap, const char *);
  if (!text) return eva__wire_fail (GPG_ERR_ASS_INV_VALUE);
  return put_escaped (room, text, strnlen (text, most_len), flags);
}

/* --- Numbers ---------------------------------------------------------------------------------- */

enum size { SIZE_INT, SIZE_LONG, SIZE_LONG_LONG, SIZE_SIZE };

static enum size
take_size (const char **p) {
  if (**p == 'z') return ++*p, SIZE_SIZE;
  if (**p != 'l') return SIZE_INT;
  if (*++*p != 'l') return SIZE_LONG;
  return ++*p, SIZE_LONG_LONG;
}

static unsigned long long
next_unsigned (struct arguments *args, enum size size) {
  if (size == SIZE_SIZE) return va_arg (args->ap, size_t);
  if (size == SIZE_LONG) return va_arg (args->ap, unsigned long);
  return size == SIZE_INT ? va_arg (args->ap, unsigned int) : va_arg (args->ap, unsigned long long);
}

static long long
next_signed (struct arguments *args, enum size size) {
  if (size == SIZE_SIZE) return va_arg (args->ap, ssize_t);
  if (size == SIZE_LONG) return va_arg (args->ap, long);
  return size == SIZE_INT ? va_arg (args->ap, int) : va_arg (args->ap, long long);
}

/* Puts NUMBER in BASE, with digits in lower case if OFFSET is 32.  */
static gpg_error_t
put_digits (struct room *room, unsigned long long number, unsigned int base, char offset) {
  char digits[3 * sizeof number], *end = digits + sizeof digits, *p = end;

  do {
    *--p = eva__wire_hex_digit ((unsigned int) (number % base));
    if (*p >= 'A') *p = (char) (*p + offset);
    number /= base;
  } while (number);
  return put (room, p, (size_t) (end - p));
}

static gpg_error_t
put_number (struct room *room, const char **p, struct arguments *args) {
  enum size size = take_size (p);
  char conversion = *(*p)++;
  long long number;
  gpg_error_t err;

  switch (conversion) {
  case 'u':
    return put_digits (room, next_unsigned (args, size), 10, 0);
  case 'x':
    return put_digits (room, next_unsigned (args, size), 16, 'a' - 'A');
  case 'X':
    return put_digits (room, next_unsigned (args, size), 16, 0);
  case 'd':
  case 'i':
    number = next_signed (args, size);
    err = number < 0 ? put (room, "-", 1) : 0;
    if (err) return err;
    return put_digits (
        room, number < 0 ? 0 - (unsigned long long) number : (unsigned long long) number, 10, 0);
  default:
    return eva__wire_fail (GPG_ERR_ASS_INV_VALUE);
  }
}

/* --- All of it -------------------------------------------------------------------------------- */

/* Puts what the conversion behind a `%` at *P stands for, and moves *P behind it.  */
static gpg_error_t
put_conversion (struct room *room, const char **p, struct arguments *args) {
  char c;

  switch (**p) {
  case '%':
    ++*p;
    return put (room, "%", 1);
  case 'c':
    ++*p;
    c = (char) va_arg (args->ap, int);
    return put_escaped (room, &c, 1, 0);
  case '-':
  case '.':
  case 's':
    return put_string (room, p, args);
  default:
    return put_number (room, p, args);
  }
}

/* A format that ends in the middle of a conversion must not be read on: each function that finds
   the NUL where it wants something else fails, and leaves the NUL in its place.  */
gpg_error_t
eva_vformat (char *dst, size_t size, const char *format, va_list ap) {
  struct room room = { dst, size ? size - 1 : 0 };
  struct arguments args;
  gpg_error_t err = size ? 0 : eva__wire_fail (GPG_ERR_BUFFER_TOO_SHORT);

  va_copy (args.ap, ap);
  while (!err && *format) {
    size_t len = strcspn (format, "%");

    err = put (&room, format, len);
    format += len;
    if (err || !*format) break;
    format++;
    err = put_conversion (&room, &format, &args);
  }
  va_end (args.ap);
  if (!err)
    *room.p = 0;
  else if (size)
    memset (dst, 0, size);
  return err;
}

gpg_error_t
eva_format (char *dst, size_t size, const char *format, ...) {
  gpg_error_t err;
  va_list ap;

  va_start (ap, format);
  err = eva_vformat (dst, size, format, ap);
  va_end (ap);
  return err;
}
