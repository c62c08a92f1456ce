/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* place.c - where servers listen.  See place.h.  */

#include "place.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger.h"

static char directory[PLACE_SIZE - 30];

void
place_begin (void) {
  const char *tmp = getenv ("TMPDIR");

  CHECK (snprintf (directory, sizeof directory, "%s/world-XXXXXX", tmp && *tmp ? tmp : "/tmp")
         < (int) sizeof directory);
  CHECK (mkdtemp (directory));
}

/* Calls CB for each file.  */
static void
for_all (void (*cb) (DIR *dir, const char *name)) {
  DIR *dir = opendir (directory);
  struct dirent *entry;

  CHECK (dir);
  while ((entry = readdir (dir)))
    if (*entry->d_name != '.') cb (dir, entry->d_name);
  closedir (dir);
}

static void
remove_one (DIR *dir, const char *name) {
  unlinkat (dirfd (dir), name, 0);
}

void
place_end (void) {
  for_all (remove_one);
  rmdir (directory);
}

/* All names have the same length: how many octets there are must not depend on the world.  */
void
place_name (unsigned int n, char name[PLACE_SIZE]) {
  snprintf (name, PLACE_SIZE, "unix:%s/%08" PRIu64 "-%03u", directory, ledger_world % 100000000,
            n % 1000);
}

static void
check_one (DIR *dir, const char *name) {
  (void) dir;
  if (strtoull (name, NULL, 10) == ledger_world % 100000000) fail ("the socket %s is left", name);
}

void
place_check (void) {
  for_all (check_one);
}
