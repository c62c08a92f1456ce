/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* table.h - the commands of a server, and its notifications.  */

#ifndef EVA__ASSUAN_TABLE_H
#define EVA__ASSUAN_TABLE_H

#include "assuan.h"

#include <stdbool.h>
#include <stddef.h>

struct eva_command;
struct eva_parameter;

/* A command that a server knows.  The strings are the program's and live as long as the context. */
struct eva__command {
  const char *name;
  const char *help; /* or NULL */
  assuan_handler_t handler;
  const struct eva_command
      *described;  /* its entry in the service's table, with parameters; or NULL */
  bool is_builtin; /* its handler finishes the command by returning, also in an event loop */
  bool is_secret;  /* neither log nor monitor see more than the keywords of its lines */
};

/* The notifications of the program.  */
struct eva__notify {
  gpg_error_t (*pre_cmd) (assuan_context_t, const char *);
  void (*post_cmd) (assuan_context_t, gpg_error_t);
  assuan_handler_t bye;
  assuan_handler_t reset;
  assuan_handler_t cancel;
  assuan_handler_t input;
  assuan_handler_t output;
  gpg_error_t (*option) (assuan_context_t, const char *, const char *);

  /* Of a service of eva.h alone.  */
  gpg_error_t (*before) (assuan_context_t, const char *);
  void (*after) (assuan_context_t, const char *, gpg_error_t);
};

/* The commands of a server, and its notifications; of one context, or shared by all connections of
   a service.  */
struct eva__table {
  const char *hello; /* the greeting, or NULL for the usual one */
  char *own_hello;   /* one that goes first, a copy, or NULL */
  bool hello_secret; /* own_hello is confidential */
  struct eva__command *commands;
  size_t n_commands;
  size_t commands_size;
  bool has_commands; /* the program registered some, besides those that every server has */
  bool has_secrets;  /* some of them are secret */
  const struct eva_parameter *options; /* what OPTION may set; NULL: anything */
  size_t n_options;
  struct eva__notify notify;
};

/* Makes sure that what is registered concerns CTX alone: the table of a service is for all of its
   connections.  Returns an error if CTX is NULL.  */
gpg_error_t eva__ctx_own_table (assuan_context_t ctx);

/* Finds a command: its very name first, then without regard to ASCII case.  */
struct eva__command *eva__ctx_find_command (assuan_context_t ctx, const char *name);

/* Finds the command that registering NAME replaces.  */
struct eva__command *eva__ctx_find_registered (assuan_context_t ctx, const char *name);

/* Makes room for one more command.  */
gpg_error_t eva__ctx_grow_table (assuan_context_t ctx);

#endif /* EVA__ASSUAN_TABLE_H */
