/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* message.c - what the tool itself has to say.  */

#include "message.h"
#include "json.h"
#include "settings.h"
#include "text.h"

#include <stdarg.h>
#include <stdlib.h>

static char *__attribute__ ((format (printf, 1, 0)))
format_message (const char *format, va_list args) {
  char *text, *printable;

  if (vasprintf (&text, format, args) < 0) return text_dup ("out of memory");
  printable = text_printable (text);
  free (text);
  return printable;
}

static void
say (const char *text) {
  fflush (stdout); /* on one terminal both come in the order of their making */
  fprintf (stderr, "assuanctl: %s\n", text);
}

static const char *
kind_of (enum status status) {
  switch (status) {
  case STATUS_USAGE:
    return "usage";
  case STATUS_CONNECTION:
    return "connect";
  case STATUS_TIMEOUT:
    return "timeout";
  default:
    return "local";
  }
}

static void __attribute__ ((format (printf, 3, 0)))
fail (enum status status, const char *kind, const char *format, va_list args) {
  char *text = format_message (format, args);

  say (text);
  if (settings.is_json && status != STATUS_ERR) {
    struct json *object = json_new ("fail");
    json_add (object, "kind", kind);
    json_add (object, "text", text);
    json_print (object);
  }
  free (text);
}

enum status
message_fail (enum status status, const char *format, ...) {
  va_list args;

  va_start (args, format);
  fail (status, kind_of (status), format, args);
  va_end (args);
  return status;
}

enum status
message_fail_protocol (const char *format, ...) {
  va_list args;

  va_start (args, format);
  fail (STATUS_CONNECTION, "protocol", format, args);
  va_end (args);
  return STATUS_CONNECTION;
}

void
message_note (const char *format, ...) {
  va_list args;
  char *text;

  if (settings.is_quiet) return;
  va_start (args, format);
  text = format_message (format, args);
  va_end (args);
  say (text);
  free (text);
}
