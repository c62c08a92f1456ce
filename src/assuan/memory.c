/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory.c - memory of a context, with the hooks of the program.  */

#include "assuan/memory.h"

#include "wire/wipe.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A huge page on most machines, and the octets from which on such pages are worth what is left over
   of the last one.  */
#define HUGE_PAGE ((size_t) 2 << 20)
#define HUGE_LEN  (2 * HUGE_PAGE)

void *
eva__ctx_malloc (assuan_context_t ctx, size_t len) {
  return ctx->shared->malloc_hooks.malloc (len);
}

bool
eva__ctx_has_libc_memory (assuan_context_t ctx) {
  const struct assuan_malloc_hooks *hooks = &ctx->shared->malloc_hooks;

  return hooks->malloc == malloc && hooks->free == free;
}

/* Returns LEN octets in whole huge pages if the kernel gives some: most of the time that a large
   answer takes are page faults.  The advice may come to nothing.  */
static void *
malloc_huge (size_t len) {
  int saved = errno;
  void *ptr = aligned_alloc (HUGE_PAGE, (len + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));

#ifdef MADV_HUGEPAGE
  if (ptr) (void) madvise (ptr, len & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);
#endif
  errno = saved;
  return ptr;
}

void *
eva__ctx_malloc_pages (assuan_context_t ctx, size_t len) {
  bool is_huge = len >= HUGE_LEN && eva__ctx_has_libc_memory (ctx);

  return is_huge ? malloc_huge (len) : eva__ctx_malloc (ctx, len);
}

void
eva__ctx_free (assuan_context_t ctx, void *ptr) {
  if (ptr) ctx->shared->malloc_hooks.free (ptr);
}

gpg_error_t
eva__ctx_set_string (assuan_context_t ctx, char **ptr, const char *text) {
  char *copy = NULL;

  if (text) {
    size_t size = strlen (text) + 1;
    copy = eva__ctx_malloc (ctx, size);
    if (!copy) return gpg_err_make (ctx->err_source, GPG_ERR_ENOMEM);
    memcpy (copy, text, size);
  }
  if (*ptr) eva__wire_wipe (*ptr, strlen (*ptr));
  eva__ctx_free (ctx, *ptr);
  *ptr = copy;
  return 0;
}

struct eva__extra *
eva__ctx_get_extra (assuan_context_t ctx) {
  if (ctx->extra) return ctx->extra;
  ctx->extra = eva__ctx_malloc (ctx, sizeof *ctx->extra);
  if (!ctx->extra) return NULL;
  *ctx->extra = (struct eva__extra) { .input_fd = ASSUAN_INVALID_FD,
                                      .output_fd = ASSUAN_INVALID_FD,
                                      .listen_fd = ASSUAN_INVALID_FD };
  return ctx->extra;
}

bool
eva__ctx_own_table (assuan_context_t ctx) {
  struct eva__table *table;

  if (!ctx->shares || ctx->owns_table) return true;
  table = eva__ctx_malloc (ctx, sizeof *table);
  if (!table) return false;
  *table = *ctx->table;
  ctx->table = table;
  ctx->owns_table = true;
  return true;
}
