/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* buffer.h - the memory of a context's eva_conn: buffers out of the pool, counted by the drive.  */

#ifndef EVA__ASSUAN_BUFFER_H
#define EVA__ASSUAN_BUFFER_H

#include "assuan/context.h"

/* The alloc and release of an eva_conn whose ARG is a context.  */
void *eva__buffer_take (void *arg, size_t len);
void eva__buffer_give (void *arg, void *ptr, size_t len);

#endif /* EVA__ASSUAN_BUFFER_H */
