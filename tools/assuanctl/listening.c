/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listening.c - the addresses at which subcommands listen.  */

#include "listening.h"
#include "message.h"
#include "text.h"

#include <stdlib.h>
#include <sys/socket.h>

enum status
listening_fail (const struct address *address, gpg_error_t err) {
  const char *advice = "";

  switch (gpg_err_code (err)) {
  case GPG_ERR_EADDRINUSE:
    advice = "; does another server run?";
    break;
  case GPG_ERR_EACCES:
    if (address->kind == ADDRESS_TCP) advice = "; TCP is served on 127.0.0.1 and [::1] alone";
    break;
  case GPG_ERR_ENAMETOOLONG:
    advice = "; a socket's path has at most 107 octets";
    break;
  case GPG_ERR_INV_ARG:
    return message_fail (STATUS_USAGE, "%s: this is no address to listen on", address->text);
  default:
    break;
  }
  return message_fail (STATUS_LOCAL, "%s: cannot listen: %s%s", address->text, gpg_strerror (err),
                       advice);
}

bool
listening_is_single (const struct address *address) {
  const char *fd = text_skip (address->eva, "fd:");
  int listens = 0;
  socklen_t len = sizeof listens;

  if (address->kind == ADDRESS_STDIO) return true;
  return fd && !getsockopt (atoi (fd), SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) && !listens;
}
