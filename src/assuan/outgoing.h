/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* outgoing.h - descriptors that wait to be sent.  */

#ifndef EVA__ASSUAN_OUTGOING_H
#define EVA__ASSUAN_OUTGOING_H

#include "assuan/drive.h"

/* Queues FD, which leaves with the next octet that CTX says; CTX has a drive.  On success FD is
   ours, and closed when it has left.  Returns what eva_conn_send_fd does.  */
int eva__outgoing_fd_send (assuan_context_t ctx, int fd);

/* The N descriptors of FDS have left.  */
void eva__outgoing_fd_sent (assuan_context_t ctx, const int *fds, size_t n);

/* Takes all that wait out of the queue and closes them.  Does nothing without a drive.  */
void eva__outgoing_fd_drop_all (assuan_context_t ctx);

#endif /* EVA__ASSUAN_OUTGOING_H */
