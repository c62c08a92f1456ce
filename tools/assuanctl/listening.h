/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listening.h - the addresses at which subcommands listen.  */

#ifndef ASSUANCTL_LISTENING_H
#define ASSUANCTL_LISTENING_H

#include "address.h"
#include "status.h"

#include <gpg-error.h>
#include <stdbool.h>

/* Says why eva_server_listen failed with ERR on ADDRESS.  */
enum status listening_fail (const struct address *address, gpg_error_t err);

/* Returns true if ADDRESS is not listened on, but is a client already: standard input and output,
   or a connected socket.  */
bool listening_is_single (const struct address *address);

#endif /* ASSUANCTL_LISTENING_H */
