/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* json.c - objects of --json, on json-c.  */

#include "json.h"
#include "text.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

static struct json_object *
of (struct json *object) {
  return (struct json_object *) (void *) object;
}

static void
add (struct json *object, const char *name, struct json_object *value) {
  json_object_object_add (of (object), name, value);
}

struct json *
json_new (const char *type) {
  struct json *object = (struct json *) (void *) json_object_new_object ();

  if (type) add (object, "type", json_object_new_string (type));
  return object;
}

/* For names and texts of the system, which are UTF-8 as a rule.  */
static struct json_object *
new_text (const char *text) {
  struct json_object *value;
  char *valid;

  if (text_is_utf8 (text, strlen (text))) return json_object_new_string (text);
  valid = text_printable (text);
  value = json_object_new_string (valid);
  free (valid);
  return value;
}

void
json_add (struct json *object, const char *name, const char *text) {
  add (object, name, new_text (text));
}

void
json_add_number (struct json *object, const char *name, int64_t number) {
  add (object, name, json_object_new_int64 (number));
}

void
json_add_bool (struct json *object, const char *name, bool value) {
  add (object, name, json_object_new_boolean (value));
}

void
json_add_array (struct json *object, const char *name, const char *const *texts, size_t n) {
  struct json_object *array = json_object_new_array ();

  for (size_t i = 0; i < n; i++)
    json_object_array_add (array, new_text (texts[i]));
  add (object, name, array);
}

/* --- Octets ----------------------------------------------------------------------------------- */

static char *
base64 (const unsigned char *buf, size_t len) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *text = text_alloc ((len + 2) / 3 * 4 + 1), *to = text;

  for (size_t i = 0; i < len; i += 3) {
    unsigned int b = i + 1 < len ? buf[i + 1] : 0, c = i + 2 < len ? buf[i + 2] : 0;
    unsigned int group = (unsigned int) buf[i] << 16 | b << 8 | c;
    *to++ = digits[group >> 18];
    *to++ = digits[group >> 12 & 63];
    *to++ = i + 1 < len ? digits[group >> 6 & 63] : '=';
    *to++ = i + 2 < len ? digits[group & 63] : '=';
  }
  return text;
}

void
json_add_octets (struct json *object, const char *name, const void *buf, size_t len) {
  char *text;

  if (text_is_utf8 (buf, len)) {
    add (object, name, json_object_new_string_len (buf, (int) len));
    return;
  }
  text = base64 (buf, len);
  add (object, "base64", json_object_new_string (text));
  free (text);
}

void
json_print_to (struct json *object, FILE *file) {
  fputs (json_object_to_json_string_ext (of (object),
                                         JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
         file);
  putc ('\n', file);
  json_object_put (of (object));
}

static bool has_left_stdout;

void
json_leave_stdout (void) {
  has_left_stdout = true;
}

FILE *
json_get_file (void) {
  return has_left_stdout ? stderr : stdout;
}

void
json_print (struct json *object) {
  json_print_to (object, json_get_file ());
  fflush (json_get_file ());
}
