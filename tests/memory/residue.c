/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* residue.c - looking for a secret in the memory of this process.  See residue.h.  */

#include "residue.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PIECE_LEN 8

/* Mappings above that are shadows of sanitizers.  */
#define MAP_MAX ((uintptr_t) 64 << 20)

/* Bit I of the element C is set if octet I of the secret is C.  */
static uint64_t places[256];

/* Octet I of the secret, which is computed, so that it never stands anywhere as a whole.  No piece
   of it stands there twice.  */
static unsigned char
octet (size_t i) {
  unsigned char c = (unsigned char) ('0' + (i * 37 + i / 7 * 11 + 5) % 64);

  return c == '\\' ? '_' : c;
}

void
secret_make (char buf[SECRET_LEN + 1]) {
  for (size_t i = 0; i < SECRET_LEN; i++)
    buf[i] = (char) octet (i);
  buf[SECRET_LEN] = 0;
}

void
secret_forget (void *buf, size_t len) {
  explicit_bzero (buf, len);
}

static void
find_places (void) {
  memset (places, 0, sizeof places);
  for (size_t i = 0; i < SECRET_LEN; i++)
    places[octet (i)] |= (uint64_t) 1 << i;
}

/* Returns true if a piece of the secret stands at P.  */
__attribute__ ((no_sanitize ("address"))) static bool
is_piece (const unsigned char *p) {
  uint64_t at = places[*p];

  for (size_t i = 1; at && i < PIECE_LEN; i++)
    at &= places[p[i]] >> i;
  return at;
}

/* Looks from START to END, in the mapping NAME.  */
__attribute__ ((no_sanitize ("address"))) static size_t
search (const unsigned char *start, const unsigned char *end, const char *name) {
  size_t n_found = 0;

  for (const unsigned char *p = start; p + PIECE_LEN <= end; p++)
    if (is_piece (p)) {
      printf ("# a piece of the secret is at %p in %s\n", (const void *) p, name);
      n_found++;
      p += SECRET_LEN;
    }
  return n_found;
}

size_t
secret_search (void) {
  FILE *maps = fopen ("/proc/self/maps", "re");
  size_t n_found = 0;
  char line[600];

  find_places ();
  while (maps && fgets (line, sizeof line, maps)) {
    char mode[5], name[200] = "";
    uintptr_t start, end;
    if (sscanf (line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %199s", &start, &end, mode, name)
        < 3)
      continue;
    if (mode[0] != 'r' || mode[1] != 'w' || end - start > MAP_MAX) continue;
    n_found += search ((const unsigned char *) start, (const unsigned char *) end, name);
  }
  if (maps) fclose (maps);
  return n_found;
}
