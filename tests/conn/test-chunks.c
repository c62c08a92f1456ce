/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-chunks.c - how octets come in pieces never matters: each conversation again octet by octet,
   cut in two at every octet, and cut anyhow, with its output leaving in such pieces too.  */

#include "conversation.h"

#include <stdlib.h>

#define N_RANDOM 300

/* Where an emulator runs the tests, for which EVA_TEST_EMULATED stands, one of so many is tried: all
   would take an hour there.  */
#define EMULATED_STEP 16

static size_t step = 1;

/* Any number; the seeds are those that follow.  One that fails is in the message.  */
#define FIRST_SEED 20260101u

static void
test_octets (const struct conversation *talk) {
  const struct way way = { .cut = CUT_OCTETS };

  play (talk, &way);
}

static void
test_two (const struct conversation *talk) {
  struct way way = { .cut = CUT_NONE };
  size_t n_octets = play (talk, &way).n_octets;

  way.cut = CUT_TWO;
  for (way.cut_at = 1; way.cut_at < n_octets; way.cut_at += step)
    play (talk, &way);
}

static void
test_random (const struct conversation *talk) {
  struct way way = { .cut = CUT_RANDOM };

  for (size_t i = 0; i < N_RANDOM; i += step) {
    way.seed = FIRST_SEED + i;
    play (talk, &way);
  }
}

static void
test_conversation (void **state) {
  test_octets (*state);
  test_two (*state);
  test_random (*state);
}

int
main (void) {
  if (getenv ("EVA_TEST_EMULATED")) step = EMULATED_STEP;
  return run_conversations ("chunks", -1, test_conversation);
}
