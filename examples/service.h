/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* service.h - what the example servers offer to their clients, whatever loop they live in.

   service.c has the table, and the commands that answer at once.  Each of the others shows in a
   file of its own one way not to wait: a timer in count.c, a long answer in list.c, an inquiry and
   a long computation in digest.c, bulk data in bulk.c.  */

#ifndef EXAMPLES_SERVICE_H
#define EXAMPLES_SERVICE_H

/* Whose errors the client gets to see: gpg_error puts it into every code.  */
#define GPG_ERR_SOURCE_DEFAULT GPG_ERR_SOURCE_USER_1

#include <eva.h>

/* How long a server that has to end lets its commands work on, in milliseconds.  */
#define SERVICE_DRAIN_MS 5000u

/* The service.  */
extern const struct eva_service service;

/* Prepares what the commands need.  Once, before the first thread.  Returns 0, or -1 after a
   message.  */
int service_init (void);

/* Reads the only argument of a command, a number.  */
gpg_error_t service_parse_number (assuan_context_t ctx, const char *line, uint64_t *ret_number);

/* The commands that have files of their own.  */
gpg_error_t cmd_count (assuan_context_t ctx, char *line);
gpg_error_t cmd_list (assuan_context_t ctx, char *line);
gpg_error_t cmd_digest (assuan_context_t ctx, char *line);
gpg_error_t cmd_copy (assuan_context_t ctx, char *line);
gpg_error_t cmd_get (assuan_context_t ctx, char *line);
gpg_error_t cmd_put (assuan_context_t ctx, char *line);

#endif /* EXAMPLES_SERVICE_H */
