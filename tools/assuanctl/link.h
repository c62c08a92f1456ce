/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* link.h - a client of `relay` and its connection to the server: both are followed, line by line,
   and lines pass as they are.

   Only whole lines pass, each in a state of the dialogue in which it may be said, and one request
   at a time.  The link itself answers what may not pass.  Nothing more is read from one end while
   the other has much to take.  */

#ifndef ASSUANCTL_LINK_H
#define ASSUANCTL_LINK_H

#include "filter.h"

#include <gpg-error.h>
#include <stdbool.h>
#include <stddef.h>

struct link;

struct link_config {
  const struct filter *filter;
  int in_fd, out_fd; /* of the client; the same for a socket; the link's */
  bool passes_fds;   /* descriptors pass, both ways */
  unsigned long number;

  /* A request was refused.  */
  void (*refused) (void *arg, const char *request, gpg_error_t err);

  /* A line of LEN octets passes; NULL: none is shown.  */
  void (*line) (void *arg, bool is_from_server, const char *line, size_t len);

  /* It is over, out of the loop; the caller frees the link within.  REASON is one word.  */
  void (*over) (void *arg, const char *reason);
  void *arg;
};

/* Makes a link whose server is still to come: the client waits for the greeting.  Returns NULL with
   errno; the descriptors are the caller's then.  */
struct link *link_new (const struct link_config *config);
void link_free (struct link *link);

/* The server is connected by FD, which is the link's then.  */
void link_connect (struct link *link, int fd);

/* There is no server: the client is told ERR, and the link ends.  */
void link_refuse (struct link *link, gpg_err_code_t code);

/* The link ends as soon as no request is under way.  */
void link_drain (struct link *link);

#endif /* ASSUANCTL_LINK_H */
