/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* monitor.c - `assuanctl monitor`: shows who says what to a server, line by line.  */

#include "message.h"
#include "settings.h"
#include "terminal.h"
#include "text.h"
#include "watching.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S  1000000000u
#define NS_PER_MS 1000000u
#define NS_PER_US 1000u

enum option { OPT_TIME = WATCHING_N_OPTIONS };

static const struct option_spec options[] = {
  WATCHING_OPTIONS,
  { "time", 0, "FORM", "times: clock, relative to the beginning, or iso" },
};

static enum { TIME_CLOCK, TIME_RELATIVE, TIME_ISO } time_form;

static enum status
set (size_t index, const char *value) {
  if (index != OPT_TIME) return watching_set (index, value);
  if (!strcmp (value, "clock"))
    time_form = TIME_CLOCK;
  else if (!strcmp (value, "relative"))
    time_form = TIME_RELATIVE;
  else if (!strcmp (value, "iso"))
    time_form = TIME_ISO;
  else
    return message_fail (STATUS_USAGE, "--time: '%s' is none of clock, relative, iso", value);
  return STATUS_OK;
}

/* --- Times ------------------------------------------------------------------------------------ */

/* Many lines come in a second.  */
static void
put_clock (FILE *out, time_t seconds) {
  static time_t last;
  static char text[16];
  struct tm tm;

  if (!*text || seconds != last) {
    localtime_r (&seconds, &tm);
    strftime (text, sizeof text, "%H:%M:%S", &tm);
    last = seconds;
  }
  fputs (text, out);
}

static void
put_time (FILE *out, uint64_t time_ns) {
  static uint64_t began_ns;
  uint64_t since_ns;
  time_t seconds = (time_t) (time_ns / NS_PER_S);

  if (!began_ns) began_ns = time_ns;
  since_ns = time_ns > began_ns ? time_ns - began_ns : 0;
  if (time_form == TIME_ISO) {
    sink_put_iso (out, time_ns);
  } else if (time_form == TIME_RELATIVE) {
    fprintf (out, "%" PRIu64 ".%06" PRIu64, since_ns / NS_PER_S, since_ns % NS_PER_S / NS_PER_US);
  } else {
    put_clock (out, seconds);
    fprintf (out, ".%03" PRIu64, time_ns % NS_PER_S / NS_PER_MS);
  }
}

/* --- Text ------------------------------------------------------------------------------------- */

static void
put_text (FILE *out, const char *text) {
  text_print (out, text, strlen (text), false);
}

static void
put_head (FILE *out, const struct watched *w, uint64_t time_ns) {
  put_time (out, time_ns);
  fprintf (out, " #%lu ", w->number);
}

static void
put_process (FILE *out, const char *before, const struct process *p) {
  char *text = process_describe (p);

  fputs (before, out);
  put_text (out, text);
  putc ('\n', out);
  free (text);
}

static void
show_connect (FILE *out, const struct watched *w, uint64_t time_ns) {
  put_head (out, w, time_ns);
  put_process (out, "", &w->peer);
}

static void
show_owner (FILE *out, const struct watched *w, const struct process *owner, uint64_t time_ns) {
  put_head (out, w, time_ns);
  put_process (out, "on behalf of ", owner);
}

/* What the end of a command tells stands where the lines mostly have ended.  */
static void
show_line (FILE *out, const struct watched *w, const struct watched_line *line) {
  put_head (out, w, line->time_ns);
  fputs (line->is_from_server ? "< " : "> ", out);
  text_print (out, line->text, line->len, false);
  if (line->is_cut) fputs ("[cut: the line is too long]", out);
  if (line->command) {
    fprintf (out, "%*s", line->len < 40 ? (int) (40 - line->len) : 2, "");
    put_text (out, line->command);
    fprintf (out, ": %" PRIu64 " ms, %" PRIu64 " octets", line->took_ns / NS_PER_MS,
             line->n_octets);
  }
  putc ('\n', out);
}

static void
show_disconnect (FILE *out, const struct watched *w, const char *reason, uint64_t time_ns) {
  put_head (out, w, time_ns);
  fprintf (out, "closed (%s) after %lu commands\n", reason, w->n_commands);
}

static enum status
run (const struct arguments *arguments) {
  static const struct sink sink = {
    .appends = true,
    .connect = show_connect,
    .owner = show_owner,
    .line = show_line,
    .disconnect = show_disconnect,
  };

  return watching_run (arguments, settings.is_json ? &sink_json : &sink);
}

const struct subcommand monitor_subcommand = {
  .name = "monitor",
  .synopsis = WATCHING_SYNOPSIS,
  .purpose = "Show who says what to a server",
  .options = options,
  .n_options = N_ELEMENTS (options),
  .set = set,
  .run = run,
};
