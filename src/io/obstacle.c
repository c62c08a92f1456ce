/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* obstacle.c - what stands in the way of a path, in words.

   It looks after the failure, and what it sees may have changed since: it is help for a reader, and
   nothing is decided by it.  */

#include "io/obstacle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *
eva__io_obstacle_kind (mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "a file";
  case S_IFDIR:
    return "a directory";
  case S_IFLNK:
    return "a symbolic link";
  case S_IFIFO:
    return "a pipe";
  case S_IFSOCK:
    return "a socket";
  default:
    return "a device";
  }
}

bool
eva__io_obstacle_rights (struct eva__io_sentence *s, const char *action, const char *fname) {
  struct stat st;

  if (stat (fname, &st)) return false;
  eva__io_sentence_add (s, "user %u may not %s ", (unsigned int) geteuid (), action);
  eva__io_sentence_quote (s, fname);
  eva__io_sentence_add (s, ", which is user %u's and has the mode %04o", (unsigned int) st.st_uid,
                        (unsigned int) (st.st_mode & 07777));
  return true;
}

/* The same for one directory.  */
static bool
is_obstacle (struct eva__io_sentence *s, const char *dir) {
  struct stat st;

  if (stat (dir, &st)) {
    eva__io_sentence_quote (s,
                            errno == ENOENT ? "there is no directory " : "this is no directory: ");
    eva__io_sentence_quote (s, dir);
    return true;
  }
  if (!S_ISDIR (st.st_mode)) {
    eva__io_sentence_quote (s, dir);
    eva__io_sentence_add (s, " is %s, not a directory", eva__io_obstacle_kind (st.st_mode));
    return true;
  }
  return faccessat (AT_FDCWD, dir, X_OK, AT_EACCESS) && eva__io_obstacle_rights (s, "enter", dir);
}

bool
eva__io_obstacle_in_way (struct eva__io_sentence *s, const char *path) {
  char *copy = strdup (path);
  bool found = false;

  if (!copy) return false;
  for (char *slash = copy; !found && *slash && (slash = strchr (slash + 1, '/'));) {
    *slash = 0;
    found = is_obstacle (s, copy);
    *slash = '/';
  }
  free (copy);
  return found;
}
