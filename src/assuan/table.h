/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* table.h - the commands of a server, its notifications, and the monitors of its lines.  */

#ifndef EVA__ASSUAN_TABLE_H
#define EVA__ASSUAN_TABLE_H

#include "assuan.h"

#include "assuan/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct eva_command;
struct eva_parameter;

/* A command that a server knows.  The strings are the program's and live as long as the context.
   Each context of a program with a loop of its own has a table of them, so this is small.  */
struct eva__command {
  const char *name;
  const char *help;         /* or NULL */
  assuan_handler_t handler; /* NULL: the built-in one, which finishes the command by returning, also
                               in an event loop */
};

/* What a service of eva.h says of a command besides.  */
struct eva__command_more {
  const struct eva_command
      *described; /* its entry in the service's table, with parameters; or NULL */
  bool is_secret; /* neither log nor monitor see more than the keywords of its lines */
};

/* The commands that are built in.  Every server has the first ones, in the order in which HELP
   shows them; the others a program has to register.  */
enum eva__builtin {
  EVA__BUILTIN_NOP,
  EVA__BUILTIN_CANCEL,
  EVA__BUILTIN_OPTION,
  EVA__BUILTIN_BYE,
  EVA__BUILTIN_AUTH,
  EVA__BUILTIN_RESET,
  EVA__BUILTIN_END,
  EVA__BUILTIN_HELP,
  EVA__BUILTIN_INPUT,
  EVA__BUILTIN_OUTPUT
};
#define EVA__N_STANDARD 8
#define EVA__N_BUILTIN  10

extern const struct eva__command eva__builtins[EVA__N_BUILTIN];

/* The notifications of the program.  Those that every command asks for come first.  */
struct eva__notify {
  gpg_error_t (*pre_cmd) (assuan_context_t, const char *);
  void (*post_cmd) (assuan_context_t, gpg_error_t);

  /* Of a service of eva.h alone.  */
  gpg_error_t (*before) (assuan_context_t, const char *);
  void (*after) (assuan_context_t, const char *, gpg_error_t);

  assuan_handler_t bye;
  assuan_handler_t reset;
  assuan_handler_t cancel;
  assuan_handler_t input;
  assuan_handler_t output;
  gpg_error_t (*option) (assuan_context_t, const char *, const char *);
};

/* The commands of a server, its notifications, and the monitors of its lines; of one context, or
   shared by all connections of a service.  What every command looks at stands together: with a
   table for each of many contexts, the cache of data is short, too.  */
struct eva__table {
  const char *hello;                   /* the greeting, or NULL for the usual one */
  char *own_hello;                     /* one that goes first, a copy, or NULL */
  bool hello_secret;                   /* own_hello is confidential */
  const struct eva_parameter *options; /* what OPTION may set; NULL: anything */
  size_t n_options;
  struct eva__command *commands;
  struct eva__command_more *more; /* of commands_size, or NULL: there is no more to say of any */
  uint32_t n_commands;
  uint32_t commands_size;
  uint64_t beginnings; /* of all names, the built-in ones included: a bit for some of them each */
  uint32_t n_before;   /* of commands: how many were there before the built-in ones */
  uint8_t standard;    /* the built-in commands that are not among commands: a bit for each */
  bool has_standard;   /* the built-in commands were registered */
  bool has_commands;   /* the program registered some, besides those that every server has */
  bool has_secrets;    /* some of them are secret */
  struct eva__watch watch;
  struct eva__notify notify;
};

/* Makes sure that what is registered concerns CTX alone: the table of a service is for all of its
   connections.  Returns an error if CTX is NULL.  */
gpg_error_t eva__ctx_own_commands (assuan_context_t ctx);

/* Finds a command: its very name first, then without regard to ASCII case.  Valid until the next
   registration.  */
const struct eva__command *eva__ctx_find_command (assuan_context_t ctx, const char *name);

/* Makes the built-in commands that every server has known, but those that the program registered
   before.  */
void eva__ctx_add_standard (assuan_context_t ctx);

/* Stores at RET_PLACE where to write the command NAME: the entry that it replaces, or a new
   one.  */
gpg_error_t eva__ctx_place_command (assuan_context_t ctx, const char *name,
                                    struct eva__command **ret_place);

/* Notes MORE of the command that was registered as NAME.  */
gpg_error_t eva__ctx_describe_command (assuan_context_t ctx, const char *name,
                                       const struct eva__command_more *more);

/* Returns what there is to say of COMMAND, which eva__ctx_find_command found, besides.  */
const struct eva__command_more *eva__table_more (const struct eva__table *table,
                                                 const struct eva__command *command);

/* Returns true if COMMAND is one of TABLE's own entries, and not one of eva__builtins.  */
static inline bool
eva__table_has (const struct eva__table *table, const struct eva__command *command) {
  uintptr_t first = (uintptr_t) table->commands, at = (uintptr_t) command;

  return at - first < table->n_commands * sizeof *command;
}

#endif /* EVA__ASSUAN_TABLE_H */
