/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* handlers.c - commands of the servers on a library.  See handlers.h.  */

#include "handlers.h"

#include "serving.h"

#include <stdio.h>

gpg_error_t
handle_mix (assuan_context_t ctx) {
  gpg_error_t err = 0;

  for (int i = 0; i < N_MIX_STATUS && !err; i++)
    err = assuan_write_status (ctx, MIX_STATUS_KEYWORD, MIX_STATUS_TEXT);
  if (!err) err = assuan_send_data (ctx, serving_mix_data (), MIX_DATA_LEN);
  return err;
}

gpg_error_t
handle_heap (assuan_context_t ctx) {
  char text[32];
  int len = snprintf (text, sizeof text, "%zu", serving_heap_len ());

  return assuan_send_data (ctx, text, (size_t) len);
}
