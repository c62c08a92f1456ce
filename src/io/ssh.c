/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ssh.c - a Unix socket of another host, which ssh reaches.

   What is allowed is listed, and everything else is refused: a host that begins with `-` is an
   option to ssh, and in the paths that it forwards `:`, `\`, `%` and `$` have meanings.  */

#include "io/ssh.h"

#include "io/fail.h"
#include "io/number.h"

#include <stdbool.h>
#include <string.h>

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Copies the LEN octets at TEXT, which have to be some of ALLOWED, to BUF of SIZE.  */
static int
copy (const char *text, size_t len, const char *allowed, char *buf, size_t size) {
  if (!len || *text == '-' || strspn (text, allowed) < len) return eva__io_fail (EINVAL);
  if (len >= size) return eva__io_fail (ENAMETOOLONG);
  memcpy (buf, text, len);
  buf[len] = 0;
  return 0;
}

/* Copies the host, up to END, and its port.  */
static int
parse_host (const char *text, const char *end, struct eva__io_ssh *ret) {
  bool is_v6 = *text == '[';
  const char *allowed = is_v6 ? ALNUM ".:%" : ALNUM ".-_";
  size_t len = strcspn (text + is_v6, is_v6 ? "]/" : ":/");
  const char *rest = text + is_v6 + len;

  if (is_v6 && *rest++ != ']') return eva__io_fail (EINVAL);
  if (copy (text + is_v6, len, allowed, ret->host, sizeof ret->host) < 0) return -1;
  if (rest == end) return 0;
  if (*rest++ != ':' || copy (rest, (size_t) (end - rest), ALNUM, ret->port, sizeof ret->port) < 0)
    return eva__io_fail (EINVAL);
  return eva__io_number_parse (ret->port, 65535) < 1 ? eva__io_fail (EINVAL) : 0;
}

static int
parse_path (const char *path, struct eva__io_ssh *ret) {
  size_t len = strlen (path);

  for (const char *c = path; *c; c++) {
    bool is_control = (*c >= 0 && *c <= ' ') || *c == 0x7f;
    if (is_control || strchr (":\\%$", *c)) return eva__io_fail (EINVAL);
  }
  if (len < 2) return eva__io_fail (EINVAL);
  if (len >= sizeof ret->path) return eva__io_fail (ENAMETOOLONG);
  memcpy (ret->path, path, len + 1);
  return 0;
}

int
eva__io_ssh_parse (const char *text, struct eva__io_ssh *ret) {
  struct eva__io_ssh ssh = { .user = "" };
  const char *path = strchr (text, '/'), *at;
  size_t len;

  if (!path) return eva__io_fail (EINVAL);
  at = memchr (text, '@', (size_t) (path - text));
  len = at ? (size_t) (at - text) : 0;
  if (at && copy (text, len, ALNUM "._-+", ssh.user, sizeof ssh.user) < 0) return -1;
  if (parse_host (at ? at + 1 : text, path, &ssh) < 0 || parse_path (path, &ssh) < 0) return -1;
  *ret = ssh;
  return 0;
}
