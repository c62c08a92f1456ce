/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* number.h - decimal numbers in addresses and in the environment.  */

#ifndef EVA__IO_NUMBER_H
#define EVA__IO_NUMBER_H

/* Returns the number from 0 to MAX that TEXT is, digits and nothing else, or -1: no signs, no
   blanks, nothing in a locale.  */
static inline int
eva__io_number_parse (const char *text, int max) {
  long long number = 0;

  do {
    if (*text < '0' || *text > '9') return -1;
    number = number * 10 + (*text - '0');
    if (number > max) return -1;
  } while (*++text);
  return (int) number;
}

#endif /* EVA__IO_NUMBER_H */
