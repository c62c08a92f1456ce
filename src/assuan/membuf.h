/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* membuf.h - octets that grow.  */

#ifndef EVA__ASSUAN_MEMBUF_H
#define EVA__ASSUAN_MEMBUF_H

#include "assuan.h"

#include <stddef.h>

/* Octets that grow; what they outgrow is wiped.  */
struct eva__membuf {
  unsigned char *data;
  size_t len;
  size_t size;
  size_t
      max_len; /* what LEN does not exceed, or 0 if no one said; it is never allocated for that */
  size_t held_len; /* the part of SIZE that counts as held by the connection */
};

gpg_error_t eva__membuf_add (assuan_context_t ctx, struct eva__membuf *mb, const void *data,
                             size_t len);

/* Takes the memory out of MB, with a NUL behind its length; NULL if there is no memory.  */
unsigned char *eva__membuf_take (assuan_context_t ctx, struct eva__membuf *mb, size_t *ret_len);

void eva__membuf_free (assuan_context_t ctx, struct eva__membuf *mb);

#endif /* EVA__ASSUAN_MEMBUF_H */
