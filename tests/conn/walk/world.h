/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* world.h - a client and a server, two eva_conns that are joined, and what each of their programs
   knows.

   A world is one piece of memory, and nothing in it points out of it: so it is saved and restored
   by copying.  Beside the eva_conns stands what should be so: the lines that are under way, which
   request is pending, which inquiry is open.  It is computed from what the programs did, never from
   the eva_conns, and each line that one of these hands out is compared with it.  */

#ifndef EVA_TESTS_CONN_WALK_WORLD_H
#define EVA_TESTS_CONN_WALK_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conn/state.h"

/* Lines that a program may have under way in its direction.  An eva_conn adds its own CAN.  */
#define MAX_LINES 3

/* What a walk does, and how much of it.  */
struct rules {
  const char *name;
  unsigned int n_requests;
  unsigned int n_inquiries;
  unsigned int n_fds;   /* that the client passes */
  unsigned int n_lines; /* MAX_LINES or fewer */
  unsigned int words;   /* a bit for each of enum word that requests may begin with */
  size_t max_input_len; /* of both */
  bool has_long;        /* lines that are too long */
  bool has_stray;       /* lines that are no answer in answers, none of which is given up */
  unsigned int talk;    /* a bit for each of enum kind that may be said on top of the dialogue */
  bool has_monitors;    /* lines are looked at before they leave, and comments discarded */
  bool has_limit;       /* inquiries for at most one octet, too */
  bool is_cut;          /* lines come in any two reads; else whole */
  bool is_aside;        /* the server also inquires outside of commands */
};

enum kind { REQUEST, DATA, END, CAN, OK, ERR, STATUS, INQUIRE, COMMENT, EMPTY, STRAY };

/* The words of requests.  An inquiry can come only in those with ASK.  */
enum word { WORD_NOP, WORD_ASK, WORD_CANDY, WORD_END, WORD_CANCELS, WORD_ENDING, N_WORDS };

/* A line that was said and not handed out yet.  */
struct line {
  uint8_t kind;
  uint8_t id; /* of the request or inquiry that it belongs to; 0: the greeting, or none */
  uint8_t word;
  uint8_t fd; /* that comes along with it, or 0 */
  bool is_long;
  bool is_seen;  /* by the monitor */
  bool is_shown; /* to it, as the last one */
};

#define N_BLOCKS   7
#define BLOCK_SIZE EVA_OUTPUT_SIZE

/* One end: its eva_conn with the memory for it, and the lines that it said.  */
struct side {
  eva_conn *conn;
  _Alignas (16) unsigned char own[512];
  _Alignas (16) unsigned char blocks[N_BLOCKS][BLOCK_SIZE];
  uint16_t block_len[N_BLOCKS];
  uint16_t own_len;

  struct line lines[MAX_LINES + 4];
  uint8_t n_lines;
  uint8_t open_id; /* of a data line that has not ended; 0: there is none */
  uint8_t next_fd; /* that waits for the next line, or 0 */
};

struct pending {
  uint8_t id, word;
  bool is_given_up;
};

struct world {
  struct side client, server;

  /* What the client's program knows.  */
  bool is_greeted;
  uint8_t n_requests;
  uint8_t n_fds;
  uint8_t answering; /* the inquiry, or 0 */
  bool owes;         /* a reply came before the answer was ended */
  struct pending pending[4];
  uint8_t n_pending;

  /* What the server's program knows.  */
  bool has_greeted;
  uint8_t request, word; /* the command under way; 0: none */
  uint8_t refusing;      /* a request that was too long, and has to get an ERR; or 0 */
  uint8_t n_inquiries;
  uint8_t inquiry; /* whose answer is waited for; 0: none */
  bool is_aside;   /* it is of no command */
  bool is_over;    /* too much came of it */
  bool has_limit;
  uint8_t n_octets;
  uint8_t owed[4]; /* inquiries whose answers were given up, and have not ended */
  uint8_t n_owed;
  bool has_crossed; /* the request that is next crossed an inquiry, and its answer is behind */
};

extern struct world w;
extern const struct rules *rules;

/* Fails the test: says which moves led there.  */
_Noreturn void walk_fail (const char *file, int line, const char *what);
#define CHECK(cond) ((cond) ? (void) 0 : walk_fail (__FILE__, __LINE__, #cond))

/* Makes W the first world of RULES.  */
void world_init (void);

/* Puts what makes a difference for the future into BUF, of WORLD_MAX octets, and returns its
   length.  */
#define WORLD_MAX 1024
size_t world_describe (uint8_t *buf);

/* Writes the text of LINE, without LF, to BUF and returns its length.  */
#define TEXT_MAX 40
size_t world_text (const struct line *line, char buf[TEXT_MAX]);

/* What is true of every world: the eva_conns are in the states that their programs know of, memory
   holds what waits and nothing else, and if nothing is under way both agree whose turn it is.  */
void world_check (void);

/* Saves W at *RET_COPY, LEN octets of memory to be freed, and restores it.  */
size_t world_save (uint8_t **ret_copy);
void world_restore (const uint8_t *copy, size_t len);

/* --- Moves (moves.c, hear.c) ------------------------------------------------------------------ */

/* Numbers of moves, from 0 to n_moves - 1, and their names.  */
extern const int n_moves;
const char *move_name (int move, char buf[TEXT_MAX]);

/* Makes a move.  Returns false if there is no such move now; W may have to be restored all the
   same, if move_touched.  */
bool move_make (int move);
extern bool move_touched;

/* One side leaves in the middle of everything: the other is handed out what came whole, is told of
   the rest and of the end, and holds nothing then.  */
void move_leave (bool is_client);

#endif /* EVA_TESTS_CONN_WALK_WORLD_H */
