/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* call.c - `assuanctl call`: commands given to a server, one after the other on one connection.

   The exit status tells what became of them: the first failure stays, whatever comes after it.  */

#include "connection.h"
#include "errname.h"
#include "inquiry.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "secret.h"
#include "settings.h"
#include "text.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
  OPT_INQUIRY,
  OPT_INPUT,
  OPT_RESULT,
  OPT_SEND_FD,
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
  { "inquiry", 'i', "KEYWORD=SOURCE",
    "answer an inquiry: file:PATH, exec:PROGRAM, fd:N, text:STRING (visible to all users), "
    "env:NAME, "
    "ask:, or cancel:; may be repeated" },
  { "input", 0, "FILE", "pass FILE, opened for reading, and say INPUT FD first" },
  { "result", 0, "FILE", "pass FILE, opened for writing, and say OUTPUT FD first" },
  { "send-fd", 0, "N", "pass descriptor N with the first command; may be repeated" },
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
  struct inquiry_rule *rules;
  size_t n_rules;
  int *fds;
  size_t n_fds;
  const char *input, *result; /* files, or NULL */
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
add_rule (const char *value) {
  struct inquiry_rule rule, *rules;
  enum status status = inquiry_rule_parse (value, &rule);

  if (status) return status;
  rules = realloc (config.rules, (config.n_rules + 1) * sizeof *rules);
  if (!rules) abort ();
  rules[config.n_rules++] = rule;
  config.rules = rules;
  return STATUS_OK;
}

static enum status
add_fd (const char *value) {
  unsigned long fd;
  enum status status = options_number ("send-fd", value, INT_MAX, &fd);
  int *fds;

  if (status) return status;
  if (fcntl ((int) fd, F_GETFD) < 0)
    return message_fail (STATUS_USAGE, "--send-fd: descriptor %lu is not open", fd);
  fds = realloc (config.fds, (config.n_fds + 1) * sizeof *fds);
  if (!fds) abort ();
  fds[config.n_fds++] = (int) fd;
  config.fds = fds;
  config.flags |= CONNECTION_FDS;
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
  case OPT_INQUIRY:
    return add_rule (value);
  case OPT_INPUT:
    config.input = value;
    config.flags |= CONNECTION_FDS;
    break;
  case OPT_RESULT:
    config.result = value;
    config.flags |= CONNECTION_FDS;
    break;
  case OPT_SEND_FD:
    return add_fd (value);
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
  struct inquiry_client client;
  bool is_done;
  enum status status;
};

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  struct call *call = arg;

  progress_clear ();
  output_data (&call->output, buf, len);
  return 0;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  struct call *call = arg;

  if (progress_show (text)) return 0;
  progress_clear ();
  output_status (&call->output, text);
  return 0;
}

static gpg_error_t
on_comment (void *arg, const char *text) {
  struct call *call = arg;

  progress_clear ();
  output_comment (&call->output, text);
  return 0;
}

static void
on_answered (void *arg, enum status status) {
  struct call *call = arg;

  if (!call->status) call->status = status;
}

/* PINENTRY_LAUNCHED asks for nothing: the agent only tells that a pinentry runs.  */
static gpg_error_t
on_inquiry (void *arg, struct eva_pending_call *pending, const char *text) {
  const struct inquiry_rule *rule = inquiry_find (config.rules, config.n_rules, text);
  bool is_told = !rule && !strncmp (text, "PINENTRY_LAUNCHED", strlen ("PINENTRY_LAUNCHED"));
  struct call *call = arg;
  size_t len = strcspn (text, " ");

  progress_clear ();
  output_inquiry (&call->output, text,
                  rule      ? inquiry_kind_name (rule)
                  : is_told ? "end"
                            : "cancel");
  if (is_told) return eva_answer_end (pending);
  if (rule) {
    inquiry_answer (rule, pending, text, &call->client);
    return 0;
  }
  call->status =
      message_fail (STATUS_LOCAL,
                    "%s: the server inquires %s, and nothing answers; try: -i %.*s=ask:, or "
                    "file:PATH, exec:PROGRAM",
                    call->connection->address->text, text, (int) len, text);
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
  bool is_unknown = gpg_err_code (err) == GPG_ERR_ASS_UNKNOWN_CMD;
  const char *name = call->connection->address->text;
  char *shown;

  output_err (&call->output, err, text);
  if (is_accepted (err) || call->status) return;
  call->status = STATUS_ERR;
  shown = secret_show_command (call->command);
  message_fail (STATUS_ERR, "%s: %s: %s (%u)%s%s", name, shown, text ? text : gpg_strerror (err),
                gpg_err_code (err), is_unknown ? "; try: assuanctl describe " : "",
                is_unknown ? name : "");
  free (shown);
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  struct call *call = arg;

  call->is_done = true;
  call->pending = NULL;
  inquiry_answer_free (call->client.answer);
  progress_clear ();
  if (call->connection->is_over || gpg_err_code (err) == GPG_ERR_CANCELED) return;
  if (err)
    on_err (call, err, text);
  else
    output_ok (&call->output, text);
  fflush (stdout);
}

/* The server gets CAN if it inquires; the connection stays open until that has left.  */
static void
give_up (struct call *call) {
  struct connection *c = call->connection;
  uint64_t until_ns = eva_now () + GIVE_UP_MS * UINT64_C (1000000);
  bool never = false;

  if (!call->pending) return;
  eva_call_cancel (call->pending);
  while (eva_get_queued_len (c->ctx) && !c->is_over && eva_now () < until_ns)
    if (wait_at_most (&never, 10) == STATUS_INTERRUPTED) break;
}

/* The descriptor FD goes along unless it is -1.  */
static enum status
make_call (struct call *call, const char *command, int fd) {
  const struct eva_callbacks callbacks = { .data = on_data,
                                           .status = on_status,
                                           .comment = on_comment,
                                           .inquire = on_inquiry,
                                           .done = on_done,
                                           .has_fd = fd >= 0,
                                           .fd = fd };
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

/* --- Descriptors ------------------------------------------------------------------------------ */

/* Opens FILE, passes it, and says COMMAND; `-` is STANDARD, one of ours.  */
static enum status
pass_file (struct call *call, const char *file, int flags, int standard, const char *command) {
  bool is_standard = !strcmp (file, "-");
  int fd = is_standard ? standard : open (file, flags | O_CLOEXEC, 0666);
  enum status status;

  if (fd < 0) return message_fail (STATUS_LOCAL, "%s: %s", file, strerror (errno));
  status = make_call (call, command, fd);
  if (!is_standard) close (fd);
  return status;
}

static enum status
pass_files (struct call *call) {
  enum status status = STATUS_OK;

  if (config.input) status = pass_file (call, config.input, O_RDONLY, STDIN_FILENO, "INPUT FD");
  if (config.result && !status)
    status =
        pass_file (call, config.result, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO, "OUTPUT FD");
  return status;
}

/* Passes all descriptors of --send-fd but the last, which goes with the command itself.  */
static enum status
pass_fds (struct connection *c, int *ret_last) {
  *ret_last = -1;
  for (size_t i = 0; i < config.n_fds; i++) {
    gpg_error_t err = i + 1 < config.n_fds ? assuan_sendfd (c->ctx, config.fds[i]) : 0;
    if (err)
      return message_fail (STATUS_LOCAL, "cannot pass descriptor %d: %s", config.fds[i],
                           gpg_strerror (err));
    *ret_last = config.fds[i];
  }
  return STATUS_OK;
}

/* --- The subcommand --------------------------------------------------------------------------- */

static enum status
make_calls (struct connection *c) {
  struct call call = { .connection = c,
                       .output = { .kinds = config.kinds,
                                   .keywords = config.keywords.values,
                                   .n_keywords = config.keywords.n } };
  enum status first;
  int fd;

  call.client = (struct inquiry_client) { .done = on_answered, .arg = &call };
  output_hello (&call.output, c->greeting);
  first = pass_files (&call);
  if (!first) first = pass_fds (c, &fd);
  if (first) return first;
  for (size_t i = 0; i < config.commands.n; i++) {
    enum status status = make_call (&call, config.commands.values[i], i ? -1 : fd);
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
  if ((config.flags & CONNECTION_FDS) && !address_passes_fds (address))
    return message_fail (STATUS_USAGE, "%s: no descriptor can be passed there", address->text);
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
  secret_free (line);
  free (words);
  free (config.commands.values);
  free (config.keywords.values);
  free (config.accepted);
  for (size_t i = 0; i < config.n_rules; i++)
    inquiry_rule_deinit (&config.rules[i]);
  free (config.rules);
  free (config.fds);
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
