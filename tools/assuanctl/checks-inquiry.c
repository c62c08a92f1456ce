/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checks-inquiry.c - the checks that need a command which inquires, of --command.  */

#include "checking.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* A server may ask for several things.  */
#define MAX_INQUIRIES 16

#define LINE_LEN 998 /* of big data */
#define N_LINES  2100

static enum reply_kind
begin (struct checking *c, struct probe *p) {
  char *line = text_format ("%s\n", c->command);
  enum reply_kind kind;

  probe_say (p, line);
  kind = probe_reply (p, NULL);
  free (line);
  return kind;
}

/* Connects, and gives the command.  */
static enum check_result
open_inquiry (struct checking *c, struct probe *p) {
  enum check_result result = checking_open (c, p);

  if (!result && begin (c, p) != REPLY_INQUIRE)
    return checking_fail (c, "%s does not inquire: %.100s", c->command, p->line ? p->line : "");
  return result;
}

/* Answers every inquiry with the octets of ANSWER: one reply, and the connection goes on.  */
static enum check_result
answer (struct checking *c, const char *text) {
  struct probe p;
  enum check_result result = open_inquiry (c, &p);
  enum reply_kind kind = REPLY_INQUIRE;

  for (int i = 0; i < MAX_INQUIRIES && !result && kind == REPLY_INQUIRE; i++) {
    probe_say (&p, text);
    kind = probe_reply (&p, NULL);
  }
  if (!result) result = checking_want (c, &p, text, kind, '*');
  if (!result) result = checking_go_on (c, &p);
  probe_close (&p);
  return result;
}

enum check_result
check_inquire (struct checking *c) {
  return answer (c, "D conform\nEND\n");
}

enum check_result
check_inquire_can (struct checking *c) {
  return answer (c, "CAN\n");
}

enum check_result
check_inquire_cancel (struct checking *c) {
  return answer (c, "CANCEL\n");
}

enum check_result
check_escape (struct checking *c) {
  return answer (c, "D %zz %0a%0D x\nEND\n");
}

/* A server that says ERR has to swallow the rest: else each line of it gets a reply of its own.  */
enum check_result
check_inquire_big (struct checking *c) {
  size_t size = (size_t) N_LINES * (LINE_LEN + 3) + sizeof "END\n";
  char *text = text_alloc (size), *to = text;
  enum check_result result;

  for (int i = 0; i < N_LINES; i++, to += LINE_LEN + 3) {
    memcpy (to, "D ", 2);
    memset (to + 2, 'x', LINE_LEN);
    to[LINE_LEN + 2] = '\n';
  }
  memcpy (to, "END\n", sizeof "END\n");
  result = answer (c, text);
  free (text);
  return result;
}

enum check_result
check_leave (struct checking *c) {
  struct probe first, second;
  enum check_result result = open_inquiry (c, &first);

  probe_close (&first);
  if (result) return result;
  result = checking_open (c, &second);
  if (!result) result = checking_go_on (c, &second);
  probe_close (&second);
  return result;
}
