/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* admission.c - which users a subcommand that listens lets in.  */

#include "admission.h"
#include "message.h"
#include "text.h"

#include <errno.h>
#include <eva.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum option { OPT_ALLOW_UID, OPT_ANY_UID };

static void
add (struct admission *admission, uid_t uid) {
  uid_t *uids = text_alloc ((admission->n_uids + 1) * sizeof *uids);

  if (admission->n_uids) memcpy (uids, admission->uids, admission->n_uids * sizeof *uids);
  uids[admission->n_uids++] = uid;
  free (admission->uids);
  admission->uids = uids;
}

static enum status
allow (struct admission *admission, const char *value) {
  const struct passwd *user;
  unsigned long uid;

  /* The highest one stands for every user elsewhere.  */
  if (text_parse_number (value, UINT_MAX - 1, &uid)) {
    add (admission, (uid_t) uid);
    return STATUS_OK;
  }
  user = getpwnam (value);
  if (!user) return message_fail (STATUS_USAGE, "--allow-uid: there is no user '%s'", value);
  add (admission, user->pw_uid);
  return STATUS_OK;
}

enum status
admission_set (struct admission *admission, size_t index, const char *value) {
  if (index == OPT_ALLOW_UID) return allow (admission, value);
  add (admission, EVA_ANY_UID);
  admission->has_any = true;
  return STATUS_OK;
}

void
admission_deinit (struct admission *admission) {
  free (admission->uids);
  *admission = (struct admission) { 0 };
}

/* The library puts the socket of a longer path where no other user can enter.  */
#define MAX_PATH_LEN 107u

enum status
admission_check (const struct admission *admission, const struct address *address) {
  const char *path = text_skip (address->eva, "unix:");

  if (admission->n_uids && path && *path == '/' && strlen (path) > MAX_PATH_LEN)
    return message_fail (STATUS_USAGE, "%s: other users cannot reach a path of over %u octets",
                         address->text, MAX_PATH_LEN);
  if (address->kind != ADDRESS_TCP || admission->has_any) return STATUS_OK;
  return message_fail (
      STATUS_USAGE, "%s: the kernel does not tell who comes by TCP; --any-uid lets every user in",
      address->text);
}

enum status
admission_open_file (const struct admission *admission, const char *address) {
  const char *path = address ? text_skip (address, "unix:") : NULL;

  if (!admission->n_uids || !path || *path == '@') return STATUS_OK;
  if (!chmod (path, 0666)) return STATUS_OK;
  return message_fail (STATUS_LOCAL, "%s: cannot be opened to other users: %s", path,
                       strerror (errno));
}
