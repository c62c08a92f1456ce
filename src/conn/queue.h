/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* queue.h - octets on their way out.

   Lines are put together where they will be sent from: a list of chunks, none of which splits a
   line.  Behind the last whole line an open data line may stand, which is not lent before it ends.
   Octets that were sent are wiped.  */

#ifndef EVA__CONN_QUEUE_H
#define EVA__CONN_QUEUE_H

#include "conn/owner.h"
#include "wire/escape.h"

#include <stdbool.h>

/* EVA_SMALL_SIZE or EVA_OUTPUT_SIZE octets with this header.  */
struct eva__conn_chunk {
  struct eva__conn_chunk *next;
  size_t size;  /* with this header */
  size_t start; /* first octet not yet sent */
  size_t end;   /* behind the last whole line */

  /* The lines that begin or end between these offsets are confidential; none if they are equal.  */
  uint32_t secret_from, secret_to;
  char data[];
};

/* Octets of data that CHUNK may have.  Behind them there is room for what an escape writes too
   much.  */
static inline size_t
eva__conn_chunk_room (const struct eva__conn_chunk *chunk) {
  return chunk->size - sizeof *chunk - EVA__WIRE_SLACK;
}

/* Zero-initialized it is empty and owns nothing.  */
struct eva__conn_queue {
  struct eva__conn_chunk *head;
  struct eva__conn_chunk *tail;
  size_t len; /* octets of whole lines that wait */

  /* The cursor of eva_conn_inspect: lines before it were shown.  chunk NULL: at head's start.  */
  struct eva__conn_chunk *shown_chunk;
  uint32_t shown;
  uint32_t shown_len; /* of the line shown last with its LF; 0 if it was discarded or sent */
  bool shown_secret;  /* it is confidential */

  bool is_secret;    /* what is queued now is confidential */
  bool is_cut;       /* the first octets of the line at head's start were sent */
  uint32_t open_len; /* octets of the open data line, behind tail->end; 0 if none is open */
};

/* Returns the octets of whole lines that Q has if they are in one piece, as nearly always, and
   stores how many they are at RET_LEN; or NULL.  */
static inline const char *
eva__conn_queue_piece (const struct eva__conn_queue *q, size_t *ret_len) {
  if (!q->len || q->head->next) return NULL;
  *ret_len = q->len;
  return q->head->data + q->head->start;
}

/* Makes sure that N octets (at most EVA_LINE_SIZE) fit behind the last line and the open data
   line, and stores the place at RET_DST.  Returns 0, EVA_E_LIMIT if more than OWNER's
   max_output_len would wait, or EVA_E_NOMEM.  */
int eva__conn_queue_reserve (struct eva__conn_queue *q, const struct eva__conn_owner *owner,
                             size_t n, char **ret_dst);

/* Makes the LEN octets written where eva__conn_queue_reserve said, and their LF, a line.  */
void eva__conn_queue_commit (struct eva__conn_queue *q, size_t len);

/* Notes that the open data line has grown to LEN octets.  */
void eva__conn_queue_grow_line (struct eva__conn_queue *q, size_t len);

/* Ends the open data line, if there is one.  */
void eva__conn_queue_close_line (struct eva__conn_queue *q);

/* Lends whole lines, as eva_conn_output, at most LIMIT octets.  */
size_t eva__conn_queue_lend (const struct eva__conn_queue *q, uint64_t limit, struct iovec *iov,
                             size_t n);

/* Wipes and retires the first N octets, or all if there are fewer.  Returns how many.  */
size_t eva__conn_queue_retire (struct eva__conn_queue *q, const struct eva__conn_owner *owner,
                               size_t n);

/* As eva_conn_inspect.  */
int eva__conn_queue_show (struct eva__conn_queue *q, const char **ret_line, size_t *ret_len);

/* As eva_conn_discard.  Returns the octets that were removed, and stores at RET_BEHIND how many
   were in front of the octet behind them.  */
size_t eva__conn_queue_discard (struct eva__conn_queue *q, const struct eva__conn_owner *owner,
                                size_t *ret_behind);

/* Moves the chunk at FROM to TO, which is as large, and wipes FROM.  */
void eva__conn_queue_move (struct eva__conn_queue *q, void *from, void *to);

/* Wipes and releases everything.  */
void eva__conn_queue_clear (struct eva__conn_queue *q, const struct eva__conn_owner *owner);

#endif /* EVA__CONN_QUEUE_H */
