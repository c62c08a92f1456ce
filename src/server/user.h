/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* user.h - the users who may come in, and what the connections of each cost together.  */

#ifndef EVA__SERVER_USER_H
#define EVA__SERVER_USER_H

#include "assuan/drive.h"
#include "server/limits.h"

#include <sys/types.h>

/* A user that has connections.  */
struct eva__user {
  struct eva__user *next;
  uid_t uid;
  unsigned int n_connections;
  struct eva__account account;
};

/* Zero-initialized it has no users and no limits, and lets the server's own user and root in.  */
struct eva__users {
  struct eva__user *first;
  uid_t *allowed;
  size_t n_allowed;
  const struct eva__limits *limits;
  uid_t euid; /* the server's own user, as eva__server_find_limits saw it last */
};

/* Returns true for the server's own user and root.  */
static inline bool
eva__users_is_own (const struct eva__users *users, uid_t uid) {
  return uid != EVA_ANY_UID && (uid == 0 || uid == users->euid);
}

/* Lets UID in, too.  Returns 0, or -1 with errno ENOMEM.  */
int eva__users_allow (struct eva__users *users, uid_t uid);

/* Returns true if UID may come in; EVA_ANY_UID stands for a user that the kernel does not tell.
   IS_OWN says what eva__users_is_own says.  */
bool eva__users_may_enter (const struct eva__users *users, uid_t uid, bool is_own);

/* Returns true if users other than the server's own and root may come in.  */
bool eva__users_are_many (const struct eva__users *users);

/* Sets LIMITS, which are kept, in each user's account; call it again when they changed.  */
void eva__users_set_limits (struct eva__users *users, const struct eva__limits *limits);

/* Returns how many connections UID has.  */
unsigned int eva__users_count (const struct eva__users *users, uid_t uid);

/* Counts a connection of UID and returns the user; NULL if there is no memory.  PARENT is for the
   account of a new one.  */
struct eva__user *eva__users_enter (struct eva__users *users, uid_t uid,
                                    struct eva__account *parent);

/* Counts one connection of USER less, and forgets a user without any.  */
void eva__users_leave (struct eva__users *users, struct eva__user *user);

/* Frees what is kept; there are no connections any more.  */
void eva__users_clear (struct eva__users *users);

#endif /* EVA__SERVER_USER_H */
