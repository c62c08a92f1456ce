/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.h - the process at the other end of a socket.  */

#ifndef EVA__IO_PEER_H
#define EVA__IO_PEER_H

#include "assuan.h"

/* Asks the kernel for the credentials of the process that connected socket FD, as they were then.
   Returns 0 and RET_CRED, or -1 with errno, also where the socket has none (ENOTSUP for TCP).  */
int eva__io_peer_credentials (assuan_fd_t fd, struct _assuan_peercred *ret_cred);

#endif /* EVA__IO_PEER_H */
