/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* catalog.h - the commands that `serve` offers: executable files of a directory, and shell commands
   `NAME=COMMAND` of the command line.

   A connection keeps the catalog with which it began, so a catalog counts its owners.  */

#ifndef ASSUANCTL_CATALOG_H
#define ASSUANCTL_CATALOG_H

#include "status.h"

#include <stddef.h>

struct catalog_entry {
  char *name;    /* in capitals */
  char *program; /* its path, or NULL */
  char *command; /* for /bin/sh -c, or NULL */
  char *help;    /* synopsis, an empty line, and the rest; NULL: none */
};

struct catalog {
  unsigned int n_refs;
  struct catalog_entry *entries;
  size_t n_entries;
};

/* Reads DIR, which may be NULL, and the N DEFINITIONS.  Says what is wrong.  A file that other
   users could have written is told of and left out.  RET has one reference, the caller's.  */
enum status catalog_read (const char *dir, char *const *definitions, size_t n,
                          struct catalog **ret);

struct catalog *catalog_ref (struct catalog *catalog);
void catalog_unref (struct catalog *catalog);

/* Returns the entry NAME, in capitals, or NULL.  */
const struct catalog_entry *catalog_find (const struct catalog *catalog, const char *name);

#endif /* ASSUANCTL_CATALOG_H */
