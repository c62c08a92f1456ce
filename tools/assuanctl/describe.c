/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* describe.c - `assuanctl describe`: what a server says of its commands.

   HELP lists them, as comments; HELP NAME has the text of one: its synopsis, to the first empty
   comment, and the rest.  Servers on libassuan have none for the built-in ones.  */

#include "connection.h"
#include "json.h"
#include "message.h"
#include "options.h"
#include "settings.h"
#include "synopsis.h"
#include "terminal.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum option { OPT_NO_START };

static const struct option_spec options[] = {
  { "no-start", 0, NULL, "do not start a server that is not there" },
};

static unsigned int flags = CONNECTION_NO_SESSION;

static enum status
set (size_t index, const char *value) {
  (void) index;
  (void) value;
  flags |= CONNECTION_NO_START;
  return STATUS_OK;
}

/* --- Printing --------------------------------------------------------------------------------- */

static void
print_json (const struct synopsis *s) {
  struct json *object = json_new (NULL);

  json_add (object, "command", s->name);
  json_add (object, "synopsis", s->text);
  json_add_array (object, "options", (const char *const *) s->options, s->n_options);
  json_add (object, "help", s->help);
  json_print (object);
}

static void
print (const char *text, size_t len) {
  if (terminal_is (stdout))
    text_print (stdout, text, len, true);
  else
    fwrite (text, 1, len, stdout);
}

/* The first sentence, as one line.  */
static void
print_sentence (const char *help) {
  const char *text = help + strspn (help, " \n");
  size_t len = 0;

  while (text[len] && !(text[len] == '.' && strchr (" \n", text[len + 1]))
         && !(text[len] == '\n' && text[len + 1] == '\n'))
    len++;
  if (!len) return;
  if (text[len] == '.') len++;
  fputs ("    ", stdout);
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '\n' && (i + 1 == len || text[i + 1] == ' ')) continue;
    print (text[i] == '\n' ? " " : text + i, 1);
  }
  putchar ('\n');
}

static void
print_text (const struct synopsis *s, bool is_whole) {
  printf ("%s", terminal_color (TERMINAL_NAME));
  print (s->name, strlen (s->name));
  printf ("%s%s", terminal_color (TERMINAL_PLAIN), *s->text ? " " : "");
  print (s->text, strlen (s->text));
  putchar ('\n');
  if (!is_whole) {
    print_sentence (s->help);
  } else if (*s->help) {
    putchar ('\n');
    print (s->help, strlen (s->help));
  }
}

/* --- Asking ----------------------------------------------------------------------------------- */

/* LINE is what HELP says of the command: its name, or its synopsis.  */
static enum status
describe_command (struct connection *c, const char *line, bool is_whole) {
  size_t len = strcspn (line, " \n");
  char *name = text_part (line, len), *command = text_format ("HELP %s", name);
  struct synopsis synopsis;
  struct reply reply;
  enum status status = connection_ask (c, command, &reply);

  free (command);
  if (!status) {
    char *first = text_part (line, strcspn (line, "\n"));
    synopsis_parse (reply.err || !reply.comments ? first : reply.comments, &synopsis);
    /* Of two names for one command, the text has one.  */
    free (synopsis.name);
    synopsis.name = name;
    name = NULL;
    if (settings.is_json)
      print_json (&synopsis);
    else
      print_text (&synopsis, is_whole);
    synopsis_deinit (&synopsis);
    free (first);
  }
  free (name);
  reply_deinit (&reply);
  return status;
}

/* Returns the line of LIST that NAME begins, or NULL.  */
static const char *
find_line (const char *list, const char *name) {
  size_t len = strlen (name);

  for (; *list; list += strcspn (list, "\n"), list += *list == '\n')
    if (!strncasecmp (list, name, len) && strchr (" \n", list[len])) return list;
  return NULL;
}

static enum status
describe_named (struct connection *c, const char *list, char **names, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const char *line = find_line (list, names[i]);
    enum status status;
    if (!line)
      return message_fail (STATUS_ERR, "%s: there is no command %s; try: assuanctl describe %s",
                           c->address->text, names[i], c->address->text);
    if (i && !settings.is_json) putchar ('\n');
    status = describe_command (c, line, true);
    if (status) return status;
  }
  return STATUS_OK;
}

static enum status
describe_all (struct connection *c, const char *list) {
  enum status status = STATUS_OK;

  for (; *list && !status; list += strcspn (list, "\n"), list += *list == '\n')
    if (*list != '\n') status = describe_command (c, list, false);
  return status;
}

static enum status
describe (struct connection *c, char **names, size_t n) {
  struct reply reply;
  enum status status = connection_ask (c, "HELP", &reply);
  const char *list = reply.comments ? reply.comments : "";

  if (!status && reply.err)
    status = message_fail (STATUS_ERR, "%s: HELP: %s", c->address->text,
                           reply.text ? reply.text : gpg_strerror (reply.err));
  if (!status) terminal_start_pager ();
  if (!status) status = n ? describe_named (c, list, names, n) : describe_all (c, list);
  reply_deinit (&reply);
  return status;
}

static enum status
run (const struct arguments *arguments) {
  struct connection c;
  struct address address;
  char **words;
  size_t n;
  enum status status = address_take (arguments, &address, &words, &n);

  if (status) return status;
  status = address_resolve (&address);
  if (!status) {
    status = connection_open (&c, &address, flags);
    if (!status) status = describe (&c, words, n);
    connection_close (&c);
  }
  free (words);
  address_deinit (&address);
  return status;
}

const struct subcommand describe_subcommand = {
  .name = "describe",
  .synopsis = "ADDRESS [COMMAND...]\n-- PROGRAM [ARG...]",
  .purpose = "Describe the commands of a server",
  .options = options,
  .n_options = N_ELEMENTS (options),
  .set = set,
  .run = run,
};
