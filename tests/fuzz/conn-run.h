/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conn-run.h - one run of an eva_conn under the eyes of a fuzz target.

   A run is the owner of the eva_conn: it gives memory, feeds input, sends output, takes and
   gives descriptors, and checks at every step what an owner may rely on.  What is visible from
   outside goes to a log, so that two runs over the same script can be compared.  */

#ifndef EVA_TESTS_FUZZ_CONN_RUN_H
#define EVA_TESTS_FUZZ_CONN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eva-conn.h"

/* Octets that grow.  Zero-initialized it is empty.  */
struct octets {
  char *data;
  size_t len;
  size_t size;
};

void octets_add (struct octets *o, const void *data, size_t len);
void octets_free (struct octets *o);

/* What both runs over one input have in common.  See conn-script.c for where it comes from.  */
struct script {
  enum eva_role role;
  unsigned int conn_flags;
  size_t max_output_len;
  size_t max_fds;
  size_t max_input_len;
  bool fails;    /* every now and then the allocator gives nothing */
  bool inspects; /* each line is looked at before it leaves, and some are discarded */
  bool has_fds;  /* each & of the input brings a descriptor along */
  uint64_t seed;
  const uint8_t *actions;
  size_t actions_len;
  const uint8_t *input;
  size_t input_len;
};

struct run {
  const struct script *script;
  bool in_pieces; /* feed piece by piece, else as much as is possible */
  eva_conn *conn;
  uint64_t seed;
  size_t next_action;

  /* Memory.  */
  size_t n_live;
  uint64_t n_allocs;

  /* Input.  */
  size_t n_fed;
  size_t n_pieces;
  bool eof_fed;
  bool eof_told;
  size_t consumed_end; /* where the last line that was handed out ends in the input */
  size_t n_fds_in;     /* fed, or tried to: descriptor N comes with the Nth & */
  size_t next_fd_at;   /* where to look for the next & that the eva_conn may give out */
  size_t n_fds_taken;
  size_t n_fds_held; /* fed and not yet taken */
  bool has_given_up; /* server: an answer, in a command or before one */
  size_t inquiry_max;
  size_t inquiry_len;

  /* Output.  */
  bool was_closed; /* eva_conn_close was called */
  struct octets log;
  struct octets sent;   /* what left */
  struct octets shown;  /* what was inspected and not discarded, with line ends */
  struct octets data;   /* what was handed to eva_conn_data and taken */
  struct octets fds_at; /* for each descriptor handed in, a size_t: where its octet is in sent */
  size_t n_fds_queued;  /* descriptors handed in: 1, 2, ... */
  size_t n_fds_left;    /* of them, those that left or came back */
};

void run_init (struct run *r, const struct script *script, bool in_pieces);

/* Checks that all was used up and nothing is owned any more, and releases the eva_conn.  */
void run_deinit (struct run *r);

/* Releases the eva_conn as it is.  */
void run_abandon (struct run *r);

/* Writes something to the log.  */
void run_log (struct run *r, const char *what, long value);
void run_log_octets (struct run *r, const char *what, const void *data, size_t len);

/* Feeds a piece, or if the run is not in pieces, as much as goes, and at last the end of file.
   Returns false if nothing more can be fed now.  */
bool run_feed (struct run *r);

/* To be called whenever a call may have used up a line: RC is its result, and EVENT what it
   gave, or NULL.  Takes the descriptors that came with the line, and checks that they are the
   right ones.  */
void run_consumed (struct run *r, int rc, const struct eva_event *event);

/* Returns true if the next line of the input is too long.  */
bool run_is_long (const struct run *r);

/* As eva_conn_next, and checks that a server that is busy keeps its requests waiting.  */
int run_next (struct run *r, struct eva_event *event);

/* Checks that EVENT, which came just now, is one that the role can have, and says what the next
   line of the input says. In conn-event.c, as the next one.  */
void run_check_event (struct run *r, const struct eva_event *event);

/* Returns true if EVENT tells of a line that stays where it is, and is run next: a request that
   comes in place of an answer to an inquiry of no command.  */
bool run_is_kept (const struct eva_event *event);

/* Checks that LINE is the next line of the input.  */
void run_check_line (struct run *r, const char *line, size_t len);

/* Queues a descriptor, and returns the result.  */
int run_send_fd (struct run *r);

/* Looks at the lines that were queued since the last time, if the script wants that, and discards
   those that begin with "# drop".  */
void run_inspect (struct run *r);

/* Sends PART 16ths of what is lent in up to N_IOV pieces.  */
void run_send (struct run *r, size_t n_iov, size_t part);

/* Sends all there is.  */
void run_send_all (struct run *r);

#endif /* EVA_TESTS_FUZZ_CONN_RUN_H */
