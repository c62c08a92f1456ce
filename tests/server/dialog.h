/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dialog.h - what the tests share whose callbacks run the loop again, as modal dialogs do, on loops
   that allow that.  */

#ifndef EVA_TESTS_SERVER_DIALOG_H
#define EVA_TESTS_SERVER_DIALOG_H

#include "suite.h"

/* What the dialog does while it is open, with the connection whose callback it is in.  */
extern void (*dialog_what) (assuan_context_t ctx);

/* The client that asked for it.  */
extern struct peer *dialog_asker;

/* How often it was opened and closed.  */
extern unsigned int dialog_n_open, dialog_n_closed;

/* A new client, who comes in by the loop.  */
struct peer *dialog_connect (void);

/* From now on the dialog does WHAT, and the command RUN runs RUN; there is a new client.  */
void dialog_begin (void (*what) (assuan_context_t ctx),
                   gpg_error_t (*run) (assuan_context_t ctx, char *line));

/* Has a dialog.  */
void dialog_run (assuan_context_t ctx);

/* What RUN can be: a dialog; or one in a command that wants to know when it is cancelled.  */
gpg_error_t dialog_open (assuan_context_t ctx, char *line);
gpg_error_t dialog_open_job (assuan_context_t ctx, char *line);

/* The client says TEXT, which opens a dialog; until that is closed.  */
void dialog_ask (const char *text);

/* Turns for a while.  The loop has nothing to do.  */
void dialog_expect_rest (void);

/* A dialog: the client says `ECHO a` and `ECHO b`, which has to wait.  */
void dialog_say_next (assuan_context_t ctx);

#endif /* EVA_TESTS_SERVER_DIALOG_H */
