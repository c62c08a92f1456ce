/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* watch.c - notices that names in a directory came, went or were replaced.

   What the kernel reports is a hint: reports may be lost when there are too many.  So none is read
   for what it says, and the caller looks at the files themselves.  */

#include "io/watch.h"

#include "io/fail.h"

#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* A file that comes where none stood replaces nothing.  */
#define EVENTS                                                                                     \
  (IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

int
eva__io_watch_new (void) {
  return inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
}

int
eva__io_watch_add (int fd, const char *path) {
  char dir[PATH_MAX];
  size_t len = (size_t) (strrchr (path, '/') - path);

  if (len >= sizeof dir) return eva__io_fail (ENAMETOOLONG);
  memcpy (dir, path, len);
  dir[len] = 0;
  return inotify_add_watch (fd, len ? dir : "/", EVENTS) < 0 ? -1 : 0;
}

void
eva__io_watch_clear (int fd) {
  char buf[4096];

  while (read (fd, buf, sizeof buf) > 0)
    ;
}
