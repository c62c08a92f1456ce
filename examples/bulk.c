/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bulk.c - COPY, GET and PUT: bulk data between descriptors and the connection, by eva_pump.

   A client passes the descriptors beforehand, with INPUT and OUTPUT.  A pump waits for the slower
   side and buffers next to nothing, however much goes through it.  */

#include <stdio.h>

#include "service.h"

/* They belong to the context, which would otherwise close the same numbers later.  */
static void
close_both (assuan_context_t ctx) {
  assuan_close_input_fd (ctx);
  assuan_close_output_fd (ctx);
}

/* The pump has ended.  It closes its descriptors before the client hears of that, because another
   process may wait for the end of file.  If the command was cancelled, the reply has no reader.  */
static void
pumped (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n_pumped) {
  (void) arg;
  (void) n_pumped;
  close_both (ctx);
  assuan_process_done (ctx, err);
}

static void
copied (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n_pumped) {
  char text[32];

  (void) arg;
  close_both (ctx);
  snprintf (text, sizeof text, "%llu", (unsigned long long) n_pumped);
  assuan_write_status (ctx, "COPIED", text);
  assuan_process_done (ctx, err);
}

static gpg_error_t
start (assuan_context_t ctx, const struct eva_pump_config *config) {
  gpg_error_t err = eva_pump (ctx, config);

  if (err) close_both (ctx);
  return err;
}

gpg_error_t
cmd_copy (assuan_context_t ctx, char *line) {
  struct eva_pump_config config = {
    .from_fd = assuan_get_input_fd (ctx),
    .to_fd = assuan_get_output_fd (ctx),
    .done = copied,
  };

  (void) line;
  /* eva_pump would refuse them, too, but without telling which one is missing.  */
  if (config.from_fd < 0) return gpg_error (GPG_ERR_ASS_NO_INPUT);
  if (config.to_fd < 0) return gpg_error (GPG_ERR_ASS_NO_OUTPUT);
  return start (ctx, &config);
}

gpg_error_t
cmd_get (assuan_context_t ctx, char *line) {
  struct eva_pump_config config = {
    .from_fd = assuan_get_input_fd (ctx),
    .to_fd = EVA_PUMP_CONNECTION,
    .progress_what = "GET",
    .done = pumped,
  };

  (void) line;
  if (config.from_fd < 0) return gpg_error (GPG_ERR_ASS_NO_INPUT);
  return start (ctx, &config);
}

gpg_error_t
cmd_put (assuan_context_t ctx, char *line) {
  struct eva_pump_config config = {
    .from_fd = EVA_PUMP_CONNECTION,
    .to_fd = assuan_get_output_fd (ctx),
    .inquiry = "DATA",
    .progress_what = "PUT",
    .done = pumped,
  };

  (void) line;
  if (config.to_fd < 0) return gpg_error (GPG_ERR_ASS_NO_OUTPUT);
  return start (ctx, &config);
}
