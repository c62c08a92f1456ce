/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inquiry.h - answers to inquiries: rules `KEYWORD=SOURCE`, the first of which that matches
   answers, and the answering itself, which streams: memory never holds all of an answer.

       file:PATH             the octets of a file, `-` being stdin
       exec:PROGRAM ARG...   what a program prints, with quotes as in an address; the parameters
                             are in $ASSUAN_INQUIRY
       fd:N                  an inherited descriptor
       text:STRING           that text
       env:NAME              a variable of the environment
       ask:                  a line that is typed at /dev/tty, without echo
       cancel:               CAN  */

#ifndef ASSUANCTL_INQUIRY_H
#define ASSUANCTL_INQUIRY_H

#include "status.h"

#include <eva.h>
#include <stdbool.h>

enum inquiry_kind {
  INQUIRY_FILE,
  INQUIRY_EXEC,
  INQUIRY_FD,
  INQUIRY_TEXT,
  INQUIRY_ENV,
  INQUIRY_ASK,
  INQUIRY_CANCEL,
};

struct inquiry_rule {
  char *keyword; /* `*`: any */
  enum inquiry_kind kind;
  char *value;     /* behind the kind's colon */
  bool echoes;     /* of INQUIRY_ASK: what is typed shows */
  bool may_cancel; /* of INQUIRY_ASK: `/cancel` is CAN */
};

/* Reads TEXT, `KEYWORD=SOURCE`, into RET, to be given to inquiry_rule_deinit.  */
enum status inquiry_rule_parse (const char *text, struct inquiry_rule *ret);
void inquiry_rule_deinit (struct inquiry_rule *rule);

/* Returns the first of N RULES that is for the inquiry TEXT, keyword and parameters, or NULL.  */
const struct inquiry_rule *inquiry_find (const struct inquiry_rule *rules, size_t n,
                                         const char *text);

/* The name of the kind, as in JSON.  */
const char *inquiry_kind_name (const struct inquiry_rule *rule);

/* What answers.  */
struct inquiry_client {
  /* An answer is over: STATUS_OK, or what went wrong, which was told; then the server got CAN.  */
  void (*done) (void *arg, enum status status);
  void *arg;
  struct inquiry_answer *answer; /* that is being given, or NULL */
};

/* Answers the inquiry TEXT that PENDING is in, by RULE.  CLIENT's done may run before this
   returns.  */
void inquiry_answer (const struct inquiry_rule *rule, struct eva_pending_call *pending,
                     const char *text, struct inquiry_client *client);

/* Gives an answer up without a word, as its call has ended; done does not run.  NULL is
   allowed.  */
void inquiry_answer_free (struct inquiry_answer *answer);

#endif /* ASSUANCTL_INQUIRY_H */
