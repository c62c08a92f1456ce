/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* commands.h - what the host offers besides the service of the examples: commands that tests need,
   and figures of what goes on inside.

     ASK [MAX]           INQUIRE DATA, at most MAX octets; they are the answer
     TAKE                INQUIRE DATA, of any length; `S TAKEN n`
     BULK [N]            N octets of zeros; without N there is no end of them
     WAIT [MS]           an open command, for MS milliseconds; without MS it never ends
     LIMIT NAME=VALUE    a limit of this connection, the others of which are the defaults; see words.h
     LIMITS NAME=VALUE   one of the server, or of connections that come from now on
     STATS               lines `name value`, of struct eva_stats and struct host_figures  */

#ifndef EVA_TESTS_HOST_COMMANDS_H
#define EVA_TESTS_HOST_COMMANDS_H

#include "service.h"

struct host_figures {
  uint64_t n_opened;       /* connections that the service saw come */
  uint64_t n_closed;       /* and go */
  uint64_t n_waits;        /* WAIT commands that are open */
  size_t heap_len;         /* octets that are allocated */
  size_t most_heap_len;    /* the most that was seen at one time */
  uint64_t n_heap_samples; /* how often that was looked at */
};
extern struct host_figures host_figures;

/* NULL until it is there.  */
extern eva_server *host_server;
extern struct eva_server_limits host_limits;

/* Looks how much is allocated now.  */
void host_sample_heap (void);

gpg_error_t cmd_ask (assuan_context_t ctx, char *line);
gpg_error_t cmd_take (assuan_context_t ctx, char *line);
gpg_error_t cmd_bulk (assuan_context_t ctx, char *line);
gpg_error_t cmd_wait (assuan_context_t ctx, char *line);
gpg_error_t cmd_limit (assuan_context_t ctx, char *line);
gpg_error_t cmd_limits (assuan_context_t ctx, char *line);
gpg_error_t cmd_stats (assuan_context_t ctx, char *line);

#endif /* EVA_TESTS_HOST_COMMANDS_H */
