/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* capture.c - `assuanctl capture`: the same as `monitor`, for Wireshark.  */

#include "pcapng.h"
#include "settings.h"
#include "text.h"
#include "watching.h"

#include <stdlib.h>

static const struct option_spec options[] = { WATCHING_OPTIONS };

/* Comments for the next record, which name the client, and the process that it asks for; by
   connection.  */
struct comment {
  struct comment *next;
  unsigned long connection;
  char *text;
};

static struct comment *comments;

static void
keep_comment (const struct watched *w, const char *before, const struct process *process) {
  struct comment *comment = text_alloc (sizeof *comment);
  char *text = process_describe (process);

  comment->connection = w->number;
  comment->text = text_format ("%s%lu: %s", before, w->number, text);
  comment->next = comments;
  comments = comment;
  free (text);
}

/* Returns the comment of this connection, to be freed, or NULL.  */
static char *
take_comment (unsigned long connection) {
  struct comment **at = &comments, *comment;
  char *text;

  while (*at && (*at)->connection != connection)
    at = &(*at)->next;
  comment = *at;
  if (!comment) return NULL;
  *at = comment->next;
  text = comment->text;
  free (comment);
  return text;
}

static void
show_begin (FILE *out, const char *address) {
  pcapng_begin (out, "assuanctl " ASSUANCTL_VERSION,
                settings.shows_secrets ? "with secrets: --show-secrets" : NULL, address);
}

static void
show_connect (FILE *out, const struct watched *w, uint64_t time_ns) {
  (void) out;
  (void) time_ns;
  keep_comment (w, "conn ", &w->peer);
}

/* The line that names the owner is written already; so its comment goes to the next record.  */
static void
show_owner (FILE *out, const struct watched *w, const struct process *owner, uint64_t time_ns) {
  (void) out;
  (void) time_ns;
  keep_comment (w, "on behalf of, conn ", owner);
}

static void
show_line (FILE *out, const struct watched *w, const struct watched_line *line) {
  char *comment = take_comment (w->number);
  struct pcapng_record record = { .time_ns = line->time_ns,
                                  .connection = (uint32_t) w->number,
                                  .is_from_server = line->is_from_server,
                                  .line = line->text,
                                  .len = line->len,
                                  .comment = comment };

  pcapng_put (out, &record);
  free (comment);
}

static void
show_disconnect (FILE *out, const struct watched *w, const char *reason, uint64_t time_ns) {
  (void) out;
  (void) reason;
  (void) time_ns;
  for (char *comment; (comment = take_comment (w->number));)
    free (comment);
}

static enum status
run (const struct arguments *arguments) {
  static const struct sink sink = {
    .is_binary = true,
    .begin = show_begin,
    .connect = show_connect,
    .owner = show_owner,
    .line = show_line,
    .disconnect = show_disconnect,
  };

  return watching_run (arguments, &sink);
}

const struct subcommand capture_subcommand = {
  .name = "capture",
  .synopsis = WATCHING_SYNOPSIS,
  .purpose = "Record who says what to a server, for Wireshark",
  .options = options,
  .n_options = N_ELEMENTS (options),
  .set = watching_set,
  .run = run,
};
