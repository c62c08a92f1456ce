/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inquire.h - asking the client for data.  */

#ifndef EVA__ASSUAN_INQUIRE_H
#define EVA__ASSUAN_INQUIRE_H

#include "assuan/context.h"
#include "assuan/membuf.h"

/* assuan_inquire_ext's continuation, and the data so far.  */
struct eva__inquiry {
  gpg_error_t (*cb) (void *cb_data, gpg_error_t rc, unsigned char *buf, size_t buf_len);
  void *cb_data;
  struct eva__membuf data;
};

/* Runs the continuation of an open inquiry with RC and, if RC is 0, its data; once.  Returns what
   it returned, or 0 if none was open.  */
gpg_error_t eva__ctx_end_inquiry (assuan_context_t ctx, gpg_error_t rc);

/* Adds the data of EV, an event of the answer, to MB.  Returns as eva__membuf_add.  */
gpg_error_t eva__ctx_add_answer (assuan_context_t ctx, struct eva__membuf *mb,
                                 const struct eva_event *ev);

/* Sends an inquiry, for at most MAXLEN octets (0: the limit of the connection, if there is
   one).  */
gpg_error_t eva__ctx_inquire (assuan_context_t ctx, const char *keyword, size_t maxlen);

/* Gives up the answer to CTX's inquiry: what is still to come of it is skipped, and says nothing
   about a later inquiry.  Does nothing after the end of the answer.  */
void eva__ctx_give_up_answer (assuan_context_t ctx);

/* The error that an event of the answer stands for; 0 for data and END.  */
gpg_error_t eva__ctx_answer_error (assuan_context_t ctx, const struct eva_event *ev);

#endif /* EVA__ASSUAN_INQUIRE_H */
