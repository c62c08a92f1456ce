/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* activation.c - descriptors that the service manager opened for this process.

   Every process that this one starts inherits the variables.  Only LISTEN_PID tells whether they
   mean this process or a parent, whose descriptors 3 and so on are not ours.  */

#include "io/activation.h"

#include "io/fail.h"
#include "io/number.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 3

/* What sd_listen_fds(3) calls descriptors without a name.  */
#define NO_NAME "unknown"

/* Returns how many descriptors were passed to this process, 0 if the variables are not there or
   mean another one, or -1 with errno EINVAL.  */
static int
count_fds (void) {
  const char *pid_text = getenv ("LISTEN_PID"), *n_text = getenv ("LISTEN_FDS");
  int pid, n;

  if (!pid_text || !n_text) return 0;
  pid = eva__io_number_parse (pid_text, INT_MAX);
  if (pid <= 0) return eva__io_fail (EINVAL);
  if (pid != getpid ()) return 0;
  n = eva__io_number_parse (n_text, INT_MAX - FIRST_FD);
  return n < 0 ? eva__io_fail (EINVAL) : n;
}

/* Returns the name number INDEX of the list NAMES, and its length at RET_LEN; NULL if the list is
   shorter.  */
static const char *
find_name (const char *names, int index, size_t *ret_len) {
  for (; index; index--) {
    names = strchr (names, ':');
    if (!names) return NULL;
    names++;
  }
  *ret_len = strcspn (names, ":");
  return names;
}

/* Returns true if descriptor INDEX of N is called NAME.  A list whose names are fewer or more than
   the descriptors says nothing about any of them.  */
static bool
is_called (const char *name, const char *names, int index, int n) {
  size_t len;
  const char *at;

  if (!names) return !strcmp (name, NO_NAME);
  if (!find_name (names, n - 1, &len) || find_name (names, n, &len)) return false;
  at = find_name (names, index, &len);
  return strlen (name) == len && !memcmp (at, name, len);
}

int
eva__io_activation_next (const char *name, int fd) {
  const char *names = getenv ("LISTEN_FDNAMES");
  int n = count_fds (), index = fd < FIRST_FD ? 0 : fd + 1 - FIRST_FD, flags;

  if (n < 0) return -1;
  while (index < n && name && !is_called (name, names, index, n))
    index++;
  if (index >= n) return eva__io_fail (ENOENT);
  fd = FIRST_FD + index;
  flags = fcntl (fd, F_GETFD);
  if (flags < 0 || fcntl (fd, F_SETFD, flags | FD_CLOEXEC) < 0) return -1;
  return fd;
}
