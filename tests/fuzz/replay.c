/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay.c - runs a fuzz target over files, without libFuzzer: so the corpora are tests like
   others, with any compiler, and an input that a fuzzer found can be looked at in a debugger.

   Usage: fuzz-NAME FILE|DIRECTORY...  */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "check.h"

/* No input is longer than this.  */
#define MAX_LEN (1 << 20)

static int n_files;

/* Runs the target over FNAME.  The name goes out first: if the target aborts, it is the last one
   seen.  */
static void
replay_file (const char *fname, FILE *f) {
  uint8_t *data = malloc (MAX_LEN);

  CHECK (data);
  size_t len = fread (data, 1, MAX_LEN, f);
  CHECK (!ferror (f));
  printf ("%s\n", fname);
  fflush (stdout);

  /* A copy of just this length, so that a read behind the end is found.  */
  uint8_t *copy = malloc (len ? len : 1);
  CHECK (copy);
  memcpy (copy, data, len);
  LLVMFuzzerTestOneInput (copy, len);
  free (copy);
  free (data);
  n_files++;
}

static void replay (const char *name);

static void
replay_directory (const char *name, DIR *dir) {
  struct dirent *entry;

  while ((entry = readdir (dir))) {
    char path[PATH_MAX];

    if (*entry->d_name == '.') continue;
    int len = snprintf (path, sizeof path, "%s/%s", name, entry->d_name);
    CHECK (len > 0 && (size_t) len < sizeof path);
    replay (path);
  }
}

static void
replay (const char *name) {
  DIR *dir = opendir (name);

  if (dir) {
    replay_directory (name, dir);
    closedir (dir);
    return;
  }
  FILE *f = fopen (name, "rb");
  if (!f) {
    fprintf (stderr, "%s: %s\n", name, strerror (errno));
    exit (2);
  }
  replay_file (name, f);
  fclose (f);
}

int
main (int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    replay (argv[i]);

  /* A corpus that was mislaid must not pass for one that was fine.  */
  if (!n_files) fprintf (stderr, "no input files\n");
  return n_files ? 0 : 2;
}
