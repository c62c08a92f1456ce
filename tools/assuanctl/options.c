/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.c - reading the command line by the tables of options, with getopt_long.  */

#include "options.h"
#include "help.h"
#include "message.h"
#include "secret.h"
#include "settings.h"
#include "text.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum global {
  GLOBAL_JSON,
  GLOBAL_QUIET,
  GLOBAL_VERBOSE,
  GLOBAL_TIMEOUT,
  GLOBAL_COLOR,
  GLOBAL_NO_PAGER,
  GLOBAL_HOMEDIR,
  GLOBAL_SECRET,
  GLOBAL_OPEN,
  GLOBAL_SHOW_DATA,
  GLOBAL_SHOW_SECRETS,
};

static const struct option_spec global_options[] = {
  { "json", 'j', NULL, "print JSON, one object a line" },
  { "quiet", 'q', NULL, "print results and errors alone" },
  { "verbose", 'v', NULL, "show the lines of the wire on stderr, without secrets" },
  { "timeout", 0, "TIME", "give up after TIME (1.5s, 500ms, 2min; 0: never)" },
  { "color", 0, "WHEN", "colours: always, never, or auto" },
  { "no-pager", 0, NULL, "do not start a pager" },
  { "homedir", 0, "DIR", "the home directory of GnuPG, in place of $GNUPGHOME" },
  { "secret", 0, "WORD", "what belongs to this command or inquiry is secret" },
  { "open", 0, "WORD", "what belongs to this command or inquiry is shown" },
  { "show-data", 0, NULL, "show data of commands of which nothing is known" },
  { "show-secrets", 0, NULL, "show secrets, too" },
  { "help", 'h', NULL, "print this text" },
  { "version", 0, NULL, "print the version" },
};

const struct subcommand *
options_find (const char *name) {
  for (size_t i = 0; subcommands[i]; i++)
    if (!strcmp (subcommands[i]->name, name)) return subcommands[i];
  return NULL;
}

void
options_each (const struct subcommand *subcommand,
              void (*cb) (const struct option_spec *option, void *arg), void *arg) {
  for (size_t i = 0; subcommand && i < subcommand->n_options; i++)
    cb (&subcommand->options[i], arg);
  for (size_t i = 0; i < N_ELEMENTS (global_options); i++)
    cb (&global_options[i], arg);
}

/* --- Values ----------------------------------------------------------------------------------- */

enum status
options_time (const char *name, const char *value, unsigned int *ret_ms) {
  if (text_parse_time (value, ret_ms)) return STATUS_OK;
  return message_fail (STATUS_USAGE, "--%s: '%s' is no time; write 1.5s, 500ms or 2min", name,
                       value);
}

enum status
options_number (const char *name, const char *value, unsigned long max, unsigned long *ret_number) {
  if (text_parse_number (value, max, ret_number)) return STATUS_OK;
  return message_fail (STATUS_USAGE, "--%s: '%s' is no number from 0 to %lu", name, value, max);
}

static enum status
set_color (const char *value) {
  if (!strcmp (value, "always"))
    settings.color = COLOR_ALWAYS;
  else if (!strcmp (value, "never"))
    settings.color = COLOR_NEVER;
  else if (!strcmp (value, "auto"))
    settings.color = COLOR_AUTO;
  else
    return message_fail (STATUS_USAGE, "--color: '%s' is none of always, never, auto", value);
  return STATUS_OK;
}

/* GnuPG's programs that are started get it, too.  */
static enum status
set_homedir (const char *value) {
  char *dir = *value == '/' ? NULL : getcwd (NULL, 0), *path;

  path = dir ? text_format ("%s/%s", dir, value) : text_dup (value);
  setenv ("GNUPGHOME", path, 1);
  free (path);
  free (dir);
  return STATUS_OK;
}

static enum status
set_global (enum global option, const char *value) {
  switch (option) {
  case GLOBAL_JSON:
    settings.is_json = true;
    break;
  case GLOBAL_QUIET:
    settings.is_quiet = true;
    break;
  case GLOBAL_VERBOSE:
    settings.is_verbose = true;
    break;
  case GLOBAL_TIMEOUT:
    return options_time ("timeout", value, &settings.timeout_ms);
  case GLOBAL_COLOR:
    return set_color (value);
  case GLOBAL_NO_PAGER:
    settings.has_no_pager = true;
    break;
  case GLOBAL_HOMEDIR:
    return set_homedir (value);
  case GLOBAL_SECRET:
    secret_add (value);
    break;
  case GLOBAL_OPEN:
    secret_add_open (value);
    break;
  case GLOBAL_SHOW_DATA:
    secret_open_unknown ();
    break;
  case GLOBAL_SHOW_SECRETS:
    settings.shows_secrets = true;
    break;
  }
  return STATUS_OK;
}

/* --- getopt_long ------------------------------------------------------------------------------ */

/* What getopt_long wants, out of the tables.  */
struct reader {
  const struct subcommand *subcommand;
  size_t n;
  struct option longs[64];
  const struct option_spec *specs[64];
  char letters[128];
};

static void
add_option (const struct option_spec *spec, void *arg) {
  struct reader *r = arg;
  size_t len = strlen (r->letters);

  r->specs[r->n] = spec;
  /* Above all characters.  */
  r->longs[r->n] = (struct option) { spec->name, spec->argument ? required_argument : no_argument,
                                     NULL, 256 + (int) r->n };
  r->n++;
  if (!spec->letter) return;
  r->letters[len] = spec->letter;
  if (spec->argument) r->letters[len + 1] = ':';
}

/* ORDER: `+` to stop at the first word, `-` to get the words as they come.  */
static void
init_reader (struct reader *r, const struct subcommand *subcommand, char order) {
  *r = (struct reader) { .subcommand = subcommand, .letters = { order, ':' } };
  options_each (subcommand, add_option, r);
  opterr = 0;
  optind = 0; /* glibc: begin anew */
}

static const struct option_spec *
find_spec (const struct reader *r, int c) {
  if (c >= 256) return r->specs[c - 256];
  for (size_t i = 0; i < r->n; i++)
    if (r->specs[i]->letter == c) return r->specs[i];
  return NULL;
}

static enum status
fail_option (const struct reader *r, char **argv, int c) {
  const char *name = r->subcommand ? r->subcommand->name : "";
  const char *word = optind > 0 ? argv[optind - 1] : "";

  if (c == ':') return message_fail (STATUS_USAGE, "%s needs a value", word);
  if (optopt && optopt < 256)
    return message_fail (STATUS_USAGE, "there is no option -%c; try: assuanctl %s --help", optopt,
                         name);
  if (optopt) return message_fail (STATUS_USAGE, "%s takes no value", word);
  return message_fail (STATUS_USAGE,
                       "%s is no option, or may be several; try: assuanctl %s --help; options of a "
                       "server's command stand behind --",
                       word, name);
}

/* Handles option C.  */
static enum status
take_option (const struct reader *r, char **argv, int c, bool *ret_done) {
  const struct option_spec *spec = c == '?' || c == ':' ? NULL : find_spec (r, c);
  const struct subcommand *sub = r->subcommand;

  if (!spec) return fail_option (r, argv, c);
  if (sub && spec >= sub->options && spec < sub->options + sub->n_options)
    return sub->set ((size_t) (spec - sub->options), optarg);
  *ret_done = !strcmp (spec->name, "help") || !strcmp (spec->name, "version");
  if (!*ret_done) return set_global ((enum global) (spec - global_options), optarg);
  return *spec->name == 'v' ? help_print_version () : help_print (sub);
}

enum status
options_parse_global (int argc, char **argv, int *ret_at, bool *ret_done) {
  struct reader r;
  int c;

  init_reader (&r, NULL, '+');
  while ((c = getopt_long (argc, argv, r.letters, r.longs, NULL)) != -1) {
    enum status status = take_option (&r, argv, c, ret_done);
    if (status || *ret_done) return status;
  }
  *ret_at = optind;
  return STATUS_OK;
}

enum status
options_parse (const struct subcommand *subcommand, int argc, char **argv, struct arguments *ret,
               bool *ret_done) {
  struct reader r;
  int c;

  init_reader (&r, subcommand, '-');
  *ret = (struct arguments) { .words = text_alloc (sizeof (char *) * ((size_t) argc + 1)) };
  while ((c = getopt_long (argc, argv, r.letters, r.longs, NULL)) != -1) {
    enum status status = STATUS_OK;
    if (c == 1)
      ret->words[ret->n_words++] = optarg;
    else
      status = take_option (&r, argv, c, ret_done);
    if (status || *ret_done) return status;
  }
  if (optind <= 1 || strcmp (argv[optind - 1], "--")) return STATUS_OK;
  ret->rest = argv + optind;
  ret->n_rest = (size_t) (argc - optind);
  return STATUS_OK;
}
