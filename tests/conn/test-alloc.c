/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-alloc.c - memory that is short: each conversation again with its 1st, 2nd, ... allocation
   failing.  Failing once, it is a clean error or goes unnoticed, and the call made again goes on as
   if nothing had been; failing forever, all that was taken is given back.  Small buffers do where
   there are no large ones.  */

#include "conversation.h"

/* Conversations with more input are not played octet by octet so many times: a buffer comes
   and goes with each octet that is skipped.  */
#define MANY_OCTETS 500

static void
test_shortage (const struct conversation *talk, struct way way) {
  struct played all = play (talk, &way);

  assert_true (all.n_allocs);
  if (way.cut == CUT_OCTETS && all.n_octets > MANY_OCTETS) return;
  for (way.short_at = 1; way.short_at <= all.n_allocs; way.short_at++) {
    way.shortage = SHORT_ONCE;
    assert_false (play (talk, &way).gave_up);
    way.shortage = SHORT_FOREVER;
    assert_true (play (talk, &way).gave_up);
  }
}

static void
test_only_small (const struct conversation *talk, struct way way) {
  way.shortage = SHORT_ABOVE;
  way.short_at = EVA_SMALL_SIZE;
  assert_false (play (talk, &way).gave_up);
}

static void
test_conversation (void **state) {
  static const enum cut cuts[] = { CUT_NONE, CUT_OCTETS, CUT_RANDOM };

  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
    struct way way = { .cut = cuts[i], .seed = 1 };
    test_shortage (*state, way);
    test_only_small (*state, way);
  }
}

int
main (void) {
  return run_conversations ("alloc", -1, test_conversation);
}
