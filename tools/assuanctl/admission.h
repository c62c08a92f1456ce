/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* admission.h - which users a subcommand that listens lets in: its own and root, and those that
   --allow-uid and --any-uid name.  */

#ifndef ASSUANCTL_ADMISSION_H
#define ASSUANCTL_ADMISSION_H

#include "address.h"
#include "status.h"

#include <stdbool.h>
#include <sys/types.h>

/* The options of these subcommands, for their tables.  */
#define ADMISSION_OPTIONS                                                                          \
  { "allow-uid", 0, "UID", "let this user in, too" }, { "any-uid", 0, NULL, "let every user in" }
#define ADMISSION_N_OPTIONS 2

struct admission {
  uid_t *uids; /* EVA_ANY_UID: all */
  size_t n_uids;
  bool has_any;
};

/* Handles option INDEX of these.  The value of --allow-uid is a number, or the name of a user.  */
enum status admission_set (struct admission *admission, size_t index, const char *value);
void admission_deinit (struct admission *admission);

/* Says what is wrong with listening on ADDRESS for these users.  */
enum status admission_check (const struct admission *admission, const struct address *address);

/* Opens the file of the socket at ADDRESS, as eva_server_get_address tells it, to all users if
   others than its own may come in: who does come in is looked at for each client.  */
enum status admission_open_file (const struct admission *admission, const char *address);

#endif /* ASSUANCTL_ADMISSION_H */
