/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* serve.c - serving requests: in a blocking loop, or a turn at a time in the program's loop.

   Both hand the events of the eva_conn to the same functions.  They differ in what ends a command:
   in assuan_process the return of its handler, in assuan_process_next only assuan_process_done,
   unless the command is built in.  */

#include "assuan/serve.h"

#include "assuan/accept.h"
#include "assuan/arguments.h"
#include "assuan/builtin.h"
#include "assuan/connection.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/inquire.h"
#include "assuan/lifetime.h"
#include "assuan/membuf.h"
#include "assuan/reply.h"
#include "assuan/scratch.h"
#include "assuan/table.h"
#include "wire/wipe.h"

#include <errno.h>
#include <string.h>

/* Returns true if the program takes turns with assuan_process_next, and one is under way: there a
   handler's result ends no command.  */
static bool
is_in_program_turn (assuan_context_t ctx) {
  return ctx->in_turn && !ctx->drive;
}

/* Returns true if a handler that returned 0 left its command open.  */
static bool
is_left_open (assuan_context_t ctx) {
  return eva__ctx_inquiry (ctx) || (ctx->drive && ctx->drive->deferred);
}

/* After the continuation ran in a blocking loop or one of eva.h, its result ends the command,
   unless the continuation deferred or finished the command, or inquired again.  The rest of an
   answer that was too long may still be to come: the reply does not wait for it.  */
static gpg_error_t
end_command (assuan_context_t ctx, gpg_error_t err) {
  if (ctx->released || is_in_program_turn (ctx)) return err;
  if (!eva__ctx_is_busy (ctx)) return 0;
  if (ctx->drive && err) return assuan_process_done (ctx, err);
  if (eva__ctx_inquiry (ctx) || (ctx->drive && ctx->drive->deferred)) return 0;
  return eva__ctx_finish_command (ctx, err);
}

gpg_error_t
eva__ctx_fail_inquiry (assuan_context_t ctx, gpg_error_t rc) {
  return end_command (ctx, eva__ctx_end_inquiry (ctx, rc));
}

/* An event of the answer to an open inquiry.  */
static gpg_error_t
on_answer (assuan_context_t ctx, const struct eva_event *ev) {
  gpg_error_t err;

  if (!eva__ctx_inquiry (ctx)) return 0; /* the inquiry was given up */
  if (ev->type == EVA_EVENT_DATA) {
    err = eva__ctx_add_answer (ctx, &eva__ctx_inquiry (ctx)->data, ev);
    return err ? end_command (ctx, eva__ctx_end_inquiry (ctx, err)) : 0;
  }
  return end_command (ctx, eva__ctx_end_inquiry (ctx, eva__ctx_answer_error (ctx, ev)));
}

/* The handler of the command under way returned ERR, which ends the command, unless the handler
   inquires asynchronously, deferred the command, or finished it itself.  */
static gpg_error_t
finish_command (assuan_context_t ctx, gpg_error_t err) {
  if (!eva__ctx_is_busy (ctx)) return 0;
  return err || !is_left_open (ctx) ? eva__ctx_process_done (ctx, err) : 0;
}

/* Runs COMMAND.  In a blocking loop or one of eva.h, and for a built-in command, the handler's
   result ends it; else an error goes to the caller of assuan_process_next, and the command stays
   open.  */
static __attribute__ ((hot)) gpg_error_t
run_command (assuan_context_t ctx, const struct eva__command *command, char *line) {
  bool in_program_turn = is_in_program_turn (ctx);
  bool finishes = !command->handler || !in_program_turn;
  gpg_error_t err;

  ctx->command = command;
  err = eva__builtin_handler (command) (ctx, line);
  if (!in_program_turn) ctx->command = NULL;
  if (finishes) err = finish_command (ctx, err);
  ctx->command = NULL;
  return EVA__SELDOM (ctx->released) ? 0 : err;
}

/* Asks the program about the command NAME, which is about to run.  Returns an error if it refuses.
   What a service let pass it hears the end of; if it has ended the command itself, there is
   none.  */
static gpg_error_t
notify (assuan_context_t ctx, const char *name) {
  const struct eva__notify *notify = &ctx->table->notify;
  gpg_error_t err = notify->before ? notify->before (ctx, name) : 0;

  if (err || !eva__ctx_is_busy (ctx)) return err;
  notify = &ctx->table->notify; /* it may have got one of its own */
  if (notify->after) ctx->drive->begun = name;
  return notify->pre_cmd ? notify->pre_cmd (ctx, name) : 0;
}

/* Returns the error of a LINE whose arguments are not those that COMMAND describes.  */
static gpg_error_t
check_arguments (assuan_context_t ctx, const struct eva__command *command, const char *line) {
  const struct eva_command *described = eva__table_more (ctx->table, command)->described;

  if (!described || !(described->flags & EVA_COMMAND_CHECKED)) return 0;
  return eva__arguments_check (ctx, described, line);
}

/* Returns true if notify has something to do.  */
static bool
is_notified (assuan_context_t ctx) {
  const struct eva__notify *notify = &ctx->table->notify;

  return notify->before || notify->after || notify->pre_cmd;
}

/* Notifies the program of COMMAND and, unless the program refuses, runs it with LINE.  The
   notification may register commands, which moves the table, or replace this one: the name finds it
   again.  It may also have released the context, or finished the command itself.  */
static gpg_error_t
run_notified (assuan_context_t ctx, const struct eva__command *command, char *line) {
  const char *name = command->name;
  gpg_error_t err = notify (ctx, name);

  if (!eva__ctx_is_busy (ctx)) return 0;
  command = eva__ctx_find_command (ctx, name);
  if (!err) err = check_arguments (ctx, command, line);
  return err ? eva__ctx_finish_command (ctx, err) : run_command (ctx, command, line);
}

/* Runs COMMAND if its arguments are as it describes them.  */
static gpg_error_t
run_checked (assuan_context_t ctx, const struct eva__command *command, char *line) {
  gpg_error_t err = check_arguments (ctx, command, line);

  return err ? eva__ctx_finish_command (ctx, err) : run_command (ctx, command, line);
}

/* What only some services need stands apart.  */
static __attribute__ ((noinline)) gpg_error_t
run_guarded (assuan_context_t ctx, const struct eva__command *command, char *line) {
  return is_notified (ctx) ? run_notified (ctx, command, line) : run_checked (ctx, command, line);
}

/* The argument is a copy: an inquiry or another nested read, in a notification or in the handler,
   puts its lines in the place of the original, and handlers go on using it; and it outlives a
   context that is released meanwhile.  */
static __attribute__ ((hot)) gpg_error_t
begin_command (assuan_context_t ctx, const struct eva__command *command,
               const struct eva_event *ev) {
  char line[EVA_LINE_SIZE];
  gpg_error_t err;

  memcpy (line, ev->text, ev->text_len + 1);
  if (EVA__SELDOM (ctx->table->more || is_notified (ctx)))
    err = run_guarded (ctx, command, line);
  else
    err = run_command (ctx, command, line);
  eva__wire_wipe (line, ev->text_len + 1);
  return err;
}

/* Returns true for `D text`: data without an inquiry.  D without a blank is an ordinary
   command.  */
static bool
is_stray_data (const struct eva_event *ev) {
  return ev->word_len == 1 && ev->word[0] == 'D' && ev->text > ev->word + 1;
}

/* A request whose word was parsed.  */
static gpg_error_t
on_request (assuan_context_t ctx, const struct eva_event *ev) {
  const struct eva__command *command;

  if (EVA__SELDOM (ctx->extra)) ctx->extra->err_no = 0;
  if (EVA__SELDOM (is_stray_data (ev)))
    return eva__ctx_finish_command (ctx, eva__ctx_error (ctx, GPG_ERR_NOT_IMPLEMENTED));
  command = eva__ctx_find_command (ctx, ev->word);
  ctx->is_redacted =
      command && ctx->table->has_secrets && eva__table_more (ctx->table, command)->is_secret;
  if (EVA__SELDOM (!command))
    return eva__ctx_finish_command (ctx, eva__ctx_error (ctx, GPG_ERR_ASS_UNKNOWN_CMD));
  return begin_command (ctx, command, ev);
}

/* The answer to a line that is too long or begins with a blank.  */
static gpg_error_t
refuse_line (assuan_context_t ctx, gpg_error_t err, const char *text) {
  return eva__ctx_finish_command (ctx, assuan_set_error (ctx, err, text));
}

/* Answers a line that is no request with an error.  An over-long one is a communication error
   (Assuan manual, "Implementation"): the program hears of it, and may want to get rid of such a
   client.  Within an inquiry the continuation hears of it.  */
static gpg_error_t
on_bad_line (assuan_context_t ctx, int rc) {
  gpg_error_t err = eva__ctx_conn_error (ctx, rc);

  /* In a turn, half a line before the end of file only means that the client left.  */
  if (rc == EVA_E_TRUNCATED && ctx->in_turn) return 0;
  if (eva__ctx_inquiry (ctx)) return eva__ctx_fail_inquiry (ctx, err);
  if (rc == EVA_E_SYNTAX)
    return refuse_line (ctx, eva__ctx_error (ctx, GPG_ERR_ASS_SYNTAX), "leading white-space");
  if (ctx->drive && rc == EVA_E_LINE_TOO_LONG)
    return refuse_line (ctx, err, "a line has at most 1000 octets");
  return err;
}

/* Hands on an event: requests here, answers to the inquiry.  */
static gpg_error_t
on_event (assuan_context_t ctx, const struct eva_event *ev) {
  switch (ev->type) {
  case EVA_EVENT_COMMAND:
    return on_request (ctx, ev);
  case EVA_EVENT_SKIPPED:
    return 0;
  case EVA_EVENT_EOF:
    /* In a loop of eva.h a client that finished sending still gets its answer.  */
    if (ctx->drive && eva__ctx_inquiry (ctx))
      return eva__ctx_fail_inquiry (ctx, eva__ctx_error (ctx, GPG_ERR_EOF));
    return eva__ctx_end_inquiry (ctx, eva__ctx_end_reason (ctx, GPG_ERR_EOF));
  default:
    return on_answer (ctx, ev);
  }
}

gpg_error_t
eva__serve_event (assuan_context_t ctx, int rc, const struct eva_event *ev) {
  if (EVA__SELDOM (ctx->released)) return 0; /* when the line was shown */
  return EVA__SELDOM (rc < 0) ? on_bad_line (ctx, rc) : on_event (ctx, ev);
}

/* Returns true if lines may be handled.  In a turn of the program's loop no handler works for a
   client that cannot be answered; a blocking server has waited for the client and goes by what it
   reads.  */
static bool
may_handle (assuan_context_t ctx) {
  if (ctx->released || !eva__ctx_is_connected (ctx)) return false;
  return !ctx->in_turn || !ctx->write_error;
}

/* Handles all lines that are there and may be handled now.  What a handler returns is reported
   before anything else happens.  An over-long line belongs to no handler, and in a turn the lines
   after it do not wait for the program to call again: nothing may ever wake it.  */
static __attribute__ ((hot)) gpg_error_t
handle_lines (assuan_context_t ctx) {
  gpg_error_t err = 0;

  while (may_handle (ctx)) {
    struct eva_event ev;
    int rc = eva__ctx_next (ctx, &ev);
    bool is_skipped = rc == EVA_E_LINE_TOO_LONG && ctx->in_turn && !eva__ctx_inquiry (ctx);
    gpg_error_t this_err;
    if (EVA__SELDOM (!rc)) break;
    this_err = eva__serve_event (ctx, rc, &ev);
    if (EVA__SELDOM (this_err) && (!is_skipped || !err)) err = this_err;
    if (EVA__SELDOM (this_err) && !is_skipped) break;
    if (EVA__MOSTLY (eva__ctx_is_through (ctx))) break;
  }
  return EVA__SELDOM (ctx->released) ? 0 : err;
}

/* Returns true if the client is done: it closed, or said BYE, or was told to leave.  */
static bool
is_over (assuan_context_t ctx) {
  return ctx->released || !eva__ctx_is_connected (ctx) || eva__conn_at_eof (ctx->conn);
}

/* Returns the error of a call to a context that is no server.  */
static gpg_error_t
check_server (assuan_context_t ctx) {
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (ctx->kind != EVA__CTX_SERVER) return eva__ctx_error (ctx, GPG_ERR_ASS_NOT_A_SERVER);
  return eva__drive_may_wait (ctx);
}

/* --- A turn in the program's loop ------------------------------------------------------------- */

/* Returns true if there is something to do without reading: the descriptor may be at rest, because
   the lines that a pending command held back were read long ago.  Half a line that fills the buffer
   is one that is too long.  */
static bool
has_work (assuan_context_t ctx) {
  if (EVA__MOSTLY (!eva__conn_input_len (ctx->conn))) return false;
  if (eva__conn_get_state (ctx->conn) == EVA_STATE_COMMAND) return false;
  return eva_conn_has_line (ctx->conn) || !eva_conn_wants_input (ctx->conn);
}

/* One read.  A peer that is gone ends the input, however the kernel says so.  */
static gpg_error_t
read_in_turn (assuan_context_t ctx) {
  gpg_error_t err = eva__ctx_read (ctx, false);

  if (EVA__MOSTLY (!err) || !eva__ctx_is_left (ctx, err)) return err;
  eva_conn_fed (ctx->conn, 0);
  return 0;
}

/* Nothing can be said to the client any more.  So nothing is read either: the program may have
   closed the descriptor by now, and its number may mean another connection.  The continuation of an
   open inquiry runs.  */
static gpg_error_t
give_up (assuan_context_t ctx) {
  bool left = eva__ctx_is_left (ctx, ctx->write_error);
  gpg_error_t err =
      eva__ctx_end_inquiry (ctx, left ? eva__ctx_end_reason (ctx, GPG_ERR_EOF) : ctx->write_error);

  return err || left ? err : ctx->write_error;
}

/* One turn: the lines that are held, or else one read; all that came; and one write for what is
   left to say.  */
static gpg_error_t
take_turn (assuan_context_t ctx) {
  gpg_error_t err = 0, end_err = 0;

  if (EVA__MOSTLY (!ctx->write_error && !has_work (ctx))) err = read_in_turn (ctx);
  if (EVA__MOSTLY (!err)) err = handle_lines (ctx);
  if (EVA__SELDOM (ctx->released || !ctx->conn)) return err;
  if (EVA__SELDOM (eva__conn_output_len (ctx->conn))) eva__ctx_flush (ctx);
  if (EVA__SELDOM (ctx->write_error && !ctx->released)) end_err = give_up (ctx);
  return err ? err : end_err;
}

/* Opens the connection, or takes a turn.  */
static gpg_error_t
process_next (assuan_context_t ctx) {
  gpg_error_t err = EVA__MOSTLY (ctx->greeted) ? 0 : eva__ctx_open (ctx);

  if (EVA__SELDOM (err) && eva__ctx_is_left (ctx, err)) err = 0;
  if (EVA__MOSTLY (!err && eva__ctx_is_connected (ctx))) {
    ctx->in_turn = true;
    err = take_turn (ctx);
    ctx->in_turn = false;
  }
  return ctx->released ? 0 : err; /* whatever its last callback returned */
}

__attribute__ ((hot)) gpg_error_t
assuan_process_next (assuan_context_t ctx, int *done) {
  gpg_error_t err = check_server (ctx), settle_err = 0;
  struct eva__scratch scratch;
  bool is_lent;

  if (done) *done = 0;
  if (err) return err;
  eva__ctx_enter (ctx);
  ctx->is_external = true;
  is_lent = eva__scratch_lend (ctx, &scratch);
  err = process_next (ctx);
  eva__ctx_forget_line (ctx);
  if (EVA__MOSTLY (is_lent)) settle_err = eva__scratch_settle (ctx, &scratch);
  if (done) *done = is_over (ctx) || ctx->write_error;
  return eva__ctx_leave_with (ctx, err ? err : settle_err);
}

/* --- The blocking loop ------------------------------------------------------------------------ */

gpg_error_t
assuan_process (assuan_context_t ctx) {
  gpg_error_t err = check_server (ctx);

  if (err) return err;
  if (!eva__ctx_is_connected (ctx)) return eva__ctx_error (ctx, gpg_err_code_from_errno (EBADF));
  eva__ctx_enter (ctx);
  ctx->is_external = false;
  err = eva__ctx_open (ctx);
  while (!err) {
    err = handle_lines (ctx);
    if (err || is_over (ctx)) break;
    /* A turn, or a handler around this call, left a command open: what comes would pile up after
       it.  */
    if (eva__conn_get_state (ctx->conn) == EVA_STATE_COMMAND)
      err = eva__ctx_error (ctx, GPG_ERR_ASS_NESTED_COMMANDS);
    else
      err = eva__ctx_read (ctx, true);
  }
  eva__ctx_forget_line (ctx);
  eva__ctx_leave (ctx);
  return err;
}
