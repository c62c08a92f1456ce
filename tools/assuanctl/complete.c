/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* complete.c - `assuanctl complete -- WORDS...`, which the completions of shells call: words for
   the last of WORDS, one a line.

   It starts no server, and waits for one that runs for a third of a second at most.  */

#include "connection.h"
#include "message.h"
#include "options.h"
#include "settings.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_MS 300u

static void
offer (const char *word, const char *begin) {
  if (text_skip (word, begin)) puts (word);
}

static void
offer_option (const struct option_spec *option, void *arg) {
  char *word = text_format ("--%s%s", option->name, option->argument ? "=" : "");

  offer (word, arg);
  free (word);
}

static void
offer_subcommands (const char *begin) {
  for (size_t i = 0; subcommands[i]; i++)
    if (subcommands[i]->purpose) offer (subcommands[i]->name, begin);
}

static void
offer_addresses (const char *begin) {
  for (const struct gnupg_server *server = gnupg_servers; server->name; server++)
    offer (server->name, begin);
}

/* The names that HELP of the server lists.  */
static void
offer_commands (const char *server, const char *begin) {
  struct address address = { 0 };
  struct connection c = { 0 };
  struct reply reply = { 0 };

  settings.timeout_ms = TIMEOUT_MS;
  if (address_parse (server, false, &address)) return;
  if (address.kind != ADDRESS_EXEC && !address_resolve (&address)
      && !connection_open (&c, &address,
                           CONNECTION_NO_START | CONNECTION_NO_SESSION | CONNECTION_SILENT)
      && !connection_ask (&c, "HELP", &reply) && reply.comments)
    for (const char *line = reply.comments; *line; line += *line == '\n') {
      size_t len = strcspn (line, "\n");
      char *name = text_part (line, strcspn (line, " \n"));
      if (!strncasecmp (name, begin, strlen (begin))) puts (name);
      free (name);
      line += len;
    }
  reply_deinit (&reply);
  connection_close (&c);
  address_deinit (&address);
}

/* Returns true if the first word behind SUBCOMMAND is the address of a server.  */
static bool
calls (const struct subcommand *subcommand) {
  return !subcommand->listens && strcmp (subcommand->name, "list")
         && strcmp (subcommand->name, "inquire");
}

/* The words of the line are N, the last of which is to be completed.  */
static void
complete (char **words, size_t n) {
  const struct subcommand *subcommand = NULL;
  const char *begin = words[n - 1], *address = NULL;
  size_t n_others = 0; /* behind the subcommand, that are no options */

  for (size_t i = 0; i + 1 < n; i++) {
    const char *homedir = text_skip (words[i], "--homedir=");
    if (homedir) setenv ("GNUPGHOME", homedir, 1);
    if (*words[i] == '-') continue;
    if (!subcommand)
      subcommand = options_find (words[i]);
    else if (!n_others++)
      address = words[i];
  }
  if (*begin == '-')
    options_each (subcommand, offer_option, (void *) (size_t) begin);
  else if (!subcommand)
    offer_subcommands (begin);
  else if (n_others ? n_others == 1 && subcommand->relays : calls (subcommand))
    offer_addresses (begin);
  else if (n_others == 1
           && (!strcmp (subcommand->name, "call") || !strcmp (subcommand->name, "describe")))
    offer_commands (address, begin);
}

static enum status
run (const struct arguments *arguments) {
  if (!freopen ("/dev/null", "w", stderr)) return STATUS_LOCAL; /* nothing may stand in the line */
  if (arguments->n_rest) complete (arguments->rest, arguments->n_rest);
  return STATUS_OK;
}

/* Without a purpose it is in no list.  */
const struct subcommand complete_subcommand = {
  .name = "complete",
  .synopsis = "-- WORD...",
  .run = run,
};
