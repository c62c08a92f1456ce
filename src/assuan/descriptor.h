/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* descriptor.h - the descriptors of INPUT and OUTPUT.  */

#ifndef EVA__ASSUAN_DESCRIPTOR_H
#define EVA__ASSUAN_DESCRIPTOR_H

#include "assuan/context.h"

/* Closes FD, unless it is INPUT's or OUTPUT's: a peer may name one inherited descriptor for
   both.  */
void eva__ctx_close_unused (assuan_context_t ctx, assuan_fd_t fd);

/* Closes the descriptors of INPUT and OUTPUT and those that wait.  */
void eva__ctx_close_fds (assuan_context_t ctx);

#endif /* EVA__ASSUAN_DESCRIPTOR_H */
