/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* slash.c - the slash commands of a shell.  Names are matched with case.  */

#include "slash.h"
#include "definitions.h"
#include "message.h"
#include "options.h"
#include "secret.h"
#include "settings.h"
#include "text.h"
#include "variables.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Arguments -------------------------------------------------------------------------------- */

/* Cuts the first word off TEXT, which is changed, and returns what follows its blanks.  */
static char *
cut (char *text) {
  text += strcspn (text, " \t");
  if (*text) *text++ = 0;
  return text + strspn (text, " \t");
}

/* The same, with the blanks behind the first as they are.  */
static char *
cut_one (char *text) {
  text += strcspn (text, " \t");
  if (*text) *text++ = 0;
  return text;
}

/* Removes blanks at the end.  */
static void
trim (char *text) {
  size_t len = strlen (text);

  while (len && strchr (" \t\r", text[len - 1]))
    text[--len] = 0;
}

static enum status
fail_usage (const char *form) {
  return message_fail (STATUS_USAGE, "it is written: %s", form);
}

/* --- Variables -------------------------------------------------------------------------------- */

static enum status
slash_echo (struct script *script, char *args) {
  (void) script;
  puts (args);
  return STATUS_OK;
}

static enum status
slash_let (struct script *script, char *args) {
  char *value = cut (args);

  (void) script;
  if (!*args) return fail_usage ("/let NAME [TEXT]");
  variables_set (args, *value ? value : NULL);
  return STATUS_OK;
}

static enum status
slash_slet (struct script *script, char *args) {
  char *key = cut (args), *line, *value;

  (void) script;
  if (!*args) return fail_usage ("/slet NAME KEY");
  trim (key);
  line = text_format ("${get %s}", key);
  value = variables_expand (line);
  variables_set (args, *value ? value : NULL);
  free (value);
  free (line);
  return STATUS_OK;
}

static enum status
slash_showvar (struct script *script, char *args) {
  (void) script;
  (void) args;
  variables_show ();
  return STATUS_OK;
}

static enum status
slash_subst (struct script *script, char *args) {
  (void) args;
  script->substitutes = true;
  return STATUS_OK;
}

static enum status
slash_nosubst (struct script *script, char *args) {
  (void) args;
  script->substitutes = false;
  return STATUS_OK;
}

/* --- Inquiries -------------------------------------------------------------------------------- */

static enum status
define (enum definition_type type, char *args, const char *form) {
  char *value = cut (args);

  if (!*args) return fail_usage (form);
  trim (value);
  definitions_add (type, args, value);
  return STATUS_OK;
}

static enum status
slash_definq (struct script *script, char *args) {
  (void) script;
  return define (DEFINITION_VARIABLE, args, "/definq NAME VARIABLE");
}

static enum status
slash_definqfile (struct script *script, char *args) {
  (void) script;
  return define (DEFINITION_FILE, args, "/definqfile NAME FILE");
}

static enum status
slash_definqprog (struct script *script, char *args) {
  (void) script;
  return define (DEFINITION_PROGRAM, args, "/definqprog NAME PROGRAM [ARGS]");
}

static enum status
slash_showdef (struct script *script, char *args) {
  (void) script;
  (void) args;
  definitions_show ();
  return STATUS_OK;
}

static enum status
slash_cleardef (struct script *script, char *args) {
  (void) script;
  (void) args;
  definitions_clear ();
  return STATUS_OK;
}

static enum status
slash_cancel (struct script *script, char *args) {
  (void) script;
  (void) args;
  return message_fail (STATUS_USAGE, "there is no inquiry to cancel");
}

/* --- How replies are shown -------------------------------------------------------------------- */

static enum status
slash_decode (struct script *script, char *args) {
  (void) args;
  script->exchange->decodes = true;
  return STATUS_OK;
}

static enum status
slash_nodecode (struct script *script, char *args) {
  (void) args;
  script->exchange->decodes = false;
  return STATUS_OK;
}

static enum status
slash_hex (struct script *script, char *args) {
  (void) args;
  script->exchange->is_hex = true;
  return STATUS_OK;
}

static enum status
slash_nohex (struct script *script, char *args) {
  (void) args;
  script->exchange->is_hex = false;
  return STATUS_OK;
}

static void
close_data_file (struct exchange *e) {
  if (e->data_file && e->data_file != stdout) fclose (e->data_file);
  e->data_file = NULL;
}

static enum status
slash_datafile (struct script *script, char *args) {
  struct exchange *e = script->exchange;

  trim (args);
  close_data_file (e);
  if (!*args) return STATUS_OK;
  e->data_file = strcmp (args, "-") ? fopen (args, "we") : stdout;
  return e->data_file ? STATUS_OK : message_fail (STATUS_LOCAL, "%s: %s", args, strerror (errno));
}

static enum status
slash_json (struct script *script, char *args) {
  (void) script;
  (void) args;
  settings.is_json = !settings.is_json;
  return STATUS_OK;
}

/* --- Descriptors ------------------------------------------------------------------------------ */

/* Those of /open and /recvfd have a variable with their number.  */
struct open_fd {
  struct open_fd *next;
  int fd;
  char *name; /* of the file */
};

static struct open_fd *open_fds;

static void
keep_fd (const char *variable, int fd, const char *name) {
  struct open_fd *new = text_alloc (sizeof *new);
  char *number = text_format ("%d", fd);

  *new = (struct open_fd) { .next = open_fds, .fd = fd, .name = text_dup (name) };
  open_fds = new;
  variables_set (variable, number);
  free (number);
}

static bool
close_fd (long fd) {
  for (struct open_fd **link = &open_fds; *link; link = &(*link)->next) {
    struct open_fd *found = *link;
    if (found->fd != fd) continue;
    *link = found->next;
    close (found->fd);
    free (found->name);
    free (found);
    return true;
  }
  return false;
}

/* MODE as in fopen.  Returns -1 after a message.  */
static int
open_file (const char *name, const char *mode) {
  bool is_plus = strchr (mode, '+') != NULL;
  int flags = *mode == 'r' ? 0 : *mode == 'w' ? O_CREAT | O_TRUNC : O_CREAT | O_APPEND, fd;

  flags |= is_plus ? O_RDWR : *mode == 'r' || !*mode ? O_RDONLY : O_WRONLY;
  fd = open (name, (*mode ? flags : O_RDONLY) | O_CLOEXEC, 0666);
  if (fd < 0) message_fail (STATUS_LOCAL, "%s: %s", name, strerror (errno));
  return fd;
}

static enum status
slash_open (struct script *script, char *args) {
  char *name = cut (args), *mode = cut (name);
  int fd;

  (void) script;
  if (!*args || !*name) return fail_usage ("/open VARIABLE FILE [MODE]");
  fd = open_file (name, mode);
  if (fd < 0) return STATUS_LOCAL;
  keep_fd (args, fd, name);
  return STATUS_OK;
}

static enum status
slash_close (struct script *script, char *args) {
  (void) script;
  if (close_fd (strtol (args, NULL, 10))) return STATUS_OK;
  return message_fail (STATUS_USAGE, "no such descriptor was opened here: %s", args);
}

static enum status
slash_showopen (struct script *script, char *args) {
  (void) script;
  (void) args;
  for (const struct open_fd *o = open_fds; o; o = o->next)
    printf ("%-15s %d\n", o->name, o->fd);
  return STATUS_OK;
}

static enum status
slash_sendfd (struct script *script, char *args) {
  assuan_context_t ctx = script->exchange->connection.ctx;
  char *mode = cut (args), *line;
  gpg_error_t err;
  int fd;

  if (!*args) return fail_usage ("/sendfd FILE [MODE]");
  fd = open_file (args, mode);
  if (fd < 0) return STATUS_LOCAL;
  err = assuan_sendfd (ctx, fd);
  line = text_format ("# descriptor %d is in flight", fd);
  if (!err) err = assuan_write_line (ctx, line);
  free (line);
  close (fd);
  return err ? message_fail (STATUS_LOCAL, "cannot send %s: %s", args, gpg_strerror (err))
             : STATUS_OK;
}

static enum status
slash_recvfd (struct script *script, char *args) {
  assuan_fd_t fd;
  gpg_error_t err;

  trim (args);
  if (!*args) return fail_usage ("/recvfd VARIABLE");
  err = assuan_receivefd (script->exchange->connection.ctx, &fd);
  if (err) return message_fail (STATUS_LOCAL, "no descriptor came: %s", gpg_strerror (err));
  keep_fd (args, fd, "[received]");
  return STATUS_OK;
}

static enum status
pass (struct script *script, const char *name, const char *mode, const char *command) {
  int fd = open_file (name, mode);
  enum status status;

  if (fd < 0) return STATUS_LOCAL;
  status = exchange_line (script->exchange, command, fd);
  close (fd);
  return status;
}

static enum status
slash_input (struct script *script, char *args) {
  return *args ? pass (script, args, "r", "INPUT FD") : fail_usage ("/input FILE");
}

static enum status
slash_result (struct script *script, char *args) {
  return *args ? pass (script, args, "w", "OUTPUT FD") : fail_usage ("/result FILE");
}

/* --- The rest --------------------------------------------------------------------------------- */

static enum status
slash_serverpid (struct script *script, char *args) {
  struct reply reply;
  enum status status;

  (void) args;
  variables_set_pid (-1);
  assuan_set_io_monitor (script->exchange->connection.ctx, NULL, NULL);
  status = connection_ask (&script->exchange->connection, "GETINFO pid", &reply);
  exchange_watch (script->exchange);
  if (!status && !reply.err) variables_set_pid (atol (reply.data));
  reply_deinit (&reply);
  return status;
}

static enum status
slash_sleep (struct script *script, char *args) {
  unsigned int time_ms = 1000;
  bool never = false;
  enum status status;

  (void) script;
  trim (args);
  if (*args && !text_parse_time (args, &time_ms)) return fail_usage ("/sleep [TIME]");
  fflush (stdout);
  status = wait_at_most (&never, time_ms);
  return status == STATUS_TIMEOUT ? STATUS_OK : status;
}

static enum status
slash_timeout (struct script *script, char *args) {
  (void) script;
  trim (args);
  return text_parse_time (args, &settings.timeout_ms) ? STATUS_OK : fail_usage ("/timeout TIME");
}

static enum status
slash_run_file (struct script *script, char *args) {
  if (!*args || *cut (args)) return fail_usage ("/run FILE");
  return script_run_file (script, args);
}

static enum status
slash_reconnect (struct script *script, char *args) {
  (void) args;
  exchange_close (script->exchange);
  return exchange_open (script->exchange, script->address, script->flags);
}

static enum status
slash_history (struct script *script, char *args) {
  FILE *file = script->history_file ? fopen (script->history_file, "re") : NULL;
  char buf[4096];
  size_t n;

  (void) args;
  if (!file) return STATUS_OK;
  while ((n = fread (buf, 1, sizeof buf, file)))
    fwrite (buf, 1, n, stdout);
  fclose (file);
  return STATUS_OK;
}

static enum status
slash_bye (struct script *script, char *args) {
  (void) args;
  script->is_over = true;
  return STATUS_OK;
}

static enum status
slash_end (struct script *script, char *args) {
  (void) script;
  (void) args;
  return message_fail (STATUS_USAGE, "/end and /else belong to an /if or /while");
}

static enum status slash_help (struct script *script, char *args);

static const struct {
  const char *name;
  enum status (*run) (struct script *script, char *args);
  const char *help;
} commands[] = {
  { "/echo", slash_echo, "TEXT               print TEXT" },
  { "/let", slash_let, "NAME [TEXT]         set a variable, or remove it" },
  { "/slet", slash_slet, "NAME KEY           set it to ${get KEY}" },
  { "/showvar", slash_showvar, "                show all variables" },
  { "/subst", slash_subst, "                  expand $NAME and ${...} from here on" },
  { "/nosubst", slash_nosubst, "                do not" },
  { "/definq", slash_definq, "NAME VARIABLE    answer inquiry NAME, or *, with a variable" },
  { "/definqfile", slash_definqfile, "NAME FILE    with a file" },
  { "/definqprog", slash_definqprog, "NAME PROGRAM with what a program prints" },
  { "/showdef", slash_showdef, "                show all definitions" },
  { "/cleardef", slash_cleardef, "               forget them" },
  { "/cancel", slash_cancel, "                 as the answer to an inquiry: CAN" },
  { "/decode", slash_decode, "                 show data decoded" },
  { "/nodecode", slash_nodecode, "               show them as they come" },
  { "/hex", slash_hex, "                    show data in hex" },
  { "/nohex", slash_nohex, "                  do not" },
  { "/datafile", slash_datafile, "[FILE]         write data to FILE, - is stdout" },
  { "/json", slash_json, "                   print JSON, or do not any more" },
  { "/open", slash_open, "VARIABLE FILE [MODE] open a file, its number goes to VARIABLE" },
  { "/close", slash_close, "N                 close it" },
  { "/showopen", slash_showopen, "               show those that are open" },
  { "/sendfd", slash_sendfd, "FILE [MODE]      send a descriptor of FILE" },
  { "/recvfd", slash_recvfd, "VARIABLE         take a descriptor that came" },
  { "/input", slash_input, "FILE              pass FILE and say INPUT FD" },
  { "/result", slash_result, "FILE             pass FILE and say OUTPUT FD" },
  { "/serverpid", slash_serverpid, "              ask for the server's pid, for ${get serverpid}" },
  { "/sleep", slash_sleep, "[TIME]            wait; a second" },
  { "/timeout", slash_timeout, "TIME            how long a command may take" },
  { "/run", slash_run_file, "FILE                run a script" },
  { "/reconnect", slash_reconnect, "              connect anew" },
  { "/history", slash_history, "                show the history" },
  { "/end", slash_end, "                    ends /if V and /while V, which may have an /else" },
  { "/else", slash_end, "" },
  { "/bye", slash_bye, "                    end" },
  { "/quit", slash_bye, "                   end" },
  { "/help", slash_help, "                   print this" },
};

static enum status
slash_help (struct script *script, char *args) {
  (void) script;
  (void) args;
  for (size_t i = 0; i < N_ELEMENTS (commands); i++)
    if (*commands[i].help) printf ("%s %s\n", commands[i].name, commands[i].help);
  return STATUS_OK;
}

const char *
slash_get_name (size_t index) {
  return index < N_ELEMENTS (commands) ? commands[index].name : NULL;
}

enum status
slash_run (struct script *script, const char *line) {
  char *copy = text_dup (line), *args = cut_one (copy);
  enum status status = STATUS_USAGE;
  size_t i = 0;

  while (i < N_ELEMENTS (commands) && strcmp (commands[i].name, copy))
    i++;
  if (i < N_ELEMENTS (commands))
    status = commands[i].run (script, args);
  else
    message_fail (STATUS_USAGE, "there is no command %s; try: /help", copy);
  script->status = status;
  secret_free (copy);
  return status;
}

void
slash_deinit (void) {
  while (open_fds)
    close_fd (open_fds->fd);
}
