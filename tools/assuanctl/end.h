/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* end.h - one end of what `relay` passes on: descriptors, and the dialogue that goes over them.  */

#ifndef ASSUANCTL_END_H
#define ASSUANCTL_END_H

#include "stream.h"

#include <eva-conn.h>
#include <eva-loop.h>
#include <stdbool.h>

/* What eva_conn_take_fd gives for descriptors that came and were not taken.  */
#define END_REFUSED_FD (-1)

/* The most descriptors that wait for their line: those of one message, and END_REFUSED_FD.  */
#define END_MAX_FDS (STREAM_MAX_FDS + 1)

/* While so much waits to be sent, nothing more is read for it.  */
#define END_HIGH_WATER ((size_t) 64 << 10)

struct end {
  int in_fd, out_fd; /* the same for a socket; -1: none */
  bool takes_fds;    /* descriptors that come are received, not refused */
  bool is_eof;       /* nothing more comes */
  bool is_dead;      /* nothing more can be sent: it is dropped */
  bool is_shut;      /* nothing more is to be sent */
  eva_conn *conn;
  eva_source *in, *out; /* of a socket IN for both ways */
  void (*ready) (void *arg, unsigned int revents);
  void *arg;
};

/* Makes E of ROLE; end_open gives it descriptors, which are E's then.  Returns false without
   memory.  */
bool end_init (struct end *e, enum eva_role role, void (*ready) (void *arg, unsigned int revents),
               void *arg);
void end_open (struct end *e, int in_fd, int out_fd);
void end_deinit (struct end *e);

/* Reads once, if E has room.  The end of the octets, of whatever kind, is fed as the end of
   file.  */
void end_read (struct end *e);

/* Sends what waits, as far as E takes it.  */
void end_flush (struct end *e);

/* Tells the other side that nothing more comes, when all was sent.  */
void end_shut (struct end *e);

/* Has E's ready called when it can be read, if WANTS_INPUT, takes what waits, or hangs up.  Returns
   false if the loop cannot do that.  */
bool end_watch (struct end *e, bool wants_input);

/* Returns true if E has so much to send that nothing more should be said.  */
bool end_is_full (const struct end *e);

#endif /* ASSUANCTL_END_H */
