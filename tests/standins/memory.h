/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory.h - allocations of the library, and of the program around it, that a test counts and lets
   fail: it is linked with --wrap for each of these calls (memory_wrapped in meson.build).  */

#ifndef EVA_TESTS_FAULTS_MEMORY_H
#define EVA_TESTS_FAULTS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Defined by the test: whether the next allocation fails.  */
bool memory_is_short (void);

/* Blocks that were allocated and not freed.  */
extern size_t memory_n_live;

/* For what the test has for itself: neither counted nor failing.  */
void *__real_malloc (size_t len);
void *__real_calloc (size_t n, size_t len);
void *__real_realloc (void *ptr, size_t len);
void __real_free (void *ptr);

#endif /* EVA_TESTS_FAULTS_MEMORY_H */
