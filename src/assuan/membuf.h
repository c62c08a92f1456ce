/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* membuf.h - octets that grow.  */

#ifndef EVA__ASSUAN_MEMBUF_H
#define EVA__ASSUAN_MEMBUF_H

#include "assuan.h"

#include <stddef.h>

/* Octets that grow.  Memory that they outgrow is wiped.  Zero-initialized it is empty.  */
struct eva__membuf {
  unsigned char *data;
  size_t len;
  size_t size;     /* of the memory at DATA */
  size_t max_len;  /* the most octets that will come, to which SIZE is fitted; 0: unknown */
  size_t held_len; /* octets that count as held by the connection: SIZE may be more */
};

/* Adds LEN octets at DATA.  Returns 0; or ENOMEM, or TOO_LARGE if the connection may not hold so
   many, and then the octets stay as they were.  */
gpg_error_t eva__membuf_add (assuan_context_t ctx, struct eva__membuf *mb, const void *data,
                             size_t len);

/* Makes room for LEN octets more, and for others that are no data behind them.  Returns as
   eva__membuf_add.  */
gpg_error_t eva__membuf_reserve (assuan_context_t ctx, struct eva__membuf *mb, size_t len);

/* Takes the memory out of MB, which is empty then, and stores the length at RET_LEN.  A NUL follows
   the octets.  It is memory of CTX.  Returns NULL if there is no memory.  */
unsigned char *eva__membuf_take (assuan_context_t ctx, struct eva__membuf *mb, size_t *ret_len);

/* Wipes and frees what MB has, and leaves it empty.  */
void eva__membuf_free (assuan_context_t ctx, struct eva__membuf *mb);

#endif /* EVA__ASSUAN_MEMBUF_H */
