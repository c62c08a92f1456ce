/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* completion.c - what TAB offers in a shell.  */

#include "completion.h"
#include "options.h"
#include "slash.h"
#include "synopsis.h"
#include "text.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LETTERS_OF_NAMES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

/* What HELP says, one command a line; NULL: it was not asked.  */
static char *help;

/* The options of the command that was completed last.  */
static struct synopsis synopsis;

/* Asks without showing the reply.  */
static char *
ask (struct script *script, const char *command) {
  struct exchange *e = script->exchange;
  struct reply reply = { 0 };
  char *comments = NULL;

  assuan_set_io_monitor (e->connection.ctx, NULL, NULL);
  if (!connection_ask (&e->connection, command, &reply) && reply.comments)
    comments = text_dup (reply.comments);
  exchange_watch (e);
  reply_deinit (&reply);
  return comments ? comments : text_dup ("");
}

static char *
find_slash (const char *word, size_t index) {
  const char *name;

  for (size_t i = 0; (name = slash_get_name (i)); i++)
    if (text_skip (name, word) && !index--) return text_dup (name);
  return text_skip ("/if", word) && !index-- ? text_dup ("/if") : NULL;
}

static char *
find_command (struct script *script, const char *word, size_t index) {
  size_t len = strlen (word);

  if (!help) help = ask (script, "HELP");
  for (const char *line = help; *line; line += strcspn (line, "\n"), line += *line == '\n')
    if (!strncasecmp (line, word, len) && !index--) return text_part (line, strcspn (line, " \n"));
  return NULL;
}

static char *
find_option (struct script *script, const char *line, const char *word, size_t index) {
  char *name = text_part (line, strcspn (line, " ")), *command, *text;

  if (!synopsis.name || strcasecmp (synopsis.name, name)) {
    command = text_format ("HELP %s", name);
    text = ask (script, command);
    synopsis_deinit (&synopsis);
    synopsis_parse (text, &synopsis);
    free (synopsis.name);
    synopsis.name = text_dup (name);
    free (text);
    free (command);
  }
  free (name);
  for (size_t i = 0; i < synopsis.n_options; i++)
    if (text_skip (synopsis.options[i], word) && !index--) return text_dup (synopsis.options[i]);
  return NULL;
}

/* --- Names for OPTION ------------------------------------------------------------------------- */

/* What GnuPG's manuals name.  Its servers have no help on OPTION.  */
static const struct {
  const char *server, *names;
} known_options[] = {
  { "agent",
    "agent-awareness=\nallow-pinentry-notify\ncache-ttl-opt-preset=\ndisplay=\nlc-ctype=\n"
    "lc-messages=\npinentry-mode=\npretend-request-origin=\nputenv=\ns2k-count=\nttyname=\n"
    "ttytype=\nuse-cache-for-signing\nxauthority=\n" },
  { "dirmngr",
    "audit-events=\nforce-crl-refresh=\nhonor-keyserver-url-used\nhttp-crl\nhttp-proxy=\n" },
};

/* One a line; NULL: not asked for yet.  */
static char *option_names;

/* In the help of a server that describes its options they stand behind the first empty line: one a
   line, as `ttl=<seconds>`, with what it is for behind two blanks.  */
static char *
read_option_names (const char *text) {
  const char *line = strstr (text, "\n\n");
  char *names = text_dup ("");

  for (line = line ? line + 2 : ""; *line; line += strcspn (line, "\n"), line += *line == '\n') {
    const char *name = line + strspn (line, " ");
    size_t len = strspn (name, LETTERS_OF_NAMES);
    char *longer;
    if (!len || !strchr ("= \n", name[len]) || (name[len] == ' ' && name[len + 1] != ' ')) continue;
    longer = text_format ("%s%.*s%s\n", names, (int) len, name, name[len] == '=' ? "=" : "");
    free (names);
    names = longer;
  }
  return names;
}

static char *
find_option_names (struct script *script) {
  const struct gnupg_server *server = script->address->server;
  char *text = ask (script, "HELP OPTION"), *names = read_option_names (text);

  free (text);
  for (size_t i = 0; !*names && server && i < N_ELEMENTS (known_options); i++)
    if (text_skip (server->name, known_options[i].server)) {
      free (names);
      return text_dup (known_options[i].names);
    }
  return names;
}

static char *
find_option_name (struct script *script, const char *word, size_t index) {
  if (!option_names) option_names = find_option_names (script);
  for (const char *line = option_names; *line; line += strcspn (line, "\n") + 1)
    if (text_skip (line, word) && !index--) return text_part (line, strcspn (line, "\n"));
  return NULL;
}

/* Returns true if the LEN octets of LINE are `OPTION` and blanks.  */
static bool
is_behind_option (const char *line, size_t len) {
  size_t n = strlen ("OPTION");

  return len > n && !strncasecmp (line, "OPTION", n) && n + strspn (line + n, " ") >= len;
}

/* --- Files ------------------------------------------------------------------------------------ */

static char *
find_file (const char *word, size_t index) {
  char *pattern = text_format ("%s*", word), *found = NULL;
  glob_t names;

  if (!glob (pattern, GLOB_MARK, NULL, &names)) {
    if (index < names.gl_pathc) found = text_dup (names.gl_pathv[index]);
    globfree (&names);
  }
  free (pattern);
  return found;
}

/* Returns true if the slash command of LINE is followed by a file name where the word begins.  */
static bool
wants_file (const char *line, size_t start) {
  static const struct {
    const char *name;
    unsigned int n_words; /* in front of the file */
  } commands[] = { { "/definqfile ", 2 }, { "/definqprog ", 2 }, { "/datafile ", 1 },
                   { "/run ", 1 },        { "/sendfd ", 1 },     { "/open ", 2 },
                   { "/input ", 1 },      { "/result ", 1 } };
  unsigned int n_words = 0;

  for (size_t i = 0; i < start; i++)
    n_words += line[i] == ' ' && i + 1 <= start && (!i || line[i - 1] != ' ');
  for (size_t i = 0; i < N_ELEMENTS (commands); i++)
    if (text_skip (line, commands[i].name)) return n_words >= commands[i].n_words;
  return false;
}

char *
completion_find (void *arg, const char *line, size_t start, size_t index) {
  const char *word = line + start;

  if (!start && *word == '/') return find_slash (word, index);
  if (*line == '/') return wants_file (line, start) ? find_file (word, index) : NULL;
  if (!start) return find_command (arg, word, index);
  if (is_behind_option (line, start)) return find_option_name (arg, word, index);
  return *word == '-' ? find_option (arg, line, word, index) : NULL;
}

void
completion_deinit (void) {
  free (help);
  free (option_names);
  synopsis_deinit (&synopsis);
}
