/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* player.h - one run of a conversation: the eva_conn, its owner's memory, and the two ends of the
   wire, where octets wait before they come and behind where they left.  */

#ifndef EVA_TESTS_CONN_PLAYER_H
#define EVA_TESTS_CONN_PLAYER_H

#include "conversation.h"

/* The most descriptors that a conversation feeds.  */
#define PLAYER_MAX_MARKS 64

/* A descriptor that comes along with the octet at AT of the input.  */
struct mark {
  size_t at;
  int fd;
};

struct player {
  const struct conversation *talk;
  const struct way *way;
  const struct step *step; /* under way, for messages */
  eva_conn *conn;
  uint64_t random;

  /* Memory.  */
  size_t n_allocs;
  size_t n_live;
  size_t live_len;  /* octets */
  bool just_failed; /* since player_was_short looked last */
  bool gave_up;

  /* Input: what the peer sent so far, of which n_fed octets came.  */
  char *input;
  size_t input_len;
  size_t n_fed;
  struct mark marks[PLAYER_MAX_MARKS];
  size_t n_marks;
  size_t n_marks_fed;
  bool eof;
  bool eof_fed;

  /* For the step that is next.  */
  int expected_rc;
  size_t expected_taken;
  int with_fds[PLAYER_MAX_MARKS];
  size_t n_with_fds;
};

/* Fails the test: says in which conversation, in which way and at which step.  */
_Noreturn void player_fail (const struct player *p, const char *file, int line, const char *what);
#define CHECK(p, cond) ((cond) ? (void) 0 : player_fail ((p), __FILE__, __LINE__, #cond))
#define FAIL(p, what)  player_fail ((p), __FILE__, __LINE__, (what))

/* The eva_conn may be missing behind player_init if memory stays short (gave_up).  */
void player_init (struct player *p, const struct conversation *talk, const struct way *way);
void player_deinit (struct player *p);

/* True if a call that reported a lack of memory has to be made again: an allocation failed on
   purpose.  If it will go on failing, gives up.  */
bool player_was_short (struct player *p);

/* The octets of TEXT at *RET_LEN, to be freed.  A NUL stands behind them.  */
char *player_expand (const struct text *text, size_t *ret_len);

/* Compares octets, and shows where they differ.  */
void player_compare (struct player *p, const char *got, size_t got_len,
                     const struct text *expected);

/* The peer sends.  As much as the way of cutting wants is fed at once.  */
void player_send (struct player *p, const struct text *text);

/* Feeds the next piece.  Returns false if there is none, or no room.  */
bool player_feed (struct player *p);

/* Feeds all there is room for.  */
void player_settle (struct player *p);

/* Takes LEN octets of output and compares them with the LEN octets at EXPECTED; the first of them
   has to carry the descriptors of with_fds.  */
void player_receive (struct player *p, const char *expected, size_t len);

/* Looks into the eva_conn: nothing there but what waits, and no memory but for that.  */
void player_look_inside (struct player *p);

/* Octets that calls of this size may be cut into: 1 or more.  */
size_t player_piece (struct player *p, size_t len);

#endif /* EVA_TESTS_CONN_PLAYER_H */
