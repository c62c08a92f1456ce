/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* output.c - what a server says, on its way to stdout.  */

#include "output.h"
#include "errname.h"
#include "json.h"
#include "message.h"
#include "options.h"
#include "settings.h"
#include "terminal.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most octets of an object of data.  */
#define CHUNK_LEN 16384u

enum status
output_parse_kinds (const char *text, unsigned int *ret_kinds) {
  static const struct {
    const char *name;
    unsigned int kind;
  } kinds[] = { { "data", OUTPUT_DATA },           { "status", OUTPUT_STATUS },
                { "comments", OUTPUT_COMMENTS },   { "ok", OUTPUT_OK },
                { "inquiries", OUTPUT_INQUIRIES }, { "all", OUTPUT_ALL } };

  for (;; text++) {
    size_t len = strcspn (text, ","), i = 0;
    while (i < N_ELEMENTS (kinds) && (strncmp (kinds[i].name, text, len) || kinds[i].name[len]))
      i++;
    if (i == N_ELEMENTS (kinds))
      return message_fail (STATUS_USAGE,
                           "--output: '%.*s' is none of data, status, comments, ok, inquiries, all",
                           (int) len, text);
    *ret_kinds |= kinds[i].kind;
    text += len;
    if (!*text) return STATUS_OK;
  }
}

static unsigned int
kinds_of (const struct output *output) {
  if (output->kinds) return output->kinds;
  return output->n_keywords ? OUTPUT_STATUS : OUTPUT_DATA;
}

static bool
is_alone (const struct output *output) {
  unsigned int kinds = kinds_of (output);

  return !(kinds & (kinds - 1));
}

/* --- Text ------------------------------------------------------------------------------------- */

/* To a pipe or file octets are exact.  */
static void
put (FILE *file, const char *buf, size_t len, bool keeps_lf) {
  if (terminal_is (file))
    text_print (file, buf, len, keeps_lf);
  else
    fwrite (buf, 1, len, file);
}

/* Ends a line of data that has no end.  */
static void
end_line (struct output *output) {
  if (output->is_open_line) putchar ('\n');
  output->is_open_line = false;
}

/* A line in wire form.  Colours are for stdout alone.  */
static void
put_line (FILE *file, enum terminal_color color, const char *line, size_t len) {
  bool is_colored = file == stdout && color != TERMINAL_PLAIN;

  if (is_colored) fputs (terminal_color (color), file);
  put (file, line, len, false);
  if (is_colored) fputs (terminal_color (TERMINAL_PLAIN), file);
  putc ('\n', file);
}

/* TEXT of KIND, which stands behind WORD on the wire; SHOWN is what of it is shown alone.  */
static void
put_kind (struct output *output, unsigned int kind, const char *word, const char *text,
          enum terminal_color color) {
  bool is_named = kinds_of (output) & kind;
  char *line;

  if (!is_named && (settings.is_quiet || kind == OUTPUT_OK)) return;
  end_line (output);
  if (!is_named) fflush (stdout);
  if (is_named && is_alone (output)) {
    put_line (stdout, color, text, strlen (text));
    return;
  }
  line = text_format ("%s%s%s", word, *word && *text ? " " : "", text);
  put_line (is_named ? stdout : stderr, color, line, strlen (line));
  free (line);
}

/* Data in wire form, in lines of at most 1000 octets.  */
static void
put_data_lines (FILE *file, const char *buf, size_t len) {
  char line[1000];
  size_t n = 0;

  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char) buf[i];
    if (!n) n = (size_t) sprintf (line, "D ");
    if (c == '%' || c == '\r' || c == '\n')
      n += (size_t) sprintf (line + n, "%%%02X", c);
    else
      line[n++] = (char) c;
    if (i + 1 < len && n + 4 < sizeof line) continue;
    put_line (file, TERMINAL_PLAIN, line, n);
    n = 0;
  }
}

static void
put_data (struct output *output, const char *buf, size_t len) {
  bool is_named = kinds_of (output) & OUTPUT_DATA;

  if (is_named && is_alone (output)) {
    if (buf) put (stdout, buf, len, true);
    if (buf && len && terminal_is (stdout)) output->is_open_line = buf[len - 1] != '\n';
  } else if (is_named || !settings.is_quiet) {
    FILE *file = is_named ? stdout : stderr;
    if (buf)
      put_data_lines (file, buf, len);
    else
      put_line (file, TERMINAL_PLAIN, "END", 3);
  }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static struct json *
new_object (const struct output *output, const char *type) {
  struct json *object = json_new (type);

  if (output->seq) json_add_number (object, "seq", (int64_t) output->seq);
  return object;
}

static void
json_text (const struct output *output, const char *type, const char *text) {
  struct json *object = new_object (output, type);

  json_add_octets (object, "text", text ? text : "", text ? strlen (text) : 0);
  json_print (object);
}

/* KEYWORD and text.  */
static struct json *
json_keyword (const struct output *output, const char *type, const char *text) {
  struct json *object = new_object (output, type);
  size_t len = strcspn (text, " ");
  char *keyword = text_part (text, len);

  json_add (object, "keyword", keyword);
  free (keyword);
  text += len + (text[len] == ' ');
  json_add_octets (object, "text", text, strlen (text));
  return object;
}

/* Cut between characters.  */
static size_t
chunk_len (const char *buf, size_t len) {
  size_t n = CHUNK_LEN;

  if (len <= n) return len;
  while (n > CHUNK_LEN - 4 && ((unsigned char) buf[n] & 0xc0) == 0x80)
    n--;
  return n;
}

static void
json_data (const struct output *output, const char *buf, size_t len) {
  if (!buf) json_print (new_object (output, "end"));
  while (buf && len) {
    struct json *object = new_object (output, "data");
    size_t n = chunk_len (buf, len);
    json_add_octets (object, "text", buf, n);
    json_print (object);
    buf += n;
    len -= n;
  }
}

/* --- The interface ---------------------------------------------------------------------------- */

void
output_hello (struct output *output, const char *text) {
  if (settings.is_json) json_text (output, "hello", text);
}

void
output_command (struct output *output) {
  output->seq++;
}

void
output_data (struct output *output, const char *buf, size_t len) {
  if (settings.is_json)
    json_data (output, buf, len);
  else
    put_data (output, buf, len);
}

/* Returns the text that follows the keyword if --status asks for it, or NULL.  */
static const char *
asked_for (const struct output *output, const char *text) {
  size_t len = strcspn (text, " ");

  for (size_t i = 0; i < output->n_keywords; i++)
    if (strlen (output->keywords[i]) == len && !strncmp (output->keywords[i], text, len))
      return text + len + (text[len] == ' ');
  return NULL;
}

void
output_status (struct output *output, const char *text) {
  const char *rest = output->n_keywords ? asked_for (output, text) : NULL;

  if (settings.is_json) {
    json_print (json_keyword (output, "status", text));
  } else if (rest) {
    end_line (output);
    put_line (stdout, TERMINAL_STATUS, rest, strlen (rest));
  } else if (output->n_keywords) {
    if (settings.is_quiet) return;
    fflush (stdout);
    fputs ("S ", stderr);
    put_line (stderr, TERMINAL_PLAIN, text, strlen (text));
  } else {
    put_kind (output, OUTPUT_STATUS, "S", text, TERMINAL_STATUS);
  }
}

void
output_comment (struct output *output, const char *text) {
  const char *rest = text + (*text == '#');

  rest += *rest == ' ';
  if (settings.is_json)
    json_text (output, "comment", rest);
  else if ((kinds_of (output) & OUTPUT_COMMENTS) && is_alone (output))
    put_kind (output, OUTPUT_COMMENTS, "", rest, TERMINAL_COMMENT);
  else
    put_kind (output, OUTPUT_COMMENTS, "", text, TERMINAL_COMMENT);
}

void
output_inquiry (struct output *output, const char *text, const char *answered) {
  struct json *object;

  if (!settings.is_json) {
    put_kind (output, OUTPUT_INQUIRIES, "INQUIRE", text, TERMINAL_NAME);
    return;
  }
  object = json_keyword (output, "inquire", text);
  json_add (object, "answered", answered);
  json_print (object);
}

void
output_ok (struct output *output, const char *text) {
  if (settings.is_json)
    json_text (output, "ok", text);
  else
    put_kind (output, OUTPUT_OK, "OK", text ? text : "", TERMINAL_PLAIN);
  end_line (output);
}

void
output_err (struct output *output, gpg_error_t err, const char *text) {
  const char *name = errname_of (gpg_err_code (err));
  struct json *object;
  char *line;

  end_line (output);
  if (!settings.is_json) {
    if (kinds_of (output) != OUTPUT_ALL) return; /* the message tells it */
    line = text_format ("ERR %u%s%s", err, text ? " " : "", text ? text : "");
    put_line (stdout, TERMINAL_ERROR, line, strlen (line));
    free (line);
    return;
  }
  object = new_object (output, "err");
  json_add_number (object, "error", err);
  json_add_number (object, "code", gpg_err_code (err));
  if (name) json_add (object, "name", name);
  json_add_number (object, "source", gpg_err_source (err));
  json_add_octets (object, "text", text ? text : "", text ? strlen (text) : 0);
  json_print (object);
}

enum status
output_finish (void) {
  if (!fflush (stdout) && !ferror (stdout)) return STATUS_OK;
  return message_fail (STATUS_LOCAL, "cannot write to stdout: %s", strerror (errno));
}
