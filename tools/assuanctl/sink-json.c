/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sink-json.c - connections that are watched, as objects of --json.  */

#include "json.h"
#include "sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_S  1000000000u
#define NS_PER_US 1000u

void
sink_put_iso (FILE *file, uint64_t time_ns) {
  time_t seconds = (time_t) (time_ns / NS_PER_S);
  char text[32];
  struct tm tm;

  gmtime_r (&seconds, &tm);
  strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
  fprintf (file, "%s.%06" PRIu64 "Z", text, time_ns % NS_PER_S / NS_PER_US);
}

static struct json *
new_object (const char *type, const struct watched *w, uint64_t time_ns) {
  struct json *object = json_new (type);
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream (&text, &size);

  if (!file) abort ();
  sink_put_iso (file, time_ns);
  if (fclose (file)) abort ();
  json_add (object, "time", text);
  json_add_number (object, "conn", (int64_t) w->number);
  free (text);
  return object;
}

static void
add_process (struct json *object, const struct process *p) {
  if (p->pid > 0) json_add_number (object, "pid", p->pid);
  if (p->has_uid) json_add_number (object, "uid", p->uid);
  if (p->exe) json_add (object, "exe", p->exe);
  json_add_array (object, "args", (const char *const *) p->args, p->n_args);
  json_add_array (object, "parents", (const char *const *) p->parents, p->n_parents);
}

static void
show_line (FILE *out, const struct watched *w, const struct watched_line *line) {
  struct json *object = new_object ("line", w, line->time_ns);

  json_add (object, "from", line->is_from_server ? "server" : "client");
  json_add_octets (object, "line", line->text, line->len);
  if (line->hidden)
    json_add (object, "redacted", line->hidden == SECRET_SECRET ? "secret" : "unknown");
  if (line->is_cut) json_add_bool (object, "cut", true);
  if (line->command) {
    json_add (object, "command", line->command);
    json_add_number (object, "microseconds", (int64_t) (line->took_ns / NS_PER_US));
    json_add_number (object, "octets", (int64_t) line->n_octets);
  }
  json_print_to (object, out);
}

static void
show_connect (FILE *out, const struct watched *w, uint64_t time_ns) {
  struct json *object = new_object ("connect", w, time_ns);

  add_process (object, &w->peer);
  json_print_to (object, out);
}

static void
show_owner (FILE *out, const struct watched *w, const struct process *owner, uint64_t time_ns) {
  struct json *object = new_object ("owner", w, time_ns);

  add_process (object, owner);
  json_print_to (object, out);
}

static void
show_disconnect (FILE *out, const struct watched *w, const char *reason, uint64_t time_ns) {
  struct json *object = new_object ("disconnect", w, time_ns);

  json_add (object, "reason", reason);
  json_add_number (object, "commands", (int64_t) w->n_commands);
  json_print_to (object, out);
}

const struct sink sink_json = {
  .appends = true,
  .connect = show_connect,
  .owner = show_owner,
  .line = show_line,
  .disconnect = show_disconnect,
};
