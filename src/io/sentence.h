/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sentence.h - text for people that grows.  Zero-initialized it is empty.  */

#ifndef EVA__IO_SENTENCE_H
#define EVA__IO_SENTENCE_H

#include <stdbool.h>
#include <stddef.h>

struct eva__io_sentence {
  char *text; /* of malloc, with a NUL; or NULL */
  size_t len;
  bool failed; /* there was no memory for a part */
};

/* Adds what FORMAT makes.  */
void eva__io_sentence_add (struct eva__io_sentence *s, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* Adds TEXT, which came from outside: `?` for control characters.  */
void eva__io_sentence_quote (struct eva__io_sentence *s, const char *text);

/* Adds the system's text for ERROR, an errno value.  */
void eva__io_sentence_add_error (struct eva__io_sentence *s, int error);

/* Returns the whole, which is the caller's to free; NULL if a part is missing.  */
char *eva__io_sentence_end (struct eva__io_sentence *s);

#endif /* EVA__IO_SENTENCE_H */
