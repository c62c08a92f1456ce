/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-server.c - the conversations of a server, as they stand in the tables.  */

#include "conversation.h"

static void
test_conversation (void **state) {
  const struct way way = { .cut = CUT_NONE };

  play (*state, &way);
}

int
main (void) {
  return run_conversations ("server", EVA_ROLE_SERVER, test_conversation);
}
