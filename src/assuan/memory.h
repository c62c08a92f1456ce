/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory.h - memory of a context, with the hooks of the program.  */

#ifndef EVA__ASSUAN_MEMORY_H
#define EVA__ASSUAN_MEMORY_H

#include "assuan/context.h"

/* Returns LEN octets of the hooks' memory, or NULL if there is none.  eva__ctx_free frees them.  */
void *eva__ctx_malloc (assuan_context_t ctx, size_t len);

/* Returns true if the memory of CTX is the C library's, and not that of hooks of the program.  */
bool eva__ctx_has_libc_memory (assuan_context_t ctx);

/* As eva__ctx_malloc, for LEN octets of which many will be used: the kernel may give huge
   pages.  */
void *eva__ctx_malloc_pages (assuan_context_t ctx, size_t len);

/* Frees PTR, which may be NULL, and does not wipe it.  */
void eva__ctx_free (assuan_context_t ctx, void *ptr);

/* Replaces *PTR by a copy of TEXT, or by NULL if TEXT is NULL.  The old text is wiped.
   Returns 0, or ENOMEM with *PTR as it was.  */
gpg_error_t eva__ctx_set_string (assuan_context_t ctx, char **ptr, const char *text);

/* Returns what CTX has of the things that most contexts never need, to change it; NULL if there is
   no memory.  */
struct eva__extra *eva__ctx_get_extra (assuan_context_t ctx);

/* Makes sure that the table of CTX is its own, although what that points to may be shared.  Returns
   false if there is no memory.  */
bool eva__ctx_own_table (assuan_context_t ctx);

#endif /* EVA__ASSUAN_MEMORY_H */
