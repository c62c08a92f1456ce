/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checking.c - what checks are made of.  */

#include "checking.h"
#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* How long a superfluous reply may be on its way.  The check waits only for a server that does not
   close at BYE.  */
#define QUIET_MS 300

static void __attribute__ ((format (printf, 2, 0)))
set_reason (struct checking *c, const char *format, va_list args) {
  free (c->reason);
  if (vasprintf (&c->reason, format, args) < 0) abort ();
}

enum check_result
checking_fail (struct checking *c, const char *format, ...) {
  va_list args;

  va_start (args, format);
  set_reason (c, format, args);
  va_end (args);
  return CHECK_FAIL;
}

enum check_result
checking_end (struct checking *c, enum check_result result, const char *format, ...) {
  va_list args;

  va_start (args, format);
  set_reason (c, format, args);
  va_end (args);
  return result;
}

/* --- Replies in words ------------------------------------------------------------------------- */

/* Returns what came, to be freed.  */
static char *
describe (const struct checking *c, const struct probe *p, enum reply_kind kind) {
  switch (kind) {
  case REPLY_CLOSED:
    return text_dup ("the server closed the connection");
  case REPLY_TIMEOUT:
    return text_format ("nothing within %g s", c->timeout_ms / 1000.0);
  case REPLY_JUNK:
    return text_format ("no line of the protocol: %.60s", p->line ? p->line : "");
  default:
    return text_format ("%.100s", p->line);
  }
}

/* Returns LINE as a reason shows it, to be freed.  */
static char *
quote (const char *line) {
  size_t len = strcspn (line, "\r\n");

  if (len > 40) return text_format ("%.20s... (%zu octets)", line, len);
  return len ? text_part (line, len) : text_dup ("an empty line");
}

enum check_result
checking_want (struct checking *c, const struct probe *p, const char *line, enum reply_kind kind,
               char wants) {
  bool is_so = wants == 'O'   ? kind == REPLY_OK
               : wants == 'E' ? kind == REPLY_ERR
                              : kind == REPLY_OK || kind == REPLY_ERR;
  char *came, *quoted;

  if (is_so) return CHECK_OK;
  came = describe (c, p, kind);
  quoted = quote (line);
  checking_fail (c, "%s: wants %s, got: %s", quoted,
                 wants == 'O'   ? "OK"
                 : wants == 'E' ? "ERR"
                                : "OK or ERR",
                 came);
  free (came);
  free (quoted);
  return CHECK_FAIL;
}

/* --- Dialogues -------------------------------------------------------------------------------- */

enum check_result
checking_open (struct checking *c, struct probe *p) {
  if (!probe_open (p, c->address, c->deadline_ns, &c->sent, &c->got))
    return checking_fail (c, "cannot connect");
  return checking_want (c, p, "greeting", probe_reply (p, NULL), 'O');
}

enum check_result
checking_ask (struct checking *c, struct probe *p, const char *line, char wants) {
  /* A server that has closed may have said why before.  */
  probe_say (p, line);
  return checking_want (c, p, line, probe_reply (p, NULL), wants);
}

/* The reply to BYE may be missing, or be an ERR: that is another check's.  */
enum check_result
checking_finish (struct checking *c, struct probe *p) {
  unsigned int n = 0;

  probe_say (p, "BYE\n");
  while (probe_reply_within (p, QUIET_MS) <= REPLY_ERR)
    if (n++) return checking_fail (c, "a reply that nothing asked for: %.100s", p->line);
  return CHECK_OK;
}

enum check_result
checking_go_on (struct checking *c, struct probe *p) {
  enum check_result result = checking_ask (c, p, "NOP\n", 'O');

  return result ? result : checking_finish (c, p);
}

enum check_result
checking_closes (struct checking *c, struct probe *p, const char *because) {
  enum reply_kind kind = probe_reply (p, NULL);
  char *came;

  if (kind == REPLY_CLOSED) return CHECK_OK;
  if (kind == REPLY_TIMEOUT)
    return checking_fail (c, "%s: the connection stays open for %g s", because,
                          c->timeout_ms / 1000.0);
  came = describe (c, p, kind);
  checking_fail (c, "%s: wants the end of the connection, got: %s", because, came);
  free (came);
  return CHECK_FAIL;
}

static enum check_result
take_step (struct checking *c, struct probe *p, const struct step *step) {
  if (step->wants) return checking_ask (c, p, step->line, step->wants);
  probe_say (p, step->line);
  return CHECK_OK;
}

enum check_result
check_dialogue (struct checking *c) {
  struct probe p;
  enum check_result result = checking_open (c, &p);

  for (size_t i = 0; i < N_ELEMENTS (c->check->steps) && c->check->steps[i].line && !result; i++)
    result = take_step (c, &p, &c->check->steps[i]);
  if (!result) result = checking_finish (c, &p);
  probe_close (&p);
  return result;
}
