/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* telling.c - what a subcommand with many clients tells of them.  */

#include "telling.h"
#include "json.h"
#include "message.h"
#include "settings.h"
#include "text.h"

/* --- Lines of --verbose ----------------------------------------------------------------------- */

static void
show_line (FILE *out, const struct watched *w, const struct watched_line *line) {
  fprintf (out, "#%lu %c ", w->number, line->is_from_server ? '<' : '>');
  text_print (out, line->text, line->len, false);
  putc ('\n', out);
}

static const struct sink sink_lines = { .line = show_line };

/* --- The interface ---------------------------------------------------------------------------- */

struct spectator *
telling_begin (unsigned long number, pid_t pid, bool logs) {
  if (settings.is_json && (settings.is_verbose || logs))
    return spectator_new (&sink_json, json_get_file (), number, pid);
  return settings.is_verbose ? spectator_new (&sink_lines, stderr, number, pid) : NULL;
}

void
telling_line (struct spectator *spectator, bool is_from_server, const char *line, size_t len) {
  if (!spectator) return;
  spectator_line (spectator, is_from_server, line, len, false);
  spectator_flush (spectator);
}

void
telling_listen (const struct address *address, const char *actual) {
  struct json *object;

  if (settings.is_json) {
    object = json_new ("listen");
    json_add (object, "address", actual ? actual : address->text);
    json_print (object);
  } else if (address->kind == ADDRESS_TCP) {
    message_note ("listens on %s", actual);
  }
}
