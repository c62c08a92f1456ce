/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* moves.c - what the two programs and the wire between them may do.  See world.h.  */

#include "moves.h"

#include <stdio.h>
#include <string.h>

bool move_touched;

eva_conn *
touch (struct side *side) {
  move_touched = true;
  return side->conn;
}

static struct side *
side_of (int role) {
  return role == EVA_ROLE_CLIENT ? &w.client : &w.server;
}

static bool
may_talk (int kind) {
  return (rules->talk >> kind) & 1;
}

static bool
has_room (const struct side *side) {
  return side->n_lines + (side->open_id ? 1u : 0u) < rules->n_lines;
}

/* --- Saying ----------------------------------------------------------------------------------- */

static void
append (struct side *side, struct line line) {
  line.fd = side->next_fd;
  side->next_fd = 0;
  CHECK (side->n_lines < sizeof side->lines / sizeof *side->lines);
  side->lines[side->n_lines++] = line;
}

static void
end_data (struct side *side) {
  uint8_t id = side->open_id;

  side->open_id = 0;
  if (id) append (side, (struct line) { .kind = DATA, .id = id });
}

bool
said (struct side *side, struct line line) {
  end_data (side);
  append (side, line);
  return true;
}

/* Says LINE, which is too long, as no eva_conn does.  */
static bool
say_long (struct side *side, struct line line) {
  eva_conn *c = touch (side);
  char text[TEXT_MAX], *dst;
  size_t len = world_text (&line, text);

  eva_conn_flush (c);
  CHECK (eva__conn_queue_reserve (&c->out, &c->owner, len + 1, &dst) == 0);
  memcpy (dst, text, len);
  eva__conn_queue_commit (&c->out, len);
  return said (side, line);
}

/* --- The client ------------------------------------------------------------------------------- */

/* Nothing may be sent after a request that may inquire, nor while a reply is dropped.  */
static bool
may_ask (void) {
  if (!w.is_greeted || w.answering || w.n_requests == rules->n_requests || !has_room (&w.client))
    return false;
  if (rules->is_aside && w.n_pending) return false;
  for (size_t i = 0; i < w.n_pending; i++)
    if (w.pending[i].is_given_up || w.pending[i].word == WORD_ASK) return false;
  return true;
}

static bool
ask (int word, bool is_long) {
  struct line line = {
    .kind = REQUEST, .id = (uint8_t) (w.n_requests + 1), .word = (uint8_t) word, .is_long = is_long
  };
  char text[TEXT_MAX];

  if (!((rules->words >> word) & 1) || !may_ask ()) return false;
  text[world_text (&line, text)] = 0;
  if (word == WORD_END && w.owes) {
    CHECK (eva_conn_command (touch (&w.client), text) == EVA_E_STATE);
    return false;
  }
  if (!is_long) {
    CHECK (eva_conn_command (touch (&w.client), text) == 0);
    said (&w.client, line);
  } else {
    say_long (&w.client, line);
    w.client.conn->n_pending++;
    w.client.conn->owes_answer = false;
    eva__conn_set_state (w.client.conn, EVA_STATE_PENDING);
  }
  w.owes = false;
  w.pending[w.n_pending++] = (struct pending) { .id = line.id, .word = (uint8_t) word };
  w.n_requests++;
  return true;
}

static bool
ask_short (int word) {
  return ask (word, false);
}

static bool
ask_long (int word) {
  return rules->has_long && ask (word, true);
}

static bool
may_answer (void) {
  return w.answering && has_room (&w.client);
}

static bool
answer_data (int unused) {
  char octet = (char) ('0' + w.answering);
  size_t taken;

  (void) unused;
  if (!may_answer () || w.client.open_id) return false;
  CHECK (eva_conn_data (touch (&w.client), &octet, 1, &taken) == 0 && taken == 1);
  w.client.open_id = w.answering;
  return true;
}

/* Ends the answer with what was said already.  */
static bool
end_answer (struct line line) {
  line.id = w.answering;
  w.answering = 0;
  w.owes = false;
  return said (&w.client, line);
}

static bool
answer_end (int kind) {
  eva_conn *c = w.client.conn;

  if (!may_answer ()) return false;
  touch (&w.client);
  CHECK ((kind == CAN ? eva_conn_can (c) : eva_conn_end (c)) == 0);
  return end_answer ((struct line) { .kind = (uint8_t) kind });
}

static bool
answer_long (int kind) {
  struct line line = { .kind = (uint8_t) kind, .id = w.answering, .is_long = true };

  if (!rules->has_long || !may_answer ()) return false;
  say_long (&w.client, line);
  if (kind == DATA) return true;
  w.answering = 0;
  if (w.client.conn->state == EVA_STATE_ANSWERING)
    eva__conn_set_state (w.client.conn, EVA_STATE_PENDING);
  return true;
}

/* Says what is no answer, as no eva_conn does.  The answer is over by that.  */
static bool
answer_stray (int unused) {
  struct line line = { .kind = STRAY };
  char text[TEXT_MAX];

  (void) unused;
  if (!rules->has_stray || !may_answer ()) return false;
  line.id = w.answering;
  CHECK (eva_conn_line (touch (&w.client), text, world_text (&line, text)) == 0);
  eva__conn_set_state (w.client.conn, EVA_STATE_PENDING);
  return end_answer (line);
}

static bool
give_up_reply (int unused) {
  uint8_t inquiry = w.answering;

  (void) unused;
  if (!w.n_pending || w.pending[0].is_given_up || !has_room (&w.client)) return false;
  CHECK (eva_conn_drain (touch (&w.client)) == 0);
  w.pending[0].is_given_up = true;
  return !inquiry || end_answer ((struct line) { .kind = CAN });
}

/* A descriptor for the next line.  It ends an open one.  */
static bool
pass_fd (int unused) {
  (void) unused;
  if (w.n_fds == rules->n_fds || w.client.next_fd || !has_room (&w.client)) return false;
  w.n_fds++;
  CHECK (eva_conn_send_fd (touch (&w.client), w.n_fds) == 0);
  end_data (&w.client);
  w.client.next_fd = w.n_fds;
  return true;
}

/* --- The server ------------------------------------------------------------------------------- */

static bool
greet (int unused) {
  (void) unused;
  if (w.has_greeted || !has_room (&w.server)) return false;
  CHECK (eva_conn_ok (touch (&w.server), "0") == 0);
  w.has_greeted = true;
  return said (&w.server, (struct line) { .kind = OK });
}

void
end_inquiry (bool is_owed) {
  CHECK (w.n_owed < sizeof w.owed);
  if (is_owed) w.owed[w.n_owed++] = w.inquiry;
  w.inquiry = w.n_octets = 0;
  w.is_over = w.is_aside = w.has_limit = false;
}

void
forgive (void) {
  if (!w.has_crossed) w.n_owed = 0;
  memset (w.owed + w.n_owed, 0, sizeof w.owed - w.n_owed);
  w.has_crossed = false;
}

static bool
reply (int kind) {
  uint8_t id = w.refusing ? w.refusing : w.request;
  char text[4];
  eva_conn *c = w.server.conn;

  if (!id || (w.refusing && kind == OK) || !has_room (&w.server)) return false;
  if (rules->has_stray && w.inquiry) return false;
  snprintf (text, sizeof text, "%d", id);
  touch (&w.server);
  CHECK ((kind == OK ? eva_conn_ok (c, text) : eva_conn_err (c, 1, text)) == 0);
  if (!w.refusing && w.inquiry) end_inquiry (true);
  w.request = w.refusing = w.word = 0;
  return said (&w.server, (struct line) { .kind = (uint8_t) kind, .id = id });
}

static bool
may_inquire (void) {
  if (w.inquiry || w.refusing || w.n_inquiries == rules->n_inquiries || !has_room (&w.server))
    return false;
  if (w.request) return w.word == WORD_ASK;
  return rules->is_aside && w.has_greeted && !w.n_owed;
}

static bool
inquire (int has_limit) {
  uint8_t id = (uint8_t) (w.n_inquiries + 1);
  char text[4];

  if (!may_inquire () || (has_limit && !rules->has_limit)) return false;
  snprintf (text, sizeof text, "%d", id);
  CHECK (eva_conn_inquire (touch (&w.server), text, has_limit ? 1 : 0) == 0);
  w.n_inquiries = w.inquiry = id;
  w.has_limit = has_limit;
  w.is_aside = !w.request;
  return said (&w.server, (struct line) { .kind = INQUIRE, .id = id });
}

static bool
give_up_answer (int unused) {
  bool is_aside = w.is_aside;

  (void) unused;
  if (!w.inquiry || rules->has_stray) return false;
  CHECK (eva_conn_drain (touch (&w.server)) == 0);
  end_inquiry (true);
  if (is_aside) w.has_crossed = true; /* perhaps */
  return true;
}

/* What may be said in a command, whatever else is going on.  */
static bool
talk (int kind) {
  struct line line = { .kind = (uint8_t) kind, .id = w.request };
  char text[4];
  int rc;

  if (!may_talk (kind) || !w.request || !has_room (&w.server)) return false;
  snprintf (text, sizeof text, "%d", w.request);
  touch (&w.server);
  rc = kind == STATUS ? eva_conn_status (w.server.conn, text, NULL) : eva_conn_end (w.server.conn);
  CHECK (rc == 0);
  return said (&w.server, line);
}

static bool
send_data (int unused) {
  char octet = (char) ('0' + w.request);
  size_t taken;

  (void) unused;
  if (!may_talk (DATA) || !w.request || w.server.open_id || !has_room (&w.server)) return false;
  CHECK (eva_conn_data (touch (&w.server), &octet, 1, &taken) == 0 && taken == 1);
  w.server.open_id = w.request;
  return true;
}

/* --- Either ----------------------------------------------------------------------------------- */

static bool
flush (int role) {
  struct side *side = side_of (role);
  if (!side->open_id) return false;
  CHECK (eva_conn_flush (touch (side)) == 0);
  end_data (side);
  return true;
}

static bool
comment (int role) {
  struct side *side = side_of (role);
  if (!may_talk (COMMENT) || !has_room (side)) return false;
  CHECK (eva_conn_comment (touch (side), "c") == 0);
  return said (side, (struct line) { .kind = COMMENT });
}

static bool
say_empty (int unused) {
  (void) unused;
  if (!may_talk (EMPTY) || !has_room (&w.client)) return false;
  CHECK (eva_conn_command (touch (&w.client), "") == 0);
  return said (&w.client, (struct line) { .kind = EMPTY });
}

void
remove_line (struct side *side, size_t at) {
  side->n_lines--;
  memmove (&side->lines[at], &side->lines[at + 1], (side->n_lines - at) * sizeof *side->lines);
  memset (&side->lines[side->n_lines], 0, sizeof *side->lines);
}

/* Returns the first of the lines of SIDE of which no octet has left.  */
static size_t
first_whole (const struct side *side) {
  const struct eva__conn_queue *q = &side->conn->out;
  size_t n_waiting = 0;

  for (const struct eva__conn_chunk *i = q->head; i; i = i->next)
    for (size_t p = i->start; p < i->end; p++)
      n_waiting += i->data[p] == '\n';
  return side->n_lines - n_waiting + q->is_cut;
}

/* The monitor looks at a line.  Those of which octets have left are nothing to look at.  */
static bool
show (int role) {
  struct side *side = side_of (role);
  size_t at = first_whole (side), len;
  char text[TEXT_MAX];
  const char *line;

  if (!rules->has_monitors) return false;
  while (at < side->n_lines && side->lines[at].is_seen)
    at++;
  touch (side);
  if (at == side->n_lines) {
    CHECK (eva_conn_inspect (side->conn, &line, &len) == 0);
    return false;
  }
  CHECK (eva_conn_inspect (side->conn, &line, &len) == 1);
  CHECK (len == world_text (&side->lines[at], text) && !memcmp (line, text, len));
  for (size_t i = 0; i < side->n_lines; i++)
    side->lines[i].is_shown = false;
  side->lines[at].is_seen = side->lines[at].is_shown = true;
  return true;
}

/* It does not want the comment that it looked at last.  That is of no use once octets of it have
   left.  */
static bool
discard (int role) {
  struct side *side = side_of (role);
  size_t len = eva_conn_output_len (side->conn), first = first_whole (side), at = 0;

  while (at < side->n_lines && !side->lines[at].is_shown)
    at++;
  if (at == side->n_lines || side->lines[at].kind != COMMENT) return false;
  eva_conn_discard (touch (side));
  CHECK (eva_conn_output_len (side->conn) == len - (at < first ? 0 : 4));
  if (at < first) return false;
  remove_line (side, at);
  return true;
}

static bool
hear (int role) {
  return role == EVA_ROLE_CLIENT ? client_hears () : server_hears ();
}

/* --- The wire --------------------------------------------------------------------------------- */

/* Octets that one read may bring, at the most.  */
#define MAX_READ 48

/* Copies the first LEN octets that FROM lends to BUF.  Returns how many it lends.  */
static size_t
lend (eva_conn *from, char *buf, size_t len) {
  struct iovec iov[8];
  size_t n = eva_conn_output (from, iov, 8), total = 0;

  for (size_t i = 0; i < n; i++) {
    size_t left = total < len ? len - total : 0;
    if (left) memcpy (buf + total, iov[i].iov_base, left < iov[i].iov_len ? left : iov[i].iov_len);
    total += iov[i].iov_len;
  }
  return total;
}

/* One write and one read: the first LEN octets that FROM lends.  A line comes in two reads at the
   most.  */
static bool
move_octets (struct side *from, struct side *to, size_t len) {
  char octets[MAX_READ], *buf;
  size_t total = lend (from->conn, octets, len), room;
  int fds[8];
  size_t n_fds;

  if (len > total) return false;
  if ((!rules->is_cut || from->conn->out.is_cut) && octets[len - 1] != '\n') return false;
  buf = eva_conn_inbuf (touch (to), &room);
  CHECK (!buf == !room);
  if (room < len) return false;
  n_fds = eva_conn_output_fds (from->conn, fds, 8);
  for (size_t i = 0; i < n_fds; i++)
    CHECK (eva_conn_fed_fd (to->conn, fds[i]) == 0);
  memcpy (buf, octets, len);
  CHECK (eva_conn_fed (to->conn, len) == 0);
  eva_conn_sent (from->conn, len);
  return true;
}

/* --- Moves ------------------------------------------------------------------------------------ */

/* The moves of the programs; behind them come those of the wire, MAX_READ to either side.  */
static const struct {
  const char *name;
  bool (*make) (int arg);
  int arg;
} moves[] = {
  { "client asks NOP", ask_short, WORD_NOP },
  { "client asks ASK", ask_short, WORD_ASK },
  { "client asks CANDY", ask_short, WORD_CANDY },
  { "client asks END", ask_short, WORD_END },
  { "client asks CANCELS", ask_short, WORD_CANCELS },
  { "client asks ENDING", ask_short, WORD_ENDING },
  { "client asks NOP, too long", ask_long, WORD_NOP },
  { "client asks CANDY, too long", ask_long, WORD_CANDY },
  { "client answers D", answer_data, 0 },
  { "client answers END", answer_end, END },
  { "client answers CAN", answer_end, CAN },
  { "client answers D, too long", answer_long, DATA },
  { "client answers END, too long", answer_long, END },
  { "client answers CAN, too long", answer_long, CAN },
  { "client answers something else", answer_stray, 0 },
  { "client ends a data line", flush, EVA_ROLE_CLIENT },
  { "client gives up", give_up_reply, 0 },
  { "client comments", comment, EVA_ROLE_CLIENT },
  { "client says an empty line", say_empty, 0 },
  { "client passes a descriptor", pass_fd, 0 },
  { "client's monitor looks", show, EVA_ROLE_CLIENT },
  { "client's monitor discards", discard, EVA_ROLE_CLIENT },
  { "client hears", hear, EVA_ROLE_CLIENT },
  { "server greets", greet, 0 },
  { "server says OK", reply, OK },
  { "server says ERR", reply, ERR },
  { "server inquires", inquire, false },
  { "server inquires for one octet", inquire, true },
  { "server gives up", give_up_answer, 0 },
  { "server says S", talk, STATUS },
  { "server says END", talk, END },
  { "server says D", send_data, 0 },
  { "server ends a data line", flush, EVA_ROLE_SERVER },
  { "server comments", comment, EVA_ROLE_SERVER },
  { "server's monitor looks", show, EVA_ROLE_SERVER },
  { "server's monitor discards", discard, EVA_ROLE_SERVER },
  { "server hears", hear, EVA_ROLE_SERVER },
};
#define TO_SERVER (int) (sizeof moves / sizeof *moves)
#define TO_CLIENT (TO_SERVER + MAX_READ)

const int n_moves = TO_CLIENT + MAX_READ;

const char *
move_name (int move, char buf[TEXT_MAX]) {
  if (move < TO_SERVER) return moves[move].name;
  snprintf (buf, TEXT_MAX, "%d octets to the %s", (move - TO_SERVER) % MAX_READ + 1,
            move < TO_CLIENT ? "server" : "client");
  return buf;
}

bool
move_make (int move) {
  move_touched = false;
  if (move < TO_SERVER) return moves[move].make (moves[move].arg);
  if (move < TO_CLIENT) return move_octets (&w.client, &w.server, (size_t) (move - TO_SERVER) + 1);
  return move_octets (&w.server, &w.client, (size_t) (move - TO_CLIENT) + 1);
}
