/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-interleavings.c - every interleaving of a client and a server.

   A walk begins with a new connection and makes every move that the rules allow, from every world
   that it comes to, until there are no new ones: whatever the two programs may say, in whatever
   order, and however the octets are cut.  It goes breadth first, so that the moves that are shown
   for a fault are as few as can be.  What was there is known by a hash of 128 bits.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

const struct rules *rules;

/* --- How a world was come to ------------------------------------------------------------------ */

struct step {
  uint32_t from;
  int32_t move;
};

static struct step *steps;
static size_t n_steps, steps_size;
static uint32_t here; /* the world that moves are made from */
static int making;    /* the move that is being made, or -1 */

static void
show_move (int move) {
  char buf[TEXT_MAX];

  print_error ("  %s\n", move_name (move, buf));
}

static void
show_way (uint32_t to) {
  if (!to) return;
  show_way (steps[to].from);
  show_move (steps[to].move);
}

void
walk_fail (const char *file, int line, const char *what) {
  print_error ("%s: %s\nbehind these moves:\n", rules->name, what);
  show_way (here);
  if (making >= 0) show_move (making);
  _fail (file, line);
  abort ();
}

static void *
grow (void *array, size_t *size, size_t n, size_t item_len) {
  if (n < *size) return array;
  *size = *size ? 2 * *size : 1 << 16;
  array = realloc (array, *size * item_len);
  assert_non_null (array);
  return array;
}

/* --- What was there --------------------------------------------------------------------------- */

struct hash {
  uint64_t a, b;
};

static struct hash *table;
static size_t table_size, n_known;

static uint64_t
mix (uint64_t h, uint64_t word, uint64_t factor) {
  h = (h ^ word) * factor;
  return h ^ h >> 29;
}

static struct hash
hash_world (void) {
  struct hash h = { 0x243f6a8885a308d3u, 0x13198a2e03707344u };
  uint8_t buf[WORLD_MAX + 8];
  size_t len = world_describe (buf);

  memset (buf + len, 0, 8);
  for (size_t i = 0; i < len; i += 8) {
    uint64_t word;
    memcpy (&word, buf + i, 8);
    h.a = mix (h.a, word, 0x9e3779b97f4a7c15u);
    h.b = mix (h.b, word, 0xc2b2ae3d27d4eb4fu);
  }
  h.a = mix (h.a, h.b ^ len, 0x9e3779b97f4a7c15u);
  h.b = mix (h.b, h.a, 0xc2b2ae3d27d4eb4fu) | 1; /* not the mark of an empty place */
  return h;
}

static void
put_hash (struct hash h) {
  size_t at = (size_t) h.a & (table_size - 1);

  while (table[at].b)
    at = (at + 1) & (table_size - 1);
  table[at] = h;
}

static void
grow_table (void) {
  struct hash *old = table;
  size_t old_size = table_size;

  table_size = old_size ? 2 * old_size : 1 << 16;
  table = calloc (table_size, sizeof *table);
  assert_non_null (table);
  for (size_t i = 0; i < old_size; i++)
    if (old[i].b) put_hash (old[i]);
  free (old);
}

/* Returns true if H was not known, and notes it.  */
static bool
is_new (struct hash h) {
  size_t at;

  if (4 * n_known >= 3 * table_size) grow_table ();
  for (at = (size_t) h.a & (table_size - 1); table[at].b; at = (at + 1) & (table_size - 1))
    if (table[at].a == h.a && table[at].b == h.b) return false;
  table[at] = h;
  n_known++;
  return true;
}

/* --- The walk --------------------------------------------------------------------------------- */

/* Worlds whose moves have not been made.  */
struct copy {
  uint8_t *octets;
  size_t len;
};

static struct copy *copies;
static size_t copies_size;
static size_t n_moves_made;

/* W is a world behind MOVE from here.  */
static void
arrive (int move) {
  world_check ();
  if (!is_new (hash_world ())) return;
  steps = grow (steps, &steps_size, n_steps, sizeof *steps);
  copies = grow (copies, &copies_size, n_steps, sizeof *copies);
  steps[n_steps] = (struct step) { .from = here, .move = move };
  copies[n_steps].len = world_save (&copies[n_steps].octets);
  n_steps++;
}

static void
make_all_moves (const struct copy *copy) {
  bool is_there = false;

  for (making = 0; making < n_moves; making++) {
    if (!is_there) world_restore (copy->octets, copy->len);
    if (move_make (making)) {
      n_moves_made++;
      arrive (making);
    }
    is_there = !move_touched;
  }
  making = -1;
  for (int is_client = 0; is_client < 2; is_client++) {
    world_restore (copy->octets, copy->len);
    move_leave (is_client);
  }
}

static void
forget (void) {
  free (steps);
  free (copies);
  free (table);
  steps = NULL;
  copies = NULL;
  table = NULL;
  steps_size = copies_size = table_size = 0;
  n_steps = n_known = n_moves_made = 0;
}

static void
walk (const struct rules *the_rules) {
  rules = the_rules;
  here = 0;
  making = -1;
  forget ();
  world_init ();
  arrive (-1);
  for (; here < n_steps; here++) {
    struct copy copy = copies[here];
    make_all_moves (&copy);
    free (copy.octets);
  }
  print_message ("# %s: %zu worlds, %zu moves\n", rules->name, n_steps, n_moves_made);
  forget ();
}

/* --- What is walked --------------------------------------------------------------------------- */

#define WORDS(a, b) (1u << WORD_##a | 1u << WORD_##b)
#define ALL_WORDS   (WORDS (NOP, ASK) | WORDS (CANDY, END))
#define TALK(kind)  (1u << (kind))

/* Each is walked to its end.  What has no part in the dialogue is left out in most, as it would be
   everywhere between the rest.  */
static const struct rules all_rules[] = {
  { .name = "two requests, two inquiries, three lines a queue",
    .n_requests = 2,
    .n_inquiries = 2,
    .n_lines = 3,
    .words = ALL_WORDS,
    .has_limit = true,
    .is_cut = true },
  { .name = "the same, and room for more than one buffer",
    .n_requests = 2,
    .n_inquiries = 2,
    .n_lines = 3,
    .words = ALL_WORDS,
    .has_limit = true,
    .is_cut = true,
    .max_input_len = 2 * EVA_INPUT_SIZE },
  { .name = "lines that are too long",
    .n_requests = 2,
    .n_inquiries = 1,
    .n_lines = 3,
    .words = ALL_WORDS,
    .has_limit = true,
    .is_cut = true,
    .has_long = true },
  { .name = "lines that are too long in one of two answers",
    .n_requests = 2,
    .n_inquiries = 2,
    .n_lines = 3,
    .words = ALL_WORDS,
    .has_limit = true,
    .has_long = true },
  { .name = "lines that are no answer",
    .n_requests = 2,
    .n_inquiries = 2,
    .n_lines = 3,
    .words = WORDS (NOP, ASK),
    .has_limit = true,
    .is_cut = true,
    .has_long = true,
    .has_stray = true },
  { .name = "requests that begin like the end of an answer",
    .n_requests = 2,
    .n_inquiries = 1,
    .n_lines = 3,
    .words = WORDS (CANCELS, ENDING) | WORDS (CANDY, ASK),
    .is_cut = true },
  { .name = "comments",
    .n_requests = 2,
    .n_inquiries = 1,
    .n_lines = 3,
    .words = WORDS (NOP, ASK),
    .talk = TALK (COMMENT) },
  { .name = "empty lines and status lines",
    .n_requests = 2,
    .n_inquiries = 1,
    .n_lines = 3,
    .words = WORDS (NOP, ASK),
    .talk = TALK (EMPTY) | TALK (STATUS) },
  { .name = "data",
    .n_requests = 2,
    .n_inquiries = 1,
    .n_lines = 3,
    .words = WORDS (NOP, ASK),
    .talk = TALK (DATA) | TALK (END) },
  { .name = "all that may be said, two lines a queue",
    .n_requests = 2,
    .n_inquiries = 1,
    .n_lines = 2,
    .words = WORDS (NOP, ASK),
    .talk = TALK (EMPTY) | TALK (COMMENT) | TALK (STATUS) | TALK (DATA) | TALK (END) },
  { .name = "monitors that discard comments, two lines a queue",
    .n_requests = 1,
    .n_lines = 2,
    .words = WORDS (NOP, END),
    .is_cut = true,
    .talk = TALK (COMMENT),
    .has_monitors = true },
  { .name = "descriptors",
    .n_requests = 2,
    .n_inquiries = 1,
    .n_lines = 3,
    .words = ALL_WORDS,
    .is_cut = true,
    .n_fds = 2 },
  { .name = "inquiries outside of commands",
    .n_requests = 2,
    .n_inquiries = 2,
    .n_lines = 3,
    .words = WORDS (NOP, ASK),
    .is_cut = true,
    .is_aside = true },
};

static void
test_walk (void **state) {
  walk (*state);
}

int
main (void) {
  enum { N_WALKS = sizeof all_rules / sizeof *all_rules };
  struct CMUnitTest tests[N_WALKS];

  for (size_t i = 0; i < N_WALKS; i++)
    tests[i] = (struct CMUnitTest) { .name = all_rules[i].name,
                                     .test_func = test_walk,
                                     .initial_state = (void *) (uintptr_t) &all_rules[i] };
  return cmocka_run_group_tests_name ("interleavings", tests, NULL, NULL);
}
