/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* queue.c - octets on their way out.  See queue.h.  */

#include "conn/queue.h"

#include "wire/seldom.h"
#include "wire/wipe.h"

#include <string.h>

/* Takes the first chunk off the list when all of it was sent.  */
static void
drop_head (struct eva__conn_queue *q, const struct eva__conn_owner *owner) {
  struct eva__conn_chunk *chunk = q->head;
  size_t size = chunk->size;

  if (EVA__SELDOM (q->shown_chunk == chunk)) {
    q->shown_chunk = NULL;
    q->shown_len = 0;
  }
  q->head = chunk->next;
  if (EVA__MOSTLY (!q->head)) q->tail = NULL;
  /* The octets were wiped as they were sent or removed; only the header is left.  */
  eva__wire_wipe (chunk, sizeof *chunk);
  owner->config->release (owner->arg, chunk, size);
}

/* Gives back chunks at the head that have nothing left.  The last one goes only if no data
   line is open in it.  */
static void
drop_empty (struct eva__conn_queue *q, const struct eva__conn_owner *owner) {
  while (q->head && q->head->start == q->head->end && (q->head->next || !q->open_len))
    drop_head (q, owner);
}

/* Adds a chunk to the list.  Most replies fit in a small one; a longer reply gets large ones, if
   there is memory.  */
static struct eva__conn_chunk *
add_chunk (struct eva__conn_queue *q, const struct eva__conn_owner *owner) {
  size_t size = q->tail ? EVA_OUTPUT_SIZE : EVA_SMALL_SIZE;
  struct eva__conn_chunk *chunk = eva__conn_alloc (owner, size);

  if (EVA__SELDOM (!chunk && size > EVA_SMALL_SIZE))
    chunk = eva__conn_alloc (owner, size = EVA_SMALL_SIZE);
  if (EVA__SELDOM (!chunk)) return NULL;
  *chunk = (struct eva__conn_chunk) { .size = size };
  if (EVA__SELDOM (q->tail))
    q->tail->next = chunk;
  else
    q->head = chunk;
  q->tail = chunk;
  return chunk;
}

int
eva__conn_queue_reserve (struct eva__conn_queue *q, const struct eva__conn_owner *owner, size_t n,
                         char **ret_dst) {
  struct eva__conn_chunk *chunk = q->tail;

  if (q->len + q->open_len + n > owner->config->max_output_len) return EVA_E_LIMIT;
  if (EVA__MOSTLY (!chunk) || chunk->end + q->open_len + n > eva__conn_chunk_room (chunk)) {
    chunk = add_chunk (q, owner);
    if (!chunk) return EVA_E_NOMEM;
  }
  *ret_dst = chunk->data + chunk->end + q->open_len;
  return 0;
}

/* Marks as confidential the line that is being put together behind the last whole one of CHUNK, and
   has LEN octets by now.  A chunk has one range of such lines: those between two of them count as
   confidential, too.  */
static __attribute__ ((noinline)) void
mark_line (struct eva__conn_chunk *chunk, size_t len) {
  if (chunk->secret_from == chunk->secret_to) chunk->secret_from = (uint32_t) chunk->end;
  chunk->secret_to = (uint32_t) (chunk->end + len);
}

/* The LF may take the last octet of the room that was reserved, never one more.  */
void
eva__conn_queue_commit (struct eva__conn_queue *q, size_t len) {
  struct eva__conn_chunk *chunk = q->tail;

  if (EVA__SELDOM (q->is_secret || chunk->secret_to > chunk->end)) mark_line (chunk, len + 1);
  chunk->data[chunk->end + len] = '\n';
  chunk->end += len + 1;
  q->len += len + 1;
}

void
eva__conn_queue_grow_line (struct eva__conn_queue *q, size_t len) {
  q->open_len = (uint32_t) len;
  if (q->is_secret) mark_line (q->tail, len);
}

void
eva__conn_queue_close_line (struct eva__conn_queue *q) {
  size_t len = q->open_len;

  if (EVA__MOSTLY (!len)) return;
  q->open_len = 0;
  eva__conn_queue_commit (q, len);
}

/* Chunks in the middle of the list may be empty, if a monitor discarded all of their lines: this
   skips them, and they are given back when they come to the head.  */
size_t
eva__conn_queue_lend (const struct eva__conn_queue *q, uint64_t limit, struct iovec *iov,
                      size_t n) {
  uint64_t at = 0;
  size_t used = 0;

  for (struct eva__conn_chunk *chunk = q->head; chunk && used < n && at < limit;
       chunk = chunk->next) {
    size_t len = chunk->end - chunk->start;
    if (!len) continue;
    if (len > limit - at) len = (size_t) (limit - at);
    iov[used++] = (struct iovec) { .iov_base = chunk->data + chunk->start, .iov_len = len };
    at += len;
  }
  return used;
}

/* N octets were sent.  */
static __attribute__ ((noinline)) void
retire_some (struct eva__conn_queue *q, const struct eva__conn_owner *owner, size_t n) {
  q->len -= n;
  while (n) {
    struct eva__conn_chunk *chunk = q->head;
    size_t part = chunk->end - chunk->start;
    if (part > n) part = n;
    q->is_cut = chunk->data[chunk->start + part - 1] != '\n';
    eva__wire_wipe (chunk->data + chunk->start, part);
    chunk->start += part;
    n -= part;
    if (!n) break;
    drop_empty (q, owner);
  }
  drop_empty (q, owner);
}

/* Wipes what was sent at once, before its chunk goes back: a peer that reads slowly must not decide
   how long a passphrase stays in memory.  */
size_t
eva__conn_queue_retire (struct eva__conn_queue *q, const struct eva__conn_owner *owner, size_t n) {
  size_t len = q->len;

  if (EVA__SELDOM (n < len || !len || q->head->next || q->open_len)) {
    if (n > len) n = len;
    retire_some (q, owner, n);
    return n;
  }
  eva__wire_wipe (q->head->data + q->head->start, len);
  q->len = 0;
  q->is_cut = false;
  drop_head (q, owner);
  return len;
}

/* Returns true if the line that was shown last is confidential.  */
static bool
is_shown_secret (const struct eva__conn_queue *q) {
  const struct eva__conn_chunk *chunk = q->shown_chunk;

  return chunk->secret_from < q->shown && q->shown - q->shown_len < chunk->secret_to;
}

/* Returns the offset of the first whole line of CHUNK that is not before AT.  The rest of a line
   whose first octets were sent is no line: it cannot be shown any more, nor taken back.  */
static size_t
find_line (const struct eva__conn_queue *q, const struct eva__conn_chunk *chunk, size_t at) {
  const char *start = chunk->data + chunk->start;

  if (at > chunk->start) return at;
  if (chunk != q->head || !q->is_cut) return chunk->start;
  return chunk->start
         + (size_t) ((const char *) memchr (start, '\n', chunk->end - chunk->start) - start) + 1;
}

/* The cursor is a chunk and an offset, not a position in the stream: a log that looks at every
   line must not walk the list for each.  */
int
eva__conn_queue_show (struct eva__conn_queue *q, const char **ret_line, size_t *ret_len) {
  struct eva__conn_chunk *chunk = q->shown_chunk ? q->shown_chunk : q->head;
  size_t at = q->shown_chunk ? q->shown : 0;
  const char *lf;

  while (chunk && (at = find_line (q, chunk, at)) == chunk->end) {
    chunk = chunk->next;
    at = 0;
  }
  if (!chunk) return 0;
  lf = memchr (chunk->data + at, '\n', chunk->end - at);
  *ret_line = chunk->data + at;
  *ret_len = (size_t) (lf - *ret_line);
  q->shown_chunk = chunk;
  q->shown = (uint32_t) (at + *ret_len + 1);
  q->shown_len = (uint32_t) *ret_len + 1;
  q->shown_secret = is_shown_secret (q);
  return 1;
}

/* Returns how many octets are in front of offset AT in CHUNK.  */
static size_t
position (const struct eva__conn_queue *q, const struct eva__conn_chunk *chunk, size_t at) {
  size_t pos = 0;

  for (const struct eva__conn_chunk *i = q->head; i != chunk; i = i->next)
    pos += i->end - i->start;
  return pos + (at - chunk->start);
}

/* Returns where offset AT is after the LEN octets in front of END are removed.  */
static uint32_t
move_up (uint32_t at, uint32_t end, uint32_t len) {
  if (at >= end) return at - len;
  return at > end - len ? end - len : at;
}

/* Moves up the octets behind the line.  That costs little: the line that was shown last is nearly
   always the last one that was queued.  */
size_t
eva__conn_queue_discard (struct eva__conn_queue *q, const struct eva__conn_owner *owner,
                         size_t *ret_behind) {
  struct eva__conn_chunk *chunk = q->shown_chunk;
  size_t len = q->shown_len;
  size_t used;

  if (!chunk || !len || q->shown < chunk->start + len) return 0;
  *ret_behind = position (q, chunk, q->shown);
  used = chunk->end + (chunk == q->tail ? q->open_len : 0);
  memmove (chunk->data + q->shown - len, chunk->data + q->shown, used - q->shown);
  eva__wire_wipe (chunk->data + used - len, len);
  chunk->end -= len;
  chunk->secret_from = move_up (chunk->secret_from, q->shown, q->shown_len);
  chunk->secret_to = move_up (chunk->secret_to, q->shown, q->shown_len);
  q->len -= len;
  q->shown -= q->shown_len;
  q->shown_len = 0;
  drop_empty (q, owner);
  return len;
}

void
eva__conn_queue_move (struct eva__conn_queue *q, void *from, void *to) {
  struct eva__conn_chunk **link = &q->head, *chunk = from;
  size_t used_len;

  while (*link && *link != chunk)
    link = &(*link)->next;
  if (!*link) return;
  used_len = sizeof *chunk + chunk->end + (chunk == q->tail ? q->open_len : 0);
  memcpy (to, from, used_len);
  eva__wire_wipe (from, used_len);
  *link = to;
  if (q->tail == chunk) q->tail = to;
  if (q->shown_chunk == chunk) q->shown_chunk = to;
}

void
eva__conn_queue_clear (struct eva__conn_queue *q, const struct eva__conn_owner *owner) {
  while (q->head) {
    struct eva__conn_chunk *chunk = q->head;
    size_t used = chunk->end + (chunk->next ? 0 : q->open_len);
    eva__wire_wipe (chunk->data + chunk->start, used - chunk->start);
    drop_head (q, owner);
  }
  *q = (struct eva__conn_queue) { .is_secret = q->is_secret };
}
