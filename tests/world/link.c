/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* link.c - a connection between two of the world.  */

#include "link.h"

#include "eva.h"
#include "ledger.h"

static struct link *links;
static unsigned int n_links;

struct link *
link_new (void) {
  struct link *link = ledger_alloc (sizeof *link);

  link->number = ++n_links;
  link->next = links;
  links = link;
  return link;
}

struct link *
link_find (unsigned int number) {
  struct link *link = links;

  while (link && link->number != number)
    link = link->next;
  return link;
}

void
link_hurt (struct link *link, const char *why) {
  if (link && !link->hurt) tell ("  link %u is hurt: %s", link->number, why);
  if (link && !link->hurt) link->hurt = why;
  if (link) return;
  for (link = links; link; link = link->next)
    link_hurt (link, why);
}

static bool
has_fd (assuan_context_t ctx, int fd) {
  return ctx && (eva_get_fd (ctx, EVA_READABLE) == fd || eva_get_fd (ctx, EVA_WRITABLE) == fd);
}

void
link_hurt_fd (int fd) {
  for (struct link *link = links; fd >= 0 && link; link = link->next)
    if (has_fd (link->client, fd) || has_fd (link->server, fd)) {
      link_hurt (link, "broken");
      return;
    }
  link_hurt (NULL, fd < 0 ? "shortage" : "broken, whatever it was");
}

void
link_make_strange (struct link *link) {
  link->is_strange = true;
  link_hurt (link, "stranger");
}

bool
link_is_strange (const struct link *link) {
  return link && link->is_strange;
}

void
link_clear (void) {
  links = NULL;
  n_links = 0;
}
