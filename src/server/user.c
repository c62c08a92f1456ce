/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* user.c - the users who may come in, and what the connections of each cost together.

   A server has few users, as a rule one, so a list is enough.  A user is forgotten with the last
   connection, so clients cannot make the list long.  */

#include "server/user.h"

#include <stdlib.h>

int
eva__users_allow (struct eva__users *users, uid_t uid) {
  uid_t *allowed = realloc (users->allowed, (users->n_allowed + 1) * sizeof *allowed);

  if (!allowed) return -1;
  users->allowed = allowed;
  allowed[users->n_allowed++] = uid;
  return 0;
}

/* The server's own user could attach a debugger to it, and root can anyway: refusing these two
   would protect nothing.  */
bool
eva__users_may_enter (const struct eva__users *users, uid_t uid, bool is_own) {
  if (is_own) return true;
  for (size_t i = 0; i < users->n_allowed; i++)
    if (users->allowed[i] == uid || users->allowed[i] == EVA_ANY_UID) return true;
  return false;
}

bool
eva__users_are_many (const struct eva__users *users) {
  for (size_t i = 0; i < users->n_allowed; i++)
    if (!eva__users_is_own (users, users->allowed[i])) return true;
  return false;
}

static void
limit (const struct eva__users *users, struct eva__user *user) {
  const struct eva__limits *l = users->limits;

  user->account.limit_len = l->all.max_held_per_uid_len;
  user->account.limit_fds = l->all.max_passed_fds_per_uid;
  user->account.max_fd =
      eva__users_is_own (users, user->uid) ? l->max_passed_fd : l->max_passed_fd_of_others;
}

void
eva__users_set_limits (struct eva__users *users, const struct eva__limits *limits) {
  users->limits = limits;
  for (struct eva__user *user = users->first; user; user = user->next)
    limit (users, user);
}

static struct eva__user *
find (const struct eva__users *users, uid_t uid) {
  struct eva__user *user = users->first;

  while (user && user->uid != uid)
    user = user->next;
  return user;
}

unsigned int
eva__users_count (const struct eva__users *users, uid_t uid) {
  const struct eva__user *user = find (users, uid);

  return user ? user->n_connections : 0;
}

struct eva__user *
eva__users_enter (struct eva__users *users, uid_t uid, struct eva__account *parent) {
  struct eva__user *user = find (users, uid);

  if (!user) {
    user = calloc (1, sizeof *user);
    if (!user) return NULL;
    user->uid = uid;
    user->account.parent = parent;
    limit (users, user);
    user->next = users->first;
    users->first = user;
  }
  user->n_connections++;
  return user;
}

void
eva__users_leave (struct eva__users *users, struct eva__user *user) {
  struct eva__user **link = &users->first;

  if (--user->n_connections) return;
  while (*link != user)
    link = &(*link)->next;
  *link = user->next;
  free (user);
}

void
eva__users_clear (struct eva__users *users) {
  free (users->allowed);
  *users = (struct eva__users) { 0 };
}
