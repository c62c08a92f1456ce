/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* flow.h - what the directions of a pump have in common.  */

#ifndef EVA__ATTACH_FLOW_H
#define EVA__ATTACH_FLOW_H

#include "attach/pump.h"

/* eva__stream.failed and eva__stream.cancelled of pumps.  */
void eva__pump_failed (struct eva__stream *stream, gpg_error_t err);
void eva__pump_cancelled (struct eva__stream *stream, gpg_error_t reason);

/* Frees PUMP without calling its done function.  */
void eva__pump_take_apart (struct eva__pump *pump);

/* Ends PUMP because of ERR, while its command goes on.  PUMP is gone afterwards, and the context
   may have been released.  */
void eva__pump_finish (struct eva__pump *pump, gpg_error_t err);

/* The same because of what is in errno.  */
void eva__pump_finish_errno (struct eva__pump *pump);

/* Returns how many octets to read next, at most LEN: not more than are allowed.  When all of them
   came it is one, to see whether there are more; eva__pump_is_over tells of that one.  */
size_t eva__pump_limit (const struct eva__pump *pump, size_t len);
bool eva__pump_is_over (const struct eva__pump *pump, size_t n);

/* Gives PUMP a buffer of SIZE octets, which count as held.  Returns false if there is none.  */
bool eva__pump_take_buffer (struct eva__pump *pump, size_t size);

/* Wipes the buffer and gives it back, if there is one.  */
void eva__pump_give_buffer (struct eva__pump *pump);

/* Writes what is in the buffer, as far as possible, and gives it back when it is empty.  Returns 0,
   or -1 with errno: EAGAIN if there is a rest.  */
int eva__pump_pour (struct eva__pump *pump);

#endif /* EVA__ATTACH_FLOW_H */
