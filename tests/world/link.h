/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* link.h - a connection between two of the world, and whether something was done to it: if not, it
   does not end, and each of its calls is answered in full.  */

#ifndef EVA_TESTS_WORLD_LINK_H
#define EVA_TESTS_WORLD_LINK_H

#include <stdbool.h>

#include "assuan.h"

struct link {
  struct link *next;
  unsigned int number;
  const char *hurt; /* by what; NULL: by nothing */
  bool is_strange;
  bool is_cut;      /* who feeds its pumps may leave early, which looks like the end */
  bool was_by_hand; /* where some commands cannot be carried out */

  /* Its ends as far as they are there: NULL before, and behind it.  */
  assuan_context_t client, server;
};

struct link *link_new (void);

/* The one of that number, or NULL.  */
struct link *link_find (unsigned int number);

/* LINK may end, or its commands may fail, because of WHY, a literal.  NULL: it is unknown which
   link it is, so it is all of them.  */
void link_hurt (struct link *link, const char *why);

/* The same for the link that FD is an end of; -1, or an end that is not known yet: all.  */
void link_hurt_fd (int fd);

/* One end of LINK, which may be NULL, keeps to no rule; then whatever it says is allowed.  */
void link_make_strange (struct link *link);
bool link_is_strange (const struct link *link);

void link_clear (void);

#endif /* EVA_TESTS_WORLD_LINK_H */
