/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* secret.c - which lines of the peer are confidential.

   That depends on what the line answers, and for the commands of a service on what it names.  */

#include "assuan/secret.h"

#include "assuan/drive.h"
#include "wire/message.h"

#include <string.h>

/* Returns true if LINE, of LEN octets, brings data of an answer.  */
static bool
is_answer_data (char *line, size_t len) {
  struct eva__wire_message m;

  eva__wire_parse_answer (line, len, &m);
  return m.kind == EVA__WIRE_DATA;
}

bool
eva__secret_input (assuan_context_t ctx, char *line, size_t len) {
  if (ctx->flags.confidential) return true;
  switch (eva__conn_get_state (ctx->conn)) {
  case EVA_STATE_INQUIRY:
  case EVA_STATE_OVERFLOW:
    return ctx->answer_secret;
  case EVA_STATE_COMMAND:
  case EVA_STATE_STRAGGLER: /* a line that is no data of the answer is the next request */
    return ctx->answer_secret && eva__conn_is_owed (ctx->conn) && is_answer_data (line, len);
  case EVA_STATE_DRAINING:
    return ctx->rest_secret;
  default:
    return ctx->drive && eva__drive_hears_secret (ctx->drive);
  }
}

/* Returns true if LINE, of LEN octets, names a secret command, also if a blank in front makes it no
   request.  */
static bool
names_secret (assuan_context_t ctx, char *line, size_t len) {
  const struct eva__command *command;
  char *word = line, *end;
  char after;

  while (word < line + len && (*word == ' ' || *word == '\t' || !*word))
    word++;
  end = word + strcspn (word, " \t");
  after = *end;
  *end = 0;
  command = eva__ctx_find_command (ctx, word);
  *end = after;
  return command && eva__table_more (ctx->table, command)->is_secret;
}

/* Returns true if LINE is an answer, or comes in its place, to an inquiry of a secret command, even
   one that was given up.  */
static bool
is_redacted_answer (assuan_context_t ctx, char *line, size_t len) {
  if (!ctx->answer_redacted) return false;
  switch (eva__conn_get_state (ctx->conn)) {
  case EVA_STATE_INQUIRY:
  case EVA_STATE_OVERFLOW:
    return true;
  case EVA_STATE_COMMAND:
  case EVA_STATE_STRAGGLER:
    return eva__conn_is_owed (ctx->conn) && is_answer_data (line, len);
  default:
    return false;
  }
}

/* Data that no inquiry waits for any more may be the rest of any answer.  */
size_t
eva__secret_redact_input (assuan_context_t ctx, char *line, size_t len,
                          char buf[EVA__REDACTED_SIZE]) {
  if (is_redacted_answer (ctx, line, len)) return eva__redact_answer (line, len, buf);
  if (is_answer_data (line, len) && eva__conn_get_state (ctx->conn) == EVA_STATE_IDLE)
    return eva__redact_answer (line, len, buf);
  return names_secret (ctx, line, len) ? eva__redact_request (line, len, buf) : 0;
}
