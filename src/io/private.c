/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* private.c - a socket in a directory of its own, which no other user can enter.

   The name is one that no other user can take, in a directory that all may write to.  */

#include "io/private.h"

#include "io/fail.h"
#include "io/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What mkdtemp replaces, and the name of the socket.  */
#define LETTERS   "-XXXXXX"
#define SOCK_NAME "/S"

int
eva__io_private_make (struct eva__io_private *private, const char *base, const char *name) {
  char path[sizeof private->path];
  int len = snprintf (path, sizeof path, "%s/%s" LETTERS, base, name);

  if (len < 0 || (size_t) len + sizeof SOCK_NAME > sizeof path) return eva__io_fail (ENAMETOOLONG);
  if (!mkdtemp (path)) return -1;
  memcpy (path + len, SOCK_NAME, sizeof SOCK_NAME);
  memcpy (private->path, path, sizeof path);
  private->process = eva__io_this_process ();
  return 0;
}

/* Returns true if DIR is a directory that only this user can enter.  */
static bool
is_private (const char *dir) {
  struct stat st;

  return !lstat (dir, &st) && S_ISDIR (st.st_mode) && st.st_uid == geteuid ()
         && !(st.st_mode & 077);
}

bool
eva__io_private_adopt (struct eva__io_private *private, const char *path, const char *name) {
  size_t len = strlen (path), name_len = strlen (name);
  size_t end_len = name_len + sizeof LETTERS - 1, sock_len = sizeof SOCK_NAME - 1;
  char dir[sizeof private->path];
  const char *end;

  if (len >= sizeof dir || len <= end_len + sock_len) return false;
  if (strcmp (path + len - sock_len, SOCK_NAME) != 0) return false;
  end = path + len - sock_len - end_len;
  if (end[-1] != '/' || strncmp (end, name, name_len) != 0 || end[name_len] != '-') return false;
  memcpy (dir, path, len - sock_len);
  dir[len - sock_len] = 0;
  if (strchr (dir + (end - path), '/') || !is_private (dir)) return false;
  memcpy (private->path, path, len + 1);
  private->process = eva__io_this_process ();
  return true;
}

void
eva__io_private_remove (struct eva__io_private *private) {
  char *end = strrchr (private->path, '/');
  int saved = errno;

  if (!end || private->process != eva__io_this_process ()) return;
  *end = 0;
  rmdir (private->path);
  *private->path = 0;
  errno = saved;
}
