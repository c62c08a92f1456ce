/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hear.c - what the two programs hear, and what it has to be.  See world.h.  */

#include "moves.h"

#include <string.h>

/* Takes the oldest line of SIDE, which was handed out.  */
static struct line
take (struct side *side) {
  struct line line = side->lines[0];

  remove_line (side, 0);
  return line;
}

static bool
is_text (const struct eva_event *ev, uint8_t id) {
  return ev->text_len == 1 && ev->text[0] == '0' + id;
}

static void
check_event (int rc, const struct eva_event *ev, enum eva_event_type type) {
  CHECK (rc == 1 && ev->type == type);
}

/* The descriptors that may be taken now are those that came with LINE.  */
static void
check_fds (const struct line *line) {
  int fd = 0;

  if (line && line->fd) CHECK (eva_conn_take_fd (w.server.conn, &fd) == 1 && fd == line->fd);
  CHECK (eva_conn_take_fd (w.server.conn, &fd) == 0);
}

/* The line that the server would get next has to wait.  */
static bool
server_holds (const struct line *line) {
  if (!w.has_greeted) return true;
  if (!w.request || w.inquiry) return false;
  return !w.n_owed || line->kind == REQUEST;
}

static void
hear_request (const struct line *line, int rc, const struct eva_event *ev) {
  char text[TEXT_MAX], *blank;

  CHECK (!w.request);
  forgive ();
  if (line->is_long) {
    CHECK (rc == EVA_E_LINE_TOO_LONG);
    w.refusing = line->id;
    return;
  }
  check_event (rc, ev, EVA_EVENT_COMMAND);
  text[world_text (line, text)] = 0;
  blank = strchr (text, ' ');
  *blank = 0;
  CHECK (!strcmp (ev->word, text) && !strcmp (ev->text, blank + 1));
  w.request = line->id;
  w.word = line->word;
}

/* A line of an answer that was given up: that of the oldest one.  */
static void
hear_owed (const struct line *line, int rc, const struct eva_event *ev) {
  check_event (rc, ev, EVA_EVENT_SKIPPED);
  CHECK (w.n_owed && w.owed[0] == line->id);
  if (line->kind == DATA) return;
  w.n_owed--;
  memmove (w.owed, w.owed + 1, w.n_owed);
  w.owed[w.n_owed] = 0;
  if (!w.n_owed) w.has_crossed = false;
}

static void
hear_data (const struct line *line, int rc, const struct eva_event *ev) {
  bool is_one_too_many = w.has_limit && w.n_octets;

  if (w.is_over) {
    check_event (rc, ev, EVA_EVENT_SKIPPED);
    return;
  }
  if (line->is_long) {
    CHECK (rc == EVA_E_LINE_TOO_LONG);
  } else {
    check_event (rc, ev, is_one_too_many ? EVA_EVENT_OVERFLOW : EVA_EVENT_DATA);
    CHECK (is_text (ev, line->id));
  }
  if (w.has_limit) w.n_octets = 1;
  w.is_over = line->is_long || is_one_too_many;
}

static void
hear_answer (const struct line *line, int rc, const struct eva_event *ev) {
  if (line->id != w.inquiry) {
    hear_owed (line, rc, ev);
    return;
  }
  CHECK (!w.n_owed);
  if (line->kind == DATA) {
    hear_data (line, rc, ev);
    return;
  }
  if (line->is_long)
    CHECK (rc == EVA_E_LINE_TOO_LONG);
  else
    check_event (rc, ev, line->kind == END ? EVA_EVENT_END : EVA_EVENT_CANCEL);
  end_inquiry (false);
}

/* What is no answer ends the inquiry, and nothing more of it is waited for.  */
static void
hear_stray (const struct line *line, int rc, const struct eva_event *ev) {
  char text[TEXT_MAX];

  check_event (rc, ev, EVA_EVENT_UNEXPECTED);
  CHECK (ev->text_len == world_text (line, text) && !memcmp (ev->text, text, ev->text_len));
  CHECK (w.inquiry == line->id);
  end_inquiry (false);
}

/* A request that crossed an inquiry outside of a command comes again.  */
static bool
has_crossed (const struct line *line, int rc, const struct eva_event *ev) {
  if (!w.is_aside || line->kind != REQUEST) return false;
  check_event (rc, ev, EVA_EVENT_UNEXPECTED);
  CHECK (!ev->text_len);
  forgive ();
  w.has_crossed = true;
  end_inquiry (true);
  return true;
}

/* Ends the loan of the line, so that it makes no difference, and drops what is left of one that was
   too long.  */
static void
end_loan (eva_conn *c) {
  char *line;
  size_t len;

  eva_conn_peek (c, &line, &len);
}

/* A line was heard.  An end that has heard all of them gives the buffer back.  */
static bool
heard (eva_conn *c) {
  struct eva_event ev;

  end_loan (c);
  if (!eva_conn_input_len (c) && !eva_conn_at_eof (c)) CHECK (eva_conn_next (c, &ev) == 0);
  return true;
}

bool
server_hears (void) {
  eva_conn *c = w.server.conn;
  struct eva_event ev;
  struct line line;
  int rc;

  if (w.refusing || !eva_conn_input_len (c)) return false;
  check_fds (NULL);
  rc = eva_conn_next (touch (&w.server), &ev);
  if (!rc) {
    /* Half a line, or one that has to wait.  */
    CHECK (!eva_conn_has_line (c) || server_holds (&w.client.lines[0]));
    return false;
  }
  CHECK (w.client.n_lines && !server_holds (&w.client.lines[0]));
  if (has_crossed (&w.client.lines[0], rc, &ev)) return true;
  line = take (&w.client);
  check_fds (&line);
  if (line.kind == REQUEST)
    hear_request (&line, rc, &ev);
  else if (line.kind == COMMENT || line.kind == EMPTY)
    check_event (rc, &ev, EVA_EVENT_SKIPPED);
  else if (line.kind == STRAY)
    hear_stray (&line, rc, &ev);
  else
    hear_answer (&line, rc, &ev);
  return heard (c);
}

static bool
client_holds (const struct line *line) {
  return w.answering && w.n_pending && line->kind == INQUIRE;
}

/* The reply to the first request is over.  */
static void
hear_reply (const struct line *line, int rc, const struct eva_event *ev) {
  if (!line->id) {
    check_event (rc, ev, EVA_EVENT_OK);
    w.is_greeted = true;
    return;
  }
  CHECK (w.n_pending && w.pending[0].id == line->id);
  if (w.pending[0].is_given_up) {
    check_event (rc, ev, EVA_EVENT_SKIPPED);
  } else {
    check_event (rc, ev, line->kind == OK ? EVA_EVENT_OK : EVA_EVENT_ERR);
    CHECK (is_text (ev, line->id));
  }
  if (w.answering) w.owes = true;
  w.answering = 0;
  w.n_pending--;
  memmove (w.pending, w.pending + 1, w.n_pending * sizeof *w.pending);
  memset (w.pending + w.n_pending, 0, sizeof *w.pending);
}

static void
hear_inquiry (const struct line *line, int rc, const struct eva_event *ev) {
  if (!w.n_pending) { /* one that is of no command: a client that expects it answers all the same */
    CHECK (rules->is_aside && rc == EVA_E_STATE);
    w.answering = line->id;
  } else if (w.pending[0].is_given_up) {
    check_event (rc, ev, EVA_EVENT_SKIPPED);
    said (&w.client, (struct line) { .kind = CAN, .id = line->id });
  } else {
    check_event (rc, ev, EVA_EVENT_INQUIRE);
    CHECK (is_text (ev, line->id));
    w.answering = line->id;
  }
}

/* What only says something.  */
static void
hear_talk (const struct line *line, int rc, const struct eva_event *ev) {
  static const enum eva_event_type types[] = { [DATA] = EVA_EVENT_DATA,
                                               [END] = EVA_EVENT_END,
                                               [STATUS] = EVA_EVENT_STATUS,
                                               [COMMENT] = EVA_EVENT_COMMENT };

  if (w.n_pending && w.pending[0].is_given_up) {
    check_event (rc, ev, EVA_EVENT_SKIPPED);
    return;
  }
  check_event (rc, ev, types[line->kind]);
  if (line->kind == COMMENT) return;
  CHECK (w.n_pending && w.pending[0].id == line->id);
  if (line->kind != END) CHECK (is_text (ev, line->id));
}

bool
client_hears (void) {
  eva_conn *c = w.client.conn;
  struct eva_event ev;
  struct line line;
  int rc;

  if (!eva_conn_input_len (c)) return false;
  rc = eva_conn_next (touch (&w.client), &ev);
  if (!rc) {
    CHECK (!eva_conn_has_line (c) || client_holds (&w.server.lines[0]));
    return false;
  }
  CHECK (w.server.n_lines && !client_holds (&w.server.lines[0]));
  line = take (&w.server);
  if (line.kind == OK || line.kind == ERR)
    hear_reply (&line, rc, &ev);
  else if (line.kind == INQUIRE)
    hear_inquiry (&line, rc, &ev);
  else
    hear_talk (&line, rc, &ev);
  return heard (c);
}

/* --- Leaving ---------------------------------------------------------------------------------- */

/* Returns true if C has a whole line, or the start of one that is too long.  */
static bool
has_line (eva_conn *c) {
  end_loan (c);
  return eva_conn_has_line (c) || eva_conn_input_len (c) >= EVA_LINE_SIZE;
}

static void
side_free (struct side *side) {
  eva_conn_free (side->conn);
  CHECK (!side->own_len);
  for (size_t i = 0; i < N_BLOCKS; i++)
    CHECK (!side->block_len[i]);
}

void
move_leave (bool is_client) {
  eva_conn *c = is_client ? w.server.conn : w.client.conn;
  struct eva_event ev;

  CHECK (eva_conn_fed (c, 0) == 0);
  while (has_line (c) && !w.refusing && (is_client ? server_hears () : client_hears ()))
    ;
  if (w.refusing) return;
  if (has_line (c)) {
    CHECK (eva_conn_next (c, &ev) == 0); /* it is held, and the end behind it */
  } else {
    if (eva_conn_input_len (c)) CHECK (eva_conn_next (c, &ev) == EVA_E_TRUNCATED);
    check_event (eva_conn_next (c, &ev), &ev, EVA_EVENT_EOF);
    CHECK (eva_conn_next (c, &ev) == 0 && !eva_conn_wants_input (c));
  }
  side_free (&w.client);
  side_free (&w.server);
}
