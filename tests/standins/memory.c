/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory.c - allocations that a test counts and lets fail.  See memory.h.  */

#include "memory.h"

#include <errno.h>
#include <string.h>

size_t memory_n_live;

void *__wrap_malloc (size_t len);
void *__wrap_calloc (size_t n, size_t len);
void *__wrap_realloc (void *ptr, size_t len);
void *__wrap_reallocarray (void *ptr, size_t n, size_t len);
char *__wrap_strdup (const char *text);
void __wrap_free (void *ptr);

static bool
is_short (void) {
  if (!memory_is_short ()) return false;
  errno = ENOMEM;
  return true;
}

void *
__wrap_malloc (size_t len) {
  void *ptr = is_short () ? NULL : __real_malloc (len);

  memory_n_live += ptr != NULL;
  return ptr;
}

void *
__wrap_calloc (size_t n, size_t len) {
  void *ptr = is_short () ? NULL : __real_calloc (n, len);

  memory_n_live += ptr != NULL;
  return ptr;
}

void *
__wrap_realloc (void *old, size_t len) {
  void *ptr = is_short () ? NULL : __real_realloc (old, len);

  memory_n_live += ptr && !old;
  return ptr;
}

/* No array here is so large that its size overflows.  */
void *
__wrap_reallocarray (void *old, size_t n, size_t len) {
  return __wrap_realloc (old, n * len);
}

char *
__wrap_strdup (const char *text) {
  size_t size = strlen (text) + 1;
  char *copy = __wrap_malloc (size);

  return copy ? memcpy (copy, text, size) : NULL;
}

void
__wrap_free (void *ptr) {
  memory_n_live -= ptr != NULL;
  __real_free (ptr);
}
