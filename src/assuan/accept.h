/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* accept.h - how servers get their connections.  */

#ifndef EVA__ASSUAN_ACCEPT_H
#define EVA__ASSUAN_ACCEPT_H

#include "assuan/context.h"

/* Opens the connection of a server: credentials, greeting.  Does nothing if that was done.  */
gpg_error_t eva__ctx_open (assuan_context_t ctx);

/* Returns the socket that a parent process left for this one, or ASSUAN_INVALID_FD, and the
   parent's pid, or ASSUAN_INVALID_PID.  */
assuan_fd_t eva__ctx_inherited_socket (pid_t *ret_pid);

#endif /* EVA__ASSUAN_ACCEPT_H */
