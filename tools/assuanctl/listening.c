/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listening.c - the addresses at which subcommands listen.  */

#include "listening.h"
#include "message.h"
#include "text.h"
#include "wait.h"

#include <stdlib.h>
#include <sys/socket.h>

enum status
listening_fail (const struct address *address, gpg_error_t err) {
  bool is_usage = gpg_err_code (err) == GPG_ERR_INV_ARG;
  const char *why = eva_loop_get_failure (wait_loop ());
  const char *rest = why ? text_skip (why, "cannot listen on ") : NULL;

  if (rest) rest = text_skip (rest, address->eva);
  if (rest) rest = text_skip (rest, ": ");
  if (!rest) rest = why ? why : gpg_strerror (err);
  return message_fail (is_usage ? STATUS_USAGE : STATUS_LOCAL, "%s: cannot listen: %s",
                       address->text, rest);
}

bool
listening_is_single (const struct address *address) {
  const char *fd = text_skip (address->eva, "fd:");
  int listens = 0;
  socklen_t len = sizeof listens;

  if (address->kind == ADDRESS_STDIO) return true;
  return fd && !getsockopt (atoi (fd), SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) && !listens;
}
