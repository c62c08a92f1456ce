/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection.h - a client's connection to a server: made in the loop of wait.h, with the messages
   for what goes wrong.  */

#ifndef ASSUANCTL_CONNECTION_H
#define ASSUANCTL_CONNECTION_H

#include "address.h"
#include "status.h"

#include <eva.h>

/* Flags of connection_open.  */
#define CONNECTION_NO_START   1u /* do not start a server that is not there */
#define CONNECTION_NO_SESSION 2u /* do not tell the agent terminal and display */
#define CONNECTION_SILENT     4u /* no message if there is no connection */
#define CONNECTION_FDS        8u /* descriptors will be passed, also to a program of `exec:` */

struct secret_watch;

struct connection {
  struct address *address; /* the caller's */
  unsigned int flags;
  struct secret_watch *watch; /* with --verbose */
  assuan_context_t ctx;
  char *greeting;  /* behind OK; NULL: nothing */
  bool is_decided; /* it greeted, or is over */
  bool is_over;
  gpg_error_t over;    /* why */
  void (*lost) (void); /* called if it ends after it was made; may be NULL */
};

/* What a server said to a command that connection_ask gave.  */
struct reply {
  gpg_error_t err;
  char *text; /* behind OK or the number of ERR, or NULL */
  char *data; /* with a NUL behind it */
  size_t len;
  char *comments; /* without their `# `, one a line, each with its LF */
};

/* Connects to ADDRESS, which is resolved, and waits for the greeting.  If no server listens under a
   name, starts the server first.  Tells the agent the session.  C is given to connection_close in
   any case.  */
enum status connection_open (struct connection *c, struct address *address, unsigned int flags);

void connection_close (struct connection *c);

/* eva_call with what stands in front of all commands to this server.  Says what is wrong with
   COMMAND:  STATUS_USAGE.  */
enum status connection_call (struct connection *c, const char *command,
                             const struct eva_callbacks *callbacks, void *arg,
                             struct eva_pending_call **ret_call);

/* Shows a line of the wire on stderr, without secrets: a monitor (assuan_io_monitor_t) whose HOOK
   is the connection, for a program that sets its own.  C has a watch only with --verbose.  */
unsigned int connection_show_line (assuan_context_t ctx, void *hook, int inout, const char *line,
                                   size_t len);

/* Says why the connection is over.  COMMAND may be NULL.  */
enum status connection_fail_over (struct connection *c, const char *command);

/* Gives COMMAND and waits for the reply, which is the caller's to deinit; inquiries are cancelled.
   Returns STATUS_OK also for an ERR, which is in RET; else what went wrong, which was told.  */
enum status connection_ask (struct connection *c, const char *command, struct reply *ret);
void reply_deinit (struct reply *reply);

#endif /* ASSUANCTL_CONNECTION_H */
