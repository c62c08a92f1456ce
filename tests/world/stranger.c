/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stranger.c - peers that keep to no rule.  See stranger.h.  */

#include "stranger.h"

#include <stdio.h>
#include <string.h>

#include "caller.h"
#include "calls.h"
#include "dice.h"
#include "server.h"
#include "session.h"
#include "supplies.h"

struct stranger {
  struct stranger *next;
  int fd; /* -1: gone */
  bool is_server;
  bool is_shut; /* says no more */
};

static struct stranger *strangers;

/* None has an answer so long that a session that waits for its room could not write it.  */
static const char *const requests[] = {
  "NOP\n",
  "STATUS 3\n",
  "DATA 1 300\n",
  "FAIL\n",
  "LATER 30\n",
  "ASK 1 20\n",
  "D abc\nEND\n",
  "END\n",
  "CAN\n",
  "D 1%\nD 2\n",
  "BYE\n",
  "RESET\n",
  "INPUT FD\n",
  "HELP NOP\n",
  "OPTION --a = b\r\n",
  " x\n",
  "NOP\nLATER 5\nNOP\nBYE\n",
  "TAKE 3\n",
  "CANCELJOB 5\n",
  "CANDY\n",
  "CANCEL\n",
  "IN 1 500\n",
  "OUT 2 600\n",
  "PIECES 3 700\n",
  "VIA\n",
  "S x\n",
  "INQUIRE a\n",
  "ECHO",
  "\n",
};

static const char *const replies[] = {
  "OK\n",
  "OK Pleased to meet you\n",
  "ERR 536871187 no\n",
  "S PROGRESS a ? 1 2\n",
  "S N 0\n",
  "D a%25\n",
  "INQUIRE KEY a b\n",
  "# comment\n",
  "END\n",
  "OK\nOK\n",
  "D x\nS y\nINQUIRE z\nOK\n",
  "ERR\n",
  "garbage\n",
  "D",
  "\n",
};

static struct stranger *
add (int fd, bool is_server) {
  struct stranger *s = ledger_alloc (sizeof *s);

  *s = (struct stranger) { .next = strangers, .fd = fd, .is_server = is_server };
  strangers = s;
  return s;
}

void
stranger_clear (void) {
  strangers = NULL;
}

static struct link *
new_link (void) {
  struct link *link = link_new ();

  link_make_strange (link);
  return link;
}

void
stranger_new_client (void) {
  enum session_kind kind = (enum session_kind) dice (N_SESSION_KINDS);
  struct server *server = server_any (false);
  struct link *link;
  int fds[2];

  if (kind == OF_SERVER && !server) return;
  link = new_link ();
  supply_socketpair (fds);
  add (fds[0], false);
  if (kind == OF_SERVER)
    server_adopt (server, fds[1], fds[1], link);
  else
    session_new (kind, fds[1], fds[1], link);
}

void
stranger_new_server (void) {
  struct link *link = new_link ();
  char address[20];
  gpg_error_t err;
  int fds[2];

  supply_socketpair (fds);
  snprintf (address, sizeof address, "fd:%d", fds[1]);
  if (!caller_connect (address, link, &err)) __real_close (fds[1]);
  add (fds[0], true);
}

/* --- What they do ----------------------------------------------------------------------------- */

static void
say (struct stranger *s, const char *octets, size_t len) {
  if (!s->is_shut) (void) !__real_send (s->fd, octets, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
say_line (struct stranger *s) {
  const char *line = s->is_server ? replies[dice (sizeof replies / sizeof *replies)]
                                  : requests[dice (sizeof requests / sizeof *requests)];

  tell ("stranger at %d says %.20s", s->fd, line);
  say (s, line, dice (5) ? strlen (line) : dice ((unsigned int) strlen (line)));
}

static void
say_much (struct stranger *s) {
  char octets[3000];
  size_t len = dice (sizeof octets);

  for (size_t i = 0; i < len; i++)
    octets[i] = dice (200) ? (char) ('a' + dice (26)) : (char) dice (256);
  tell ("stranger at %d says %zu octets", s->fd, len);
  say (s, octets, len);
}

static void
hear (struct stranger *s) {
  char buf[5000];

  (void) !__real_recv (s->fd, buf, sizeof buf, MSG_DONTWAIT);
}

static void
leave (struct stranger *s) {
  tell ("stranger at %d leaves", s->fd);
  if (s->fd >= 0) __real_close (s->fd);
  s->fd = -1;
}

static void
act (struct stranger *s) {
  switch (dice (20)) {
  case 0:
    leave (s);
    break;
  case 1:
    s->is_shut = true;
    shutdown (s->fd, SHUT_WR);
    break;
  case 2:
    say_much (s);
    break;
  case 3:
  case 4:
  case 5:
  case 6:
    hear (s);
    break;
  default:
    say_line (s);
    break;
  }
}

void
stranger_act_any (void) {
  struct stranger *found = NULL;

  for (struct stranger *s = strangers; s; s = s->next)
    if (s->fd >= 0 && (!found || dice (2))) found = s;
  if (found) act (found);
}

void
stranger_leave_all (void) {
  for (struct stranger *s = strangers; s; s = s->next)
    if (s->fd >= 0) leave (s);
}
