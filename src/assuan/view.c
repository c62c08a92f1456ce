/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* view.c - which lines of the dialogue log and monitor see, and what of secret ones.  */

#include "assuan/view.h"

#include "assuan/log.h"
#include "assuan/redact.h"
#include "assuan/secret.h"
#include "conn/conn.h"
#include "wire/wipe.h"

/* Shows LEN octets at BUF, as eva__ctx_show_line does, and wipes them.  */
static bool
show_copy (assuan_context_t ctx, int direction, char *buf, size_t len, bool is_secret) {
  bool is_wanted = eva__ctx_show_line (ctx, direction, buf, len, is_secret);

  eva__wire_wipe (buf, len);
  return is_wanted;
}

/* Shows what may be shown of LINE, which the peer said.  This and the next one stand apart because
   lines that are not watched must not pay for the buffer.  */
static __attribute__ ((noinline)) bool
show_heard (assuan_context_t ctx, char *line, size_t len, bool is_secret) {
  char buf[EVA__REDACTED_SIZE];
  size_t shown_len = eva__secret_redact_input (ctx, line, len, buf);

  if (!shown_len) return eva__ctx_show_line (ctx, ASSUAN_IO_FROM_PEER, line, len, is_secret);
  return show_copy (ctx, ASSUAN_IO_FROM_PEER, buf, shown_len, is_secret);
}

/* The same for a line that a secret command says.  */
static __attribute__ ((noinline)) bool
show_said (assuan_context_t ctx, const char *line, size_t len, bool is_secret) {
  char buf[EVA__REDACTED_SIZE];
  size_t shown_len = eva__redact_response (line, len, buf);

  return show_copy (ctx, ASSUAN_IO_TO_PEER, buf, shown_len, is_secret);
}

bool
eva__ctx_show_input (assuan_context_t ctx) {
  bool is_secret;
  char *line;
  size_t len;

  if (!eva__ctx_is_watched (ctx) || ctx->line_seen) return true;
  if (!eva_conn_peek (ctx->conn, &line, &len)) return true;
  ctx->line_seen = true;
  is_secret = eva__secret_input (ctx, line, len);
  if (ctx->table->has_secrets) return show_heard (ctx, line, len, is_secret);
  return eva__ctx_show_line (ctx, ASSUAN_IO_FROM_PEER, line, len, is_secret);
}

void
eva__ctx_show_lines (assuan_context_t ctx) {
  const char *line;
  size_t len;

  while (eva_conn_inspect (ctx->conn, &line, &len)) {
    bool is_secret = ctx->flags.confidential || eva__conn_shows_confidential (ctx->conn);
    bool is_wanted = ctx->is_redacted
                         ? show_said (ctx, line, len, is_secret)
                         : eva__ctx_show_line (ctx, ASSUAN_IO_TO_PEER, line, len, is_secret);
    if (!is_wanted) eva_conn_discard (ctx->conn);
  }
}
