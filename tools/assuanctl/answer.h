/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* answer.h - the answer of a client of `serve` to an inquiry, on its way to descriptor 4 of the
   command that inquired: lines of data, and END or CAN.

   A pump moves it: memory never holds all of it, and the client waits while the command does not
   read.  */

#ifndef ASSUANCTL_ANSWER_H
#define ASSUANCTL_ANSWER_H

#include <eva.h>

struct answer;

/* Sends the inquiry TEXT to the client of CTX, and what comes to TO_FD, the writing end of a pipe,
   which stays the caller's.  Calls OVER with ARG when END or CAN was written, or the command reads
   no more; the answer is gone then.  Returns NULL, and OVER is not called, if the client cannot be
   asked.  */
struct answer *answer_begin (assuan_context_t ctx, const char *text, int to_fd,
                             void (*over) (void *arg), void *arg);

/* The command does not wait for the answer any more.  */
void answer_abandon (struct answer *answer);

#endif /* ASSUANCTL_ANSWER_H */
