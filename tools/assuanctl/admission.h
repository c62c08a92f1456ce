/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* admission.h - which users a subcommand that listens lets in: its own and root, and those that
   --allow-uid and --any-uid name.  */

#ifndef ASSUANCTL_ADMISSION_H
#define ASSUANCTL_ADMISSION_H

#include "address.h"
#include "status.h"

#include <stdbool.h>
#include <sys/types.h>

struct admission {
  uid_t *uids; /* EVA_ANY_UID: all */
  size_t n_uids;
  bool has_any;
};

/* Reads the value of --allow-uid: a number, or the name of a user.  */
enum status admission_allow (struct admission *admission, const char *value);
void admission_allow_any (struct admission *admission);
void admission_deinit (struct admission *admission);

/* Says what is wrong with listening on ADDRESS for these users.  */
enum status admission_check (const struct admission *admission, const struct address *address);

/* Opens the file of the socket at ADDRESS, as eva_server_get_address tells it, to all users if
   others than its own may come in: who does come in is looked at for each client.  */
enum status admission_open_file (const struct admission *admission, const char *address);

#endif /* ASSUANCTL_ADMISSION_H */
