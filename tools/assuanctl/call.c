/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* call.c - `assuanctl call`: commands given to a server, one after the other on one connection.

   The exit status tells what became of them: the first failure stays, whatever comes behind it.  */

#include "connection.h"
#include "errname.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "settings.h"
#include "text.h"
#include "wait.h"

#include <stdlib.h>
#include <string.h>

/* How long a call that is given up has, so that the server learns of it.  */
#define GIVE_UP_MS 2000u

enum option {
  OPT_COMMAND,
  OPT_KEEP_GOING,
  OPT_PERCENT,
  OPT_PLUS,
  OPT_HEX,
  OPT_OUTPUT,
  OPT_STATUS,
  OPT_ACCEPT,
  OPT_NO_START,
  OPT_NO_SESSION,
};

static const struct option_spec options[] = {
  { "command", 'c', "COMMAND", "a command as one word; may be repeated" },
  { "keep-going", 'k', NULL, "go on with the next command after an ERR" },
  { "percent", 0, NULL, "escape each ARG: %XX for %, +, blanks and controls" },
  { "plus", 0, NULL, "the same with + for blanks" },
  { "hex", 0, NULL, "write each ARG in hex" },
  { "output", 'o', "WHAT", "print data (the default), status, comments, ok, inquiries, or all" },
  { "status", 0, "KEYWORD", "print the texts of these status lines; may be repeated" },
  { "accept", 0, "CODE", "an ERR with this number or name is no failure; may be repeated" },
  { "no-start", 0, NULL, "do not start a server that is not there" },
  { "no-session", 0, NULL, "do not tell the agent terminal and display" },
};

/* A list of values that an option may give again and again.  */
struct list {
  const char **values;
  size_t n;
};

static struct {
  struct list commands, keywords;
  gpg_err_code_t *accepted;
  size_t n_accepted;
  unsigned int kinds;
  unsigned int flags; /* of connection_open */
  bool keeps_going;
  char *(*encode) (const char *arg);
} config;

/* --- Options ---------------------------------------------------------------------------------- */

static char *
encode_percent (const char *arg) {
  return text_escape (arg, false);
}

static char *
encode_plus (const char *arg) {
  return text_escape (arg, true);
}

static void
add (struct list *list, const char *value) {
  const char **values = text_alloc ((list->n + 1) * sizeof *values);

  if (list->n) memcpy (values, list->values, list->n * sizeof *values);
  values[list->n++] = value;
  free (list->values);
  list->values = values;
}

static enum status
accept_code (const char *value) {
  gpg_err_code_t code, *accepted;

  if (!errname_parse (value, &code))
    return message_fail (STATUS_USAGE, "--accept: '%s' is no error code and no name of one", value);
  accepted = realloc (config.accepted, (config.n_accepted + 1) * sizeof *accepted);
  if (!accepted) abort ();
  accepted[config.n_accepted++] = code;
  config.accepted = accepted;
  return STATUS_OK;
}

static enum status
set (size_t index, const char *value) {
  switch ((enum option) index) {
  case OPT_COMMAND:
    add (&config.commands, value);
    break;
  case OPT_KEEP_GOING:
    config.keeps_going = true;
    break;
  case OPT_PERCENT:
    config.encode = encode_percent;
    break;
  case OPT_PLUS:
    config.encode = encode_plus;
    break;
  case OPT_HEX:
    config.encode = text_hex;
    break;
  case OPT_OUTPUT:
    return output_parse_kinds (value, &config.kinds);
  case OPT_STATUS:
    add (&config.keywords, value);
    break;
  case OPT_ACCEPT:
    return accept_code (value);
  case OPT_NO_START:
    config.flags |= CONNECTION_NO_START;
    break;
  case OPT_NO_SESSION:
    config.flags |= CONNECTION_NO_SESSION;
    break;
  }
  return STATUS_OK;
}

/* Joins COMMAND and its arguments with single blanks.  */
static char *
join (char **words, size_t n) {
  char *line = text_dup (words[0]);

  for (size_t i = 1; i < n; i++) {
    char *arg = config.encode ? config.encode (words[i]) : text_dup (words[i]);
    char *longer = text_format ("%s %s", line, arg);
    free (arg);
    free (line);
    line = longer;
  }
  return line;
}

/* --- A call ----------------------------------------------------------------------------------- */

struct call {
  struct connection *connection;
  struct output output;
  const char *command;
  struct eva_pending_call *pending;
  bool is_done;
  enum status status;
};

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  struct call *call = arg;

  output_data (&call->output, buf, len);
  return 0;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  struct call *call = arg;

  output_status (&call->output, text);
  return 0;
}

static gpg_error_t
on_comment (void *arg, const char *text) {
  struct call *call = arg;

  output_comment (&call->output, text);
  return 0;
}

/* Returns what the server is told by END or CAN, later or now.  */
static gpg_error_t
on_inquiry (void *arg, struct eva_pending_call *pending, const char *text) {
  struct call *call = arg;

  if (!strncmp (text, "PINENTRY_LAUNCHED", 17)) {
    output_inquiry (&call->output, text, "end");
    return eva_answer_end (pending);
  }
  output_inquiry (&call->output, text, "cancel");
  call->status = message_fail (STATUS_LOCAL, "%s: the server inquires %s, and nothing answers",
                               call->connection->address->text, text);
  return eva_answer_cancel (pending);
}

static bool
is_accepted (gpg_error_t err) {
  for (size_t i = 0; i < config.n_accepted; i++)
    if (config.accepted[i] == gpg_err_code (err)) return true;
  return false;
}

static void
on_err (struct call *call, gpg_error_t err, const char *text) {
  const char *name = call->connection->address->text;

  output_err (&call->output, err, text);
  if (is_accepted (err) || call->status) return;
  call->status = STATUS_ERR;
  if (gpg_err_code (err) == GPG_ERR_ASS_UNKNOWN_CMD)
    message_fail (STATUS_ERR, "%s: %s: %s (%u); try: assuanctl describe %s", name, call->command,
                  text ? text : gpg_strerror (err), gpg_err_code (err), name);
  else
    message_fail (STATUS_ERR, "%s: %s: %s (%u)", name, call->command,
                  text ? text : gpg_strerror (err), gpg_err_code (err));
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  struct call *call = arg;

  call->is_done = true;
  call->pending = NULL;
  if (call->connection->is_over || gpg_err_code (err) == GPG_ERR_CANCELED) return;
  if (err)
    on_err (call, err, text);
  else
    output_ok (&call->output, text);
  fflush (stdout);
}

/* The server gets CAN if it inquires; the connection must not be closed before that has left.  */
static void
give_up (struct call *call) {
  bool never = false;

  if (!call->pending) return;
  eva_call_cancel (call->pending);
  while (eva_get_queued_len (call->connection->ctx) && !call->connection->is_over)
    if (wait_at_most (&never, 10) == STATUS_INTERRUPTED) break;
}

static enum status
make_call (struct call *call, const char *command) {
  static const struct eva_callbacks callbacks = { .data = on_data,
                                                  .status = on_status,
                                                  .comment = on_comment,
                                                  .inquire = on_inquiry,
                                                  .done = on_done };
  enum status status;

  call->command = command;
  call->is_done = false;
  call->status = STATUS_OK;
  output_command (&call->output);
  status = connection_call (call->connection, command, &callbacks, call, &call->pending);
  if (status) return status;
  status = wait_until (&call->is_done);
  if (status) give_up (call);
  if (!status && call->connection->is_over) return connection_fail_over (call->connection, command);
  return status ? status : call->status;
}

/* --- The subcommand --------------------------------------------------------------------------- */

static enum status
make_calls (struct connection *c) {
  struct call call = { .connection = c,
                       .output = { .kinds = config.kinds,
                                   .keywords = config.keywords.values,
                                   .n_keywords = config.keywords.n } };
  enum status first = STATUS_OK;

  output_hello (&call.output, c->greeting);
  for (size_t i = 0; i < config.commands.n; i++) {
    enum status status = make_call (&call, config.commands.values[i]);
    if (!first) first = status;
    if (status && !(config.keeps_going && status == STATUS_ERR)) break;
  }
  return first;
}

static enum status
call_address (struct address *address) {
  struct connection connection;
  enum status status = address_resolve (address);

  if (status) return status;
  status = connection_open (&connection, address, config.flags);
  if (!status) status = make_calls (&connection);
  connection_close (&connection);
  return status;
}

static enum status
run (const struct arguments *arguments) {
  struct address address;
  char **words, *line = NULL;
  size_t n;
  enum status status = address_take (arguments, &address, &words, &n);

  if (status) return status;
  if (n && config.commands.n)
    status = message_fail (STATUS_USAGE, "commands stand either behind ADDRESS or behind -c");
  else if (!n && !config.commands.n)
    status = message_fail (STATUS_USAGE, "which command? try: assuanctl describe %s", address.text);
  else if (n)
    add (&config.commands, line = join (words, n));
  if (!status) status = call_address (&address);
  free (line);
  free (words);
  free (config.commands.values);
  free (config.keywords.values);
  free (config.accepted);
  address_deinit (&address);
  return status;
}

const struct subcommand call_subcommand = {
  .name = "call",
  .synopsis = "ADDRESS COMMAND [ARG...]\nADDRESS -c COMMAND...\n-c COMMAND... -- PROGRAM [ARG...]",
  .purpose = "Give commands to a server and print what it says",
  .options = options,
  .n_options = N_ELEMENTS (options),
  .set = set,
  .run = run,
};
