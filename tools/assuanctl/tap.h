/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tap.h - two ends of a dialogue, between which all octets and descriptors are passed on as they
   are, and a look at every line.

   Nothing is parsed in between, so nothing can be changed: both ends get the same octets as without
   the tap.  While one end does not read what waits for it, the tap does not read from the other.
   Octets are wiped when they are passed on.  */

#ifndef ASSUANCTL_TAP_H
#define ASSUANCTL_TAP_H

#include <eva-loop.h>
#include <stdbool.h>
#include <stddef.h>

/* The descriptors of an end; both may be the same socket.  */
struct tap_end {
  int in_fd, out_fd;
};

struct tap_config {
  struct tap_end client, server; /* the caller's, which closes them after tap_free */

  /* A line went by, without its LF.  IS_CUT: it is longer than lines may be, and LINE is its
     beginning.  LINE is wiped afterwards.  */
  void (*line) (void *arg, bool is_from_server, const char *line, size_t len, bool is_cut);

  /* All lines that came at once were shown; they are passed on after this.  */
  void (*lines_end) (void *arg);

  /* The dialogue is over; REASON is one word.  tap_free may be called from here.  */
  void (*over) (void *arg, const char *reason);
  void *arg;
};

struct tap;

/* Starts passing on.  Returns NULL with errno if the descriptors cannot be watched.  */
struct tap *tap_new (eva_loop *loop, const struct tap_config *config);
void tap_free (struct tap *tap);

#endif /* ASSUANCTL_TAP_H */
