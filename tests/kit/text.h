/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* text.h - octets that grow, always with a NUL behind them: what came from a peer, or a record of
   what callbacks were told.  Zero-initialized it is empty.  */

#ifndef EVA_TESTS_KIT_TEXT_H
#define EVA_TESTS_KIT_TEXT_H

#include "assertions.h"

struct text {
  char *data; /* NULL: nothing was added yet */
  size_t len;
  size_t size;
};

/* Appends octets; a formatted string.  */
void text_add (struct text *t, const void *octets, size_t len);
void text_print (struct text *t, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
void text_vprint (struct text *t, const char *format, va_list ap)
    __attribute__ ((format (printf, 2, 0)));

/* The octets as a string, which may be empty, valid until T changes.  */
const char *text_get (const struct text *t);

/* Empties it; the second one gives the memory back, too.  */
void text_clear (struct text *t);
void text_free (struct text *t);

/* Returns true if A is B; if it is the beginning of B.  */
bool text_is (const struct text *a, const struct text *b);
bool text_begins (const struct text *a, const struct text *b);

#endif /* EVA_TESTS_KIT_TEXT_H */
