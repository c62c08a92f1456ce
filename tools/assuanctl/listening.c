/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listening.c - the addresses at which subcommands listen.  */

#include "listening.h"
#include "message.h"
#include "text.h"
#include "wait.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Why ADDRESS cannot be listened on.  The library's sentence begins with what failed, and on what:
   the message has that already.  Its advice for programs is left out.  */
static char *
find_why (const struct address *address, gpg_error_t err) {
  const char *why = eva_loop_get_failure (wait_loop ());
  const char *rest = why ? address_skip (address, "cannot listen on", why) : gpg_strerror (err);
  const char *advice;

  advice = strstr (rest, "EVA_") ? strstr (rest, "; ") : NULL;
  return text_format ("%.*s", (int) (advice ? (size_t) (advice - rest) : strlen (rest)), rest);
}

enum status
listening_fail (const struct address *address, gpg_error_t err) {
  bool is_usage = gpg_err_code (err) == GPG_ERR_INV_ARG;
  bool is_foreign = address->kind == ADDRESS_TCP && gpg_err_code (err) == GPG_ERR_EACCES;
  char *why = find_why (address, err);
  enum status status =
      message_fail (is_usage ? STATUS_USAGE : STATUS_LOCAL, "%s: cannot listen: %s%s",
                    address->text, why, is_foreign ? "; take 127.0.0.1 or [::1]" : "");

  free (why);
  return status;
}

bool
listening_is_single (const struct address *address) {
  const char *fd = text_skip (address->eva, "fd:");
  int listens = 0;
  socklen_t len = sizeof listens;

  if (address->kind == ADDRESS_STDIO) return true;
  return fd && !getsockopt (atoi (fd), SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) && !listens;
}
