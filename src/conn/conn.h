/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conn.h - what the rooms above use of an eva_conn besides eva-conn.h.

   Everything that a turn asks is one expression here, inline: a turn asks often.  The members of an
   eva_conn are this room's; the rooms above use these functions.  */

#ifndef EVA__CONN_CONN_H
#define EVA__CONN_CONN_H

#include "conn/state.h"

/* A flag of a configuration that eva__conn_init_shared takes: where the data of a reply, or of an
   inquiry that has eva__conn_want_raw, come faster than a buffer holds, the eva_conn asks for one
   of EVA__BULK_SIZE octets, and goes on without if there is none.  A read into it brings four times
   as much, for one system call; and the 63 lines of data that it holds are less than a turn
   handles.  When no more such data are awaited, what is left moves to an ordinary buffer.  */
#define EVA__CONN_BULK 0x80000000u
#define EVA__BULK_SIZE 63488

/* As eva_conn_new, in memory of the caller's, with a CONFIG that is not copied and stays as long as
   the eva_conn.  ARG replaces its arg.  */
void eva__conn_init_shared (eva_conn *c, const struct eva_conn_config *config, void *arg);

/* Gives back all that C has, but not its own memory, which is wiped.  */
void eva__conn_deinit (eva_conn *c);

/* Gives C, which that function made, the configuration CONFIG instead, under the same
   terms.  */
void eva__conn_set_config (eva_conn *c, const struct eva_conn_config *config);

/* Fills the zeros of CONFIG with the defaults.  */
void eva__conn_complete_config (struct eva_conn_config *config);

/* Moves what C keeps in its buffer FROM, input or output, to TO, which is as large, and wipes FROM.
   It is TO that C gives back later.  */
void eva__conn_move (eva_conn *c, char *from, char *to);

/* Ends the loan of the line that was handed out last, and wipes it.  */
void eva__conn_end_loan (eva_conn *c);

/* Returns true if eva_conn_next would leave the next line where it is, even if it is whole.  */
bool eva__conn_holds_line (eva_conn *c);

/* Lets the data of the inquiry that C, a server, has just said come as they stand on their lines,
   so that the owner can unescape them to where it collects them.  Some come unescaped nevertheless:
   near the limit of the inquiry, at the end of a buffer, and where the eva_conn is STRICT.  */
void eva__conn_want_raw (eva_conn *c);

/* Unescapes the data of the last event, EV, to DST, which has room for EVA__CONN_RAW_ROOM octets
   more than EV has; behind the result as many may be anything.  Returns the length of the
   result.  Only if eva__conn_gave_raw.  */
#define EVA__CONN_RAW_ROOM 128
size_t eva__conn_unescape (eva_conn *c, const struct eva_event *ev, char *dst);

/* Returns true if the last event was DATA that the owner has to unescape.  */
static inline bool
eva__conn_gave_raw (const eva_conn *c) {
  return c->gave_raw;
}

/* Returns true while C asks for a buffer of EVA_INPUT_SIZE octets in exchange for one of
   EVA__BULK_SIZE, which it gives back at once.  */
static inline bool
eva__conn_shrinks (const eva_conn *c) {
  return c->shrinks;
}

/* Makes what is queued from now on confidential, or not.  A line that holds any of it is
   confidential, the open data line too.  */
void eva__conn_set_confidential (eva_conn *c, bool is_confidential);

/* Returns how many descriptors came and were not taken.  */
static inline size_t
eva__conn_count_fds (const eva_conn *c) {
  return eva__conn_fds_count (&c->in_fds);
}

/* Returns how many more descriptors may come before some are taken.  */
static inline size_t
eva__conn_fd_room (const eva_conn *c) {
  size_t max = c->owner.config->max_fds, n = eva__conn_count_fds (c);

  return n < max ? max - n : 0;
}

/* As eva_conn_get_state, eva_conn_output_len, eva_conn_input_len, eva_conn_at_eof.  */
static inline enum eva_conn_state
eva__conn_get_state (const eva_conn *c) {
  return c->state;
}

static inline size_t
eva__conn_output_len (const eva_conn *c) {
  return c->out.len + c->out.open_len;
}

static inline size_t
eva__conn_input_len (const eva_conn *c) {
  size_t lent_len = c->lent ? c->in.scan + 1 - c->in.head : 0;

  return eva__wire_lines_waiting (&c->in) - lent_len;
}

/* As eva_conn_wants_input; a connection at rest has no buffer, and wants input.  */
static inline bool
eva__conn_wants_input (const eva_conn *c) {
  if (c->in.base) return eva_conn_wants_input (c);
  return c->state != EVA_STATE_CLOSED && !c->eof;
}

static inline bool
eva__conn_at_eof (const eva_conn *c) {
  return c->eof;
}

/* Returns true if nothing came that eva_conn_next could hand out.  */
static inline bool
eva__conn_has_nothing (const eva_conn *c) {
  return !c->in.base && (!c->eof || c->eof_told);
}

/* Returns true if whole lines wait to be sent.  */
static inline bool
eva__conn_has_lines_out (const eva_conn *c) {
  return c->out.len > 0;
}

/* As eva_conn_output where all that may leave is one piece without descriptors; else NULL.  */
static inline const char *
eva__conn_output_piece (const eva_conn *c, size_t *ret_len) {
  return c->out_fds.list ? NULL : eva__conn_queue_piece (&c->out, ret_len);
}

/* Returns true if the line that eva_conn_inspect showed last is confidential.  */
static inline bool
eva__conn_shows_confidential (const eva_conn *c) {
  return c->out.shown_secret;
}

/* Returns true if C drops the rest of a line that was too long.  */
static inline bool
eva__conn_is_skipping (const eva_conn *c) {
  return c->in.skipping;
}

/* Returns true if C is between two lines, both ways, and its peer has not left.  */
static inline bool
eva__conn_is_at_rest (const eva_conn *c) {
  return c->state == EVA_STATE_IDLE && !c->in.base && !c->out.head && !c->eof && !c->in.skipping;
}

/* Returns true if C is a server whose command has no OK or ERR yet.  */
static inline bool
eva__conn_in_command (const eva_conn *c) {
  if (c->state == EVA_STATE_COMMAND) return true;
  return (c->state == EVA_STATE_INQUIRY || c->state == EVA_STATE_OVERFLOW) && !c->is_aside;
}

/* Returns true if C is a server whose client owes it the END or CAN of an answer that was given
   up.  */
static inline bool
eva__conn_is_owed (const eva_conn *c) {
  return c->n_owed > 0;
}

/* Returns true if the peer has to say something before it may leave: a client the answers to
   inquiries, a server its greeting and the reply to every command; also where this end has given
   them up.  */
static inline bool
eva__conn_peer_owes (const eva_conn *c) {
  switch (c->state) {
  case EVA_STATE_IDLE:
  case EVA_STATE_COMMAND:
  case EVA_STATE_CLOSED:
    return eva__conn_is_owed (c);
  default:
    return true;
  }
}

#endif /* EVA__CONN_CONN_H */
