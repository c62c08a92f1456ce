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
  return *word == '-' ? find_option (arg, line, word, index) : NULL;
}

void
completion_deinit (void) {
  free (help);
  synopsis_deinit (&synopsis);
}
