/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tmpdir.c - a directory for one test alone.  See tmpdir.h.  */

#include "tmpdir.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir_path[32];

const char *
tmpdir_get (void) {
  if (*dir_path) return dir_path;
  strcpy (dir_path, "/tmp/eva.XXXXXX");
  assert_non_null (mkdtemp (dir_path));
  return dir_path;
}

const char *
tmpdir_path (const char *name) {
  static char paths[16][sizeof dir_path + 300];
  static unsigned int i;
  char *path = paths[i++ % N_ELEMENTS (paths)];

  snprintf (path, sizeof *paths, "%s/%s", tmpdir_get (), name);
  return path;
}

void
tmpdir_remove (void) {
  DIR *dir = *dir_path ? opendir (dir_path) : NULL;
  struct dirent *entry;

  if (!*dir_path) return;
  assert_non_null (dir);
  while ((entry = readdir (dir)))
    if (strcmp (entry->d_name, ".") && strcmp (entry->d_name, ".."))
      assert_int_equal (remove (tmpdir_path (entry->d_name)), 0);
  closedir (dir);
  assert_int_equal (rmdir (dir_path), 0);
  *dir_path = 0;
}
