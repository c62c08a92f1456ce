/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* place.c - where servers listen.  See place.h.  */

#include "place.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger.h"

static char directory[PLACE_SIZE - 20];

void
place_begin (void) {
  const char *tmp = getenv ("TMPDIR");

  CHECK (snprintf (directory, sizeof directory, "%s/world-XXXXXX", tmp && *tmp ? tmp : "/tmp")
         < (int) sizeof directory);
  CHECK (mkdtemp (directory));
}

void
place_end (void) {
  DIR *dir = opendir (directory);
  struct dirent *entry;

  CHECK (dir);
  while ((entry = readdir (dir)))
    if (*entry->d_name != '.') unlinkat (dirfd (dir), entry->d_name, 0);
  closedir (dir);
  rmdir (directory);
}

void
place_name (unsigned int n, char name[PLACE_SIZE]) {
  snprintf (name, PLACE_SIZE, "unix:%s/%u", directory, n % 1000000);
}
