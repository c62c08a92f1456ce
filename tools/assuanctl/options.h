/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.h - options: one table for each subcommand, and one for all of them, from which the
   command line is read, --help is printed, and words are completed.  */

#ifndef ASSUANCTL_OPTIONS_H
#define ASSUANCTL_OPTIONS_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

struct option_spec {
  const char *name;     /* long, without dashes */
  char letter;          /* 0: none */
  const char *argument; /* what it is called in --help; NULL: it takes none */
  const char *help;     /* one sentence */
};

/* What a command line has besides options.  The words are the caller's of options_parse.  */
struct arguments {
  char **words; /* those in front of `--`; NULL ends them */
  size_t n_words;
  char **rest; /* those behind it; NULL: there was no `--` */
  size_t n_rest;
};

/* A subcommand.  */
struct subcommand {
  const char *name;
  const char *synopsis; /* what stands behind the name and [OPTIONS]; one form a line */
  const char *purpose;  /* a short sentence without a period */
  const struct option_spec *options;
  size_t n_options;
  bool listens; /* its first address is one to listen on */
  bool relays;  /* and its second one a server's */

  /* The option with number INDEX in the table stands on the command line, with VALUE or NULL.
     Returns STATUS_OK, or what message_fail returned.  */
  enum status (*set) (size_t index, const char *value);
  enum status (*run) (const struct arguments *arguments);
};

#define N_ELEMENTS(array) (sizeof (array) / sizeof *(array))

/* The table of subcommands, which NULL ends, is in main.c.  */
extern const struct subcommand *const subcommands[];

/* Returns the subcommand with this name, or NULL.  */
const struct subcommand *options_find (const char *name);

/* Reads global options at ARGV up to the first word, whose index in ARGV it stores at RET_AT; or
   STATUS_OK with *RET_DONE set after --help or --version.  */
enum status options_parse_global (int argc, char **argv, int *ret_at, bool *ret_done);

/* Reads what follows the name of SUBCOMMAND, argv[0], to SUBCOMMAND->set and settings.  Options
   stand before or behind other words; RET->words is to be freed.  */
enum status options_parse (const struct subcommand *subcommand, int argc, char **argv,
                           struct arguments *ret, bool *ret_done);

/* Calls CB for each global option, and each of SUBCOMMAND unless that is NULL.  */
void options_each (const struct subcommand *subcommand,
                   void (*cb) (const struct option_spec *option, void *arg), void *arg);

/* Reads a value of --NAME, which says so if it is wrong.  */
enum status options_time (const char *name, const char *value, unsigned int *ret_ms);
enum status options_number (const char *name, const char *value, unsigned long max,
                            unsigned long *ret_number);

#endif /* ASSUANCTL_OPTIONS_H */
