/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* exchange.h - one line of a shell and its reply, which is printed as it comes.  */

#ifndef ASSUANCTL_EXCHANGE_H
#define ASSUANCTL_EXCHANGE_H

#include "connection.h"
#include "inquiry.h"
#include "output.h"

#include <stdbool.h>
#include <stdio.h>

/* How replies are shown, and inquiries answered.  */
struct exchange {
  struct connection connection;
  struct output output; /* of --json */
  bool decodes;         /* data are decoded */
  bool is_hex;          /* or shown in hex */
  FILE *data_file;      /* for decoded data, or NULL */
  bool is_interactive;  /* inquiries that nothing answers are asked for */

  /* Returns the rule for the inquiry TEXT, valid until the reply is over, or NULL.  */
  const struct inquiry_rule *(*find_rule) (const char *text);
  /* Shows a line above one that is being edited, if there is one; NULL: prints to stdout.  */
  void (*interject) (const char *line, size_t len);

  /* Of the line under way.  */
  bool is_pending;
  bool has_open_line; /* decoded data, not ended */
  bool is_done;
  gpg_error_t err;
  enum status status;
  struct inquiry_client client;
  struct eva_pending_call *call;
};

/* Connects E.  */
enum status exchange_open (struct exchange *e, struct address *address, unsigned int flags);
void exchange_close (struct exchange *e);

/* Shows the lines of the wire to E again, after another monitor had them.  */
void exchange_watch (struct exchange *e);

/* Sends LINE and prints the reply.  What is empty or a comment has none.  The descriptor FD goes
   along unless it is -1.  Returns STATUS_ERR for an ERR, which is at e->err, and the rest as
   call.  */
enum status exchange_line (struct exchange *e, const char *line, int fd);

#endif /* ASSUANCTL_EXCHANGE_H */
