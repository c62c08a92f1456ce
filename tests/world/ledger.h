/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ledger.h - what was begun in a world, and ends once: calls, commands, inquiries, pumps,
   connections, drains.  And what the world keeps to the end of the run, so that a callback that
   comes once too often still finds its argument.  */

#ifndef EVA_TESTS_WORLD_LEDGER_H
#define EVA_TESTS_WORLD_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Something that was begun.  */
struct entry;

/* Writes down that WHAT, a literal, with a number of the world's was begun.  */
struct entry *ledger_begin (const char *what, unsigned int number);

/* It ended.  A second time ends the program.  */
void ledger_end (struct entry *entry);

/* It was taken back by the program, and must not end any more.  */
void ledger_take_back (struct entry *entry);

/* NULL is not open.  */
bool ledger_is_open (const struct entry *entry);

/* How many are open; the program ends if there are any, and says which.  */
unsigned int ledger_count (void);
void ledger_check (const char *when);

/* Zeroed memory that stays until ledger_clear, and is not counted.  */
void *ledger_alloc (size_t len);

/* Forgets everything.  */
void ledger_clear (void);

/* Tells what happens, if ledger_tells; and why the program ends, and in which world.  */
extern bool ledger_tells;
extern uint64_t ledger_world;
void tell (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
void fail (const char *format, ...) __attribute__ ((format (printf, 1, 2), noreturn));

/* Not assert, which NDEBUG would switch off.  */
#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) fail ("%s:%d: not true: %s", __FILE__, __LINE__, #condition);                \
  } while (0)

#endif /* EVA_TESTS_WORLD_LEDGER_H */
