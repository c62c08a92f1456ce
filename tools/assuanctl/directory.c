/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* directory.c - directories of our own that no other user can enter.  */

#include "directory.h"
#include "options.h"
#include "text.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "/assuanctl-XXXXXX"

/* A socket's path has at most 107 octets; some are left to its name.  */
#define MAX_LEN 90u

static bool
is_fit (const char *parent) {
  return parent && *parent == '/' && strlen (parent) + strlen (NAME) <= MAX_LEN
         && !access (parent, W_OK);
}

char *
directory_make (void) {
  static const char *const variables[] = { "XDG_RUNTIME_DIR", "TMPDIR" };
  const char *parent = NULL;
  char *path;

  for (size_t i = 0; i < N_ELEMENTS (variables) && !is_fit (parent); i++)
    parent = getenv (variables[i]);
  path = text_format ("%s" NAME, is_fit (parent) ? parent : "/tmp");
  if (mkdtemp (path)) return path;
  free (path);
  return NULL;
}

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void) st;
  (void) type;
  (void) ftw;
  remove (path);
  return 0;
}

void
directory_remove (char *path) {
  if (path) nftw (path, remove_one, 20, FTW_DEPTH | FTW_PHYS);
  free (path);
}
