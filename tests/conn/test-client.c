/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-client.c - the conversations of a client, as they stand in the tables.  */

#include "conversation.h"

static void
test_conversation (void **state) {
  const struct way way = { .cut = CUT_NONE };

  play (*state, &way);
}

int
main (void) {
  return run_conversations ("client", EVA_ROLE_CLIENT, test_conversation);
}
