/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hand.h - contexts that are driven by hand: one turn of a program's own loop, with poll, and a
   clock that the test may set.  */

#ifndef EVA_TESTS_CLIENT_HAND_H
#define EVA_TESTS_CLIENT_HAND_H

#include "kit.h"

struct hand {
  assuan_context_t ctx; /* NULL: none, or over */
  gpg_error_t err;      /* what eva_process told */
  unsigned int n_calls; /* of eva_process */
  bool is_thrifty;      /* an end of a pipe that nothing is wanted of is not watched */
};

/* Drives H from now on, whenever the test turns (kit_also_turn).  There is room for some.  */
void hand_drive (struct hand *h, assuan_context_t ctx);
void hand_forget_all (void);

/* One turn of it alone, and so many that nothing is left to do.  */
void hand_turn (struct hand *h);
void hand_settle (struct hand *h);

/* The time of eva_process; 0: the real one.  */
extern uint64_t hand_now_ns;

/* Servers note nothing.  */
extern bool hand_is_quiet;

/* The commands of servers.  Each notes its name, and:

       ECHO text   sends TEXT as data          FAIL        fails with USER_1
       LATER       stays open                  ASK kw      inquires, and sends the answer as data
       BIG n       sends n octets              SAY n       says n status lines
       NEST        calls eva_process           WAIT        calls what waits
       RELEASE     releases its context        CLOSE       closes its connection  */
void hand_register (assuan_context_t ctx);

/* A server on one end of a pair, or of two pipes, and its peer P.  FLAGS as for
   assuan_init_socket_server.  */
assuan_context_t hand_new_server (struct peer *p, unsigned int flags);

/* A client on one end of a pair whose server, P, has greeted.  */
assuan_context_t hand_new_client (struct peer *p, unsigned int flags);

/* The same, non-blocking, and driven with H; the greeting of the server was heard.  */
assuan_context_t hand_serve (struct hand *h, struct peer *p);
assuan_context_t hand_connect (struct hand *h, struct peer *p);

/* Releases CTX, which is not driven any more, and closes P.  Nothing may be told.  */
void hand_end (assuan_context_t ctx, struct peer *p);

#endif /* EVA_TESTS_CLIENT_HAND_H */
