/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ledger.c - what was begun, and ends once.  See ledger.h.  */

#include "ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake-clock.h"
#include "memory.h"

enum end { OPEN, ENDED, TAKEN_BACK };

struct entry {
  struct entry *next;
  const char *what;
  unsigned int number;
  enum end end;
};

/* Memory that stays, with what it is behind it.  */
struct block {
  struct block *next;
  _Alignas (max_align_t) char octets[];
};

static struct entry *entries;
static struct block *blocks;
bool ledger_tells;
uint64_t ledger_world;

/* --- Telling ---------------------------------------------------------------------------------- */

static void __attribute__ ((format (printf, 1, 0)))
say (const char *format, va_list ap) {
  fprintf (stderr, "%12.3f ", (double) fake_clock_now () / 1e6);
  vfprintf (stderr, format, ap);
  fputc ('\n', stderr);
}

void
tell (const char *format, ...) {
  va_list ap;

  if (!ledger_tells) return;
  va_start (ap, format);
  say (format, ap);
  va_end (ap);
}

void
fail (const char *format, ...) {
  va_list ap;

  fprintf (stderr, "world %" PRIu64 ": ", ledger_world);
  va_start (ap, format);
  say (format, ap);
  va_end (ap);
  abort ();
}

/* --- Memory ----------------------------------------------------------------------------------- */

void *
ledger_alloc (size_t len) {
  struct block *block = __real_calloc (1, sizeof *block + len);

  if (!block) fail ("no memory for the world itself");
  block->next = blocks;
  blocks = block;
  return block->octets;
}

void
ledger_clear (void) {
  struct block *block;

  entries = NULL;
  while ((block = blocks)) {
    blocks = block->next;
    __real_free (block);
  }
}

/* --- Entries ---------------------------------------------------------------------------------- */

struct entry *
ledger_begin (const char *what, unsigned int number) {
  struct entry *entry = ledger_alloc (sizeof *entry);

  entry->what = what;
  entry->number = number;
  entry->next = entries;
  entries = entry;
  tell ("+ %s %u", what, number);
  return entry;
}

static void
finish (struct entry *entry, enum end end) {
  static const char *const ends[] = { "open", "ended", "taken back" };

  tell ("- %s %u %s", entry->what, entry->number, ends[end]);
  if (entry->end != OPEN)
    fail ("%s %u %s, but it was %s before", entry->what, entry->number, ends[end],
          ends[entry->end]);
  entry->end = end;
}

void
ledger_end (struct entry *entry) {
  finish (entry, ENDED);
}

void
ledger_take_back (struct entry *entry) {
  finish (entry, TAKEN_BACK);
}

bool
ledger_is_open (const struct entry *entry) {
  return entry && entry->end == OPEN;
}

unsigned int
ledger_count (void) {
  unsigned int n = 0;

  for (struct entry *entry = entries; entry; entry = entry->next)
    n += entry->end == OPEN;
  return n;
}

void
ledger_check (const char *when) {
  if (!ledger_count ()) return;
  for (struct entry *entry = entries; entry; entry = entry->next)
    if (entry->end == OPEN)
      fprintf (stderr, "still open %s: %s %u\n", when, entry->what, entry->number);
  fail ("what was begun has not ended %s", when);
}
