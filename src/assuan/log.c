/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log.c - what is logged, how it reads, and the monitor.

   Lines of the dialogue are logged as

       chan_FD -> text        chan_FD <- text

   with FD being the inbound descriptor.  A line with control characters is shown in hexadecimal, `[
   44 20 07 ...(12 byte(s) skipped) ]`, 16 octets unless ASSUAN_FULL_LOGGING is set in the
   environment; confidential ones are not shown at all.  Other programs parse this.  */

#include "assuan/log.h"

#include "assuan/memory.h"
#include "wire/wipe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEX_LIMIT 16

/* Room for a line in hexadecimal, three octets each, and what is around it.  */
#define MESSAGE_SIZE (3 * EVA_LINE_SIZE + 128)

static FILE *default_stream;
static char *log_prefix;

/* --- What shows it ---------------------------------------------------------------------------- */

struct eva__watch *
eva__ctx_own_watch (assuan_context_t ctx) {
  return eva__ctx_own_table (ctx) ? &ctx->table->watch : NULL;
}

/* --- Configuration ---------------------------------------------------------------------------- */

void
assuan_set_assuan_log_prefix (const char *text) {
  char *copy = text ? strdup (text) : NULL;

  free (log_prefix);
  log_prefix = copy;
}

const char *
assuan_get_assuan_log_prefix (void) {
  return log_prefix ? log_prefix : "";
}

void
assuan_set_assuan_log_stream (FILE *fp) {
  default_stream = fp;
}

void
assuan_set_log_stream (assuan_context_t ctx, FILE *fp) {
  struct eva__watch *watch = ctx ? eva__ctx_own_watch (ctx) : NULL;

  if (!watch) return;
  watch->log_stream = fp;
  if (!default_stream) default_stream = fp;
}

/* --- The default handler ---------------------------------------------------------------------- */

/* The categories that the environment asks for, as a set of bits: 1 << category.  In ASSUAN_DEBUG
   category n is bit n - 1.  It is read each time, because it is only read where there is a stream
   to log to, and a cached value would be one more global.  */
static unsigned int
wanted_categories (void) {
  const char *text = getenv ("ASSUAN_DEBUG");

  if (!text) return 1u << ASSUAN_LOG_CONTROL;
  return (unsigned int) strtoul (text, NULL, 0) << 1;
}

int
eva__log_default_cb (assuan_context_t ctx, void *hook, unsigned int cat, const char *msg) {
  FILE *fp = ctx && ctx->table->watch.log_stream ? ctx->table->watch.log_stream : default_stream;
  int saved_errno = errno;

  (void) hook;
  if (!fp || cat > 31 || !(wanted_categories () >> cat & 1)) return 0;
  if (!msg) return 1;
  /* One call for the whole line, so that threads do not mix theirs.  */
  if (log_prefix && *log_prefix)
    fprintf (fp, "%s[%u]: %s", log_prefix, (unsigned int) getpid (), msg);
  else
    fprintf (fp, "%s", msg);
  fflush (fp);
  errno = saved_errno;
  return 0;
}

/* --- Messages --------------------------------------------------------------------------------- */

/* The callback may release the context, which stays while it is used, but does not call back any
   more.  */
static bool
call_back (assuan_context_t ctx, unsigned int cat, const char *msg) {
  bool was_showing = ctx->is_showing;
  bool is_wanted;

  if (ctx->ends_quietly) return false;
  ctx->is_showing = true;
  is_wanted = ctx->table->watch.log_cb (ctx, ctx->table->watch.log_cb_data, cat, msg);
  ctx->is_showing = was_showing;
  return is_wanted;
}

/* Returns true if there is no log.  The default handler without a stream, which nearly all contexts
   have, is not worth a call.  */
static bool
is_silent (const struct eva__watch *watch) {
  if (watch->log_cb == eva__log_default_cb) return !watch->log_stream && !default_stream;
  return !watch->log_cb;
}

/* Asks the callback first: making a message costs more than asking, and most are never wanted.  */
static bool
is_wanted (assuan_context_t ctx, unsigned int cat) {
  if (is_silent (&ctx->table->watch)) return false;
  return !ctx->flags.no_logging && call_back (ctx, cat, NULL);
}

void
eva__ctx_log (assuan_context_t ctx, unsigned int cat, const char *format, ...) {
  char msg[512];
  va_list ap;
  int len;

  if (!is_wanted (ctx, cat)) return;
  va_start (ap, format);
  len = vsnprintf (msg, sizeof msg - 1, format, ap);
  va_end (ap);
  if (len < 0) return;
  if ((size_t) len > sizeof msg - 2) len = sizeof msg - 2;
  memcpy (msg + len, "\n", 2);
  call_back (ctx, cat, msg);
  eva__wire_wipe (msg, (size_t) len);
}

/* Octets from 0x80 on are no control characters: text is UTF-8.  */
static bool
has_control_characters (const char *line, size_t len) {
  for (size_t i = 0; i < len; i++)
    if ((unsigned char) line[i] < 0x20 || line[i] == 0x7f) return true;
  return false;
}

/* Writes LINE in hexadecimal to DST, which has SIZE octets.  */
static void
format_hex (char *dst, size_t size, const char *line, size_t len) {
  size_t shown = len;
  size_t n;

  if (shown > HEX_LIMIT && !getenv ("ASSUAN_FULL_LOGGING")) shown = HEX_LIMIT;
  n = (size_t) snprintf (dst, size, "[");
  for (size_t i = 0; i < shown; i++)
    n += (size_t) snprintf (dst + n, size - n, " %02x", (unsigned int) (unsigned char) line[i]);
  if (shown < len)
    n += (size_t) snprintf (dst + n, size - n, " ...(%zu byte(s) skipped)", len - shown);
  snprintf (dst + n, size - n, " ]");
}

/* Logs a line of the dialogue.  Wipes the copy on the stack: it may be a passphrase that was not
   declared confidential.  */
static void
log_line (assuan_context_t ctx, int direction, const char *line, size_t len, bool is_secret) {
  const char *arrow = direction == ASSUAN_IO_FROM_PEER ? "<-" : "->";
  char msg[MESSAGE_SIZE];
  size_t n;

  if (!is_wanted (ctx, ASSUAN_LOG_CONTROL)) return;
  n = (size_t) snprintf (msg, sizeof msg, "chan_%d %s ", (int) ctx->channel.in_fd, arrow);
  if (is_secret)
    snprintf (msg + n, sizeof msg - n, EVA__LOG_HIDDEN);
  else if (!len || has_control_characters (line, len))
    format_hex (msg + n, sizeof msg - n - 1, line, len);
  else
    memcpy (msg + n, line, len), msg[n + len] = 0;
  n = strlen (msg);
  memcpy (msg + n, "\n", 2);
  call_back (ctx, ASSUAN_LOG_CONTROL, msg);
  eva__wire_wipe (msg, n);
}

bool
eva__ctx_has_watch (assuan_context_t ctx) {
  return ctx->table->watch.monitor || !is_silent (&ctx->table->watch);
}

/* Every line asks this.  */
bool
eva__ctx_is_watched (assuan_context_t ctx) {
  return ctx->table->watch.monitor || is_wanted (ctx, ASSUAN_LOG_CONTROL);
}

bool
eva__ctx_show_line (assuan_context_t ctx, int direction, const char *line, size_t len,
                    bool is_secret) {
  bool was_showing = ctx->is_showing;
  unsigned int flags = 0;

  if (ctx->ends_quietly) return true;
  ctx->is_showing = true;
  if (ctx->table->watch.monitor)
    flags = ctx->table->watch.monitor (ctx, ctx->table->watch.monitor_data, direction, line, len);
  ctx->is_showing = was_showing;
  /* A line of the peer that is ignored counts as an empty line, and is logged as one.  */
  if (flags & ASSUAN_IO_MONITOR_IGNORE && direction == ASSUAN_IO_FROM_PEER) len = 0;
  if (!(flags & ASSUAN_IO_MONITOR_NOLOG)) log_line (ctx, direction, line, len, is_secret);
  return !(flags & ASSUAN_IO_MONITOR_IGNORE);
}
