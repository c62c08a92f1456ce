/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-conn-client.c - a client's dialogue with whatever peer.  Input: a script, see
   conn-script.c.  */

#include "check.h"
#include "conn-script.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len) {
  script_play (EVA_ROLE_CLIENT, data, len);
  return 0;
}
