/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* link.c - a client of `relay` and its connection to the server.

   The client speaks with an eva_conn that is a server, and the server with one that is a client.
   What one hears the other passes on, so both know whose turn it is.  Events come with words cut
   and escapes undone; so each line is copied before it is looked at.

   A turn of the loop reads from all ends that are ready before it sends to any.  So the server
   finds many requests when it wakes up, and the kernel switches between processes less often.  */

#include "link.h"
#include "end.h"
#include "errname.h"
#include "text.h"
#include "wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a server may take to greet, and a client to take the last lines.  */
#define GREETING_MS 30000u
#define ENDING_MS   10000u

/* How long the server may work on what a client has sent that is gone.  */
#define GONE_MS 2000u

struct link {
  struct link_config config;
  struct link *next_due; /* of those that this turn has still to flush */
  bool is_due;
  struct end client, server;
  eva_source *timer; /* for the greeting, or the last lines */
  bool has_greeted;  /* the server */
  bool is_spoiled;   /* of the answer that the client gives, a line was refused */
  bool is_draining;
  bool is_at_end;      /* only what waits for the client is still sent */
  bool is_client_done; /* all that it sent has passed */
  const char *reason;
  eva_source *over; /* the end is told out of the loop */
};

/* A line as it came, and the descriptors that came with it.  */
struct passing {
  char line[EVA_LINE_SIZE + 1];
  size_t len;
  bool is_there; /* no line is over-long */
  int fds[END_MAX_FDS];
  size_t n_fds;
  bool has_refused_fds; /* some came that do not pass */
};

/* --- The end ---------------------------------------------------------------------------------- */

static void
on_over (void *arg) {
  struct link *l = arg;

  l->config.over (l->config.arg, l->reason);
}

static void on_time (void *arg);

/* What waits for the client is still sent.  */
static void
begin_end (struct link *l, const char *reason) {
  if (l->is_at_end) return;
  l->is_at_end = true;
  l->reason = reason;
  if (l->timer)
    eva_source_set_delay (l->timer, ENDING_MS);
  else
    l->timer = eva_loop_add_timer (wait_loop (), ENDING_MS, on_time, l);
  if (!l->timer) l->client.is_dead = true;
}

static void
finish_end (struct link *l) {
  if (l->over) return;
  l->over = eva_loop_add_timer (wait_loop (), 0, on_over, l);
  if (!l->over) on_over (l);
}

/* --- Copies ----------------------------------------------------------------------------------- */

static void
copy_line (struct end *from, struct passing *p) {
  char *line;
  size_t len;

  p->len = p->n_fds = 0;
  p->is_there = p->has_refused_fds = false;
  if (eva_conn_peek (from->conn, &line, &len) <= 0 || len >= sizeof p->line) return;
  memcpy (p->line, line, len);
  p->line[len] = 0;
  p->len = len;
  p->is_there = true;
}

static void
take_fds (struct end *from, struct passing *p) {
  int fd;

  while (p->n_fds < END_MAX_FDS && eva_conn_take_fd (from->conn, &fd)) {
    if (fd == END_REFUSED_FD)
      p->has_refused_fds = true;
    else
      p->fds[p->n_fds++] = fd;
  }
}

static void
drop_fds (struct passing *p) {
  while (p->n_fds)
    close (p->fds[--p->n_fds]);
}

/* Passes the line on to TO.  Returns what eva_conn_pass does.  */
static int
pass (struct link *l, struct end *to, struct passing *p) {
  int rc = 0;

  for (size_t i = 0; i < p->n_fds && !rc; i++) {
    rc = eva_conn_send_fd (to->conn, p->fds[i]);
    if (!rc) p->fds[i] = -1;
  }
  if (!rc) rc = eva_conn_pass (to->conn, p->line, p->len);
  for (size_t i = 0; i < p->n_fds; i++)
    if (p->fds[i] >= 0) close (p->fds[i]);
  p->n_fds = 0;
  if (!rc && l->config.line) l->config.line (l->config.arg, to == &l->client, p->line, p->len);
  return rc;
}

/* --- From the client -------------------------------------------------------------------------- */

static void
answer_err (struct link *l, gpg_err_code_t code) {
  gpg_error_t err = gpg_err_make (GPG_ERR_SOURCE_USER_1, code);
  char *text = errname_describe (err);

  eva_conn_err (l->client.conn, err, text);
  free (text);
}

static void
refuse (struct link *l, struct passing *p, gpg_err_code_t code) {
  drop_fds (p);
  if (l->config.refused)
    l->config.refused (l->config.arg, p->line, gpg_err_make (GPG_ERR_SOURCE_USER_1, code));
  answer_err (l, code);
}

/* A server takes the last CR for a part of the line's end, and so would read another line than the
   one that is looked at here.  */
static bool
ends_in_cr (const struct passing *p) {
  return p->len && p->line[p->len - 1] == '\r';
}

/* A NUL ends a request for some servers, and is a part of it for others.  */
static void
pass_request (struct link *l, struct passing *p) {
  int rc;

  if (memchr (p->line, 0, p->len) || ends_in_cr (p))
    refuse (l, p, GPG_ERR_ASS_SYNTAX);
  else if (!filter_passes (l->config.filter, p->line))
    refuse (l, p, GPG_ERR_FORBIDDEN);
  else if (p->has_refused_fds)
    refuse (l, p, GPG_ERR_NOT_SUPPORTED);
  else if ((rc = pass (l, &l->server, p)))
    refuse (l, p, rc == EVA_E_LINE_TOO_LONG ? GPG_ERR_ASS_LINE_TOO_LONG : GPG_ERR_ASS_SYNTAX);
}

/* The rest of an answer of which a line was refused does not pass: the server hears CAN in its
   place.  */
static void
cancel_answer (struct link *l, struct passing *p) {
  drop_fds (p);
  eva_conn_can (l->server.conn);
  l->is_spoiled = false;
}

static void
pass_answer (struct link *l, struct passing *p, bool is_end) {
  if (p->has_refused_fds || ends_in_cr (p)) l->is_spoiled = true;
  if (is_end && l->is_spoiled)
    cancel_answer (l, p);
  else if (l->is_spoiled || pass (l, &l->server, p))
    l->is_spoiled = true;
  drop_fds (p);
}

/* Comments and empty lines pass; late lines of an answer that was given up do not.  A client
   announces a descriptor by a comment, which gets no reply: so the link drops both without one.  */
static void
pass_skipped (struct link *l, struct passing *p) {
  if (p->is_there && (!p->len || *p->line == '#') && !p->has_refused_fds) pass (l, &l->server, p);
  drop_fds (p);
}

static void
pass_client_event (struct link *l, const struct eva_event *event, struct passing *p) {
  switch (event->type) {
  case EVA_EVENT_COMMAND:
    pass_request (l, p);
    return;
  case EVA_EVENT_DATA:
    pass_answer (l, p, false);
    return;
  case EVA_EVENT_END:
  case EVA_EVENT_CANCEL:
    pass_answer (l, p, true);
    return;
  case EVA_EVENT_UNEXPECTED:
    cancel_answer (l, p);
    return;
  case EVA_EVENT_EOF:
    l->is_client_done = true;
    return;
  default:
    pass_skipped (l, p);
  }
}

/* A line that is not of the protocol, or too long.  BEFORE is the state in which it came.  */
static void
answer_bad_line (struct link *l, int rc, enum eva_conn_state before, struct passing *p) {
  enum eva_conn_state state = eva_conn_get_state (l->client.conn);

  if (rc == EVA_E_TRUNCATED) return;
  if (state == EVA_STATE_OVERFLOW)
    l->is_spoiled = true;
  else if (before == EVA_STATE_INQUIRY || before == EVA_STATE_OVERFLOW)
    cancel_answer (l, p);
  else
    refuse (l, p, rc == EVA_E_LINE_TOO_LONG ? GPG_ERR_ASS_LINE_TOO_LONG : GPG_ERR_ASS_SYNTAX);
}

/* Passes on what the client said.  Returns true if there was something.  */
static bool
take_requests (struct link *l) {
  struct passing p;
  bool any = false;

  while (l->has_greeted && !l->is_at_end && !end_is_full (&l->server)
         && !end_is_full (&l->client)) {
    enum eva_conn_state before = eva_conn_get_state (l->client.conn);
    struct eva_event event;
    int rc;
    copy_line (&l->client, &p);
    rc = eva_conn_next (l->client.conn, &event);
    if (!rc) break;
    take_fds (&l->client, &p);
    if (rc < 0)
      answer_bad_line (l, rc, before, &p);
    else
      pass_client_event (l, &event, &p);
    drop_fds (&p);
    any = true;
  }
  if (any) explicit_bzero (p.line, sizeof p.line);
  return any;
}

/* --- From the server -------------------------------------------------------------------------- */

/* The server is gone, or breaks the protocol.  The client hears of it where it waits for a greeting
   or for a reply that is broken; else the connection just ends.  */
static void
lose_server (struct link *l, gpg_err_code_t code, const char *reason) {
  enum eva_conn_state state = eva_conn_get_state (l->client.conn);

  if (l->is_at_end) return;
  if (state == EVA_STATE_GREETING || (code != GPG_ERR_EOF && state != EVA_STATE_IDLE))
    answer_err (l, code == GPG_ERR_EOF ? GPG_ERR_ASS_CONNECT_FAILED : code);
  begin_end (l, reason);
}

/* A reply has come to its end.  */
static void
after_reply (struct link *l) {
  enum eva_conn_state state = eva_conn_get_state (l->client.conn);

  if (!l->has_greeted) {
    l->has_greeted = true;
    eva_source_free (l->timer);
    l->timer = NULL;
  }
  if (state == EVA_STATE_CLOSED)
    begin_end (l, "refused");
  else if (l->is_draining)
    begin_end (l, "drained");
}

static void
pass_server_event (struct link *l, const struct eva_event *event, struct passing *p) {
  switch (event->type) {
  case EVA_EVENT_EOF:
    lose_server (l, GPG_ERR_EOF, "server");
    return;
  case EVA_EVENT_SKIPPED:
    return;
  default:
    if (p->has_refused_fds || pass (l, &l->client, p)) {
      lose_server (l, GPG_ERR_ASS_INV_RESPONSE, "protocol");
      return;
    }
    if (event->type == EVA_EVENT_OK || event->type == EVA_EVENT_ERR) after_reply (l);
  }
}

/* Data of a reply change no state, and undoing their escapes would be most of the work: so such a
   line passes without becoming an event.  Returns false if P is no such line.  */
static bool
pass_reply_data (struct link *l, struct passing *p) {
  static const struct eva_event data = { .type = EVA_EVENT_DATA };
  char *line;
  size_t len;

  if (!p->is_there || p->len < 2 || memcmp (p->line, "D ", 2)
      || eva_conn_get_state (l->server.conn) != EVA_STATE_PENDING)
    return false;
  eva_conn_next_line (l->server.conn, &line, &len);
  take_fds (&l->server, p);
  pass_server_event (l, &data, p);
  return true;
}

/* Passes on the next line of the server.  Returns false if there is none.  */
static bool
take_reply (struct link *l, struct passing *p) {
  struct eva_event event;
  int rc;

  copy_line (&l->server, p);
  if (pass_reply_data (l, p)) return true;
  rc = eva_conn_next (l->server.conn, &event);
  if (!rc) return false;
  take_fds (&l->server, p);
  if (rc < 0)
    lose_server (l, GPG_ERR_ASS_INV_RESPONSE, "protocol");
  else
    pass_server_event (l, &event, p);
  drop_fds (p);
  return true;
}

static bool
take_replies (struct link *l) {
  struct passing p;
  bool any = false;

  while (l->server.in_fd >= 0 && !l->is_at_end && !end_is_full (&l->client) && take_reply (l, &p))
    any = true;
  if (any) explicit_bzero (p.line, sizeof p.line);
  return any;
}

/* --- The loop --------------------------------------------------------------------------------- */

/* A client that has shut its side still gets its replies; one that is gone does not need them.
   What that client has sent still arrives, unless a reply takes too long: without a relay, the
   server would see the end of the connection.  */
static void
follow_client (struct link *l) {
  if (l->client.is_dead && !l->is_at_end && !l->timer) {
    l->timer = eva_loop_add_timer (wait_loop (), GONE_MS, on_time, l);
    if (!l->timer) begin_end (l, "client");
  }
  if (!l->is_client_done || l->is_at_end || eva_conn_output_len (l->server.conn)) return;
  if (l->client.is_dead)
    begin_end (l, "client");
  else
    end_shut (&l->server);
}

static void
watch (struct link *l) {
  bool is_ok;

  if (l->is_at_end) {
    is_ok = end_watch (&l->client, false);
    end_watch (&l->server, false);
    if (!eva_conn_output_len (l->client.conn) || l->client.is_dead || !is_ok) finish_end (l);
    return;
  }
  is_ok =
      end_watch (&l->client, !end_is_full (&l->server) && eva_conn_wants_input (l->client.conn));
  is_ok = end_watch (&l->server, !end_is_full (&l->client) && eva_conn_wants_input (l->server.conn))
          && is_ok;
  if (!is_ok) finish_end (l);
}

/* Returns true if there may be lines of E that have not passed, or its end.  */
static bool
has_more (const struct end *e) {
  return e->is_eof || eva_conn_input_len (e->conn) > 0;
}

/* Passes on what was read.  Returns true if there was something.  */
static bool
take_lines (struct link *l) {
  bool any = has_more (&l->client) && take_requests (l);

  return (has_more (&l->server) && take_replies (l)) || any;
}

/* Each reply may let the next request pass, and the other way round.  What was read is bounded.  An
   end that was full takes lines again as soon as it is flushed, and no event comes for lines that
   wait here; so this looks for lines until there are none.  */
static void
go_on (struct link *l) {
  bool any;

  do {
    end_flush (&l->server);
    end_flush (&l->client);
    any = take_lines (l);
  } while (any && (has_more (&l->client) || has_more (&l->server)));
  if (any) {
    end_flush (&l->server);
    end_flush (&l->client);
  }
  follow_client (l);
  watch (l);
}

/* --- The end of a turn ------------------------------------------------------------------------ */

static struct link *due, **last_due = &due;

/* The requests first: while the server works on them, the replies leave.  */
static void
flush_due (void) {
  for (struct link *l = due; l; l = l->next_due)
    end_flush (&l->server);
  while (due) {
    struct link *l = due;
    due = l->next_due;
    if (!due) last_due = &due;
    l->is_due = false;
    if (!l->over) go_on (l);
  }
}

static void
go_on_later (struct link *l) {
  if (l->is_due) return;
  l->is_due = true;
  l->next_due = NULL;
  *last_due = l;
  last_due = &l->next_due;
  wait_after_turn (flush_due);
}

static void
forget_due (struct link *l) {
  struct link **at = &due;

  if (!l->is_due) return;
  while (*at != l)
    at = &(*at)->next_due;
  *at = l->next_due;
  if (!*at) last_due = at;
}

static void
on_end (struct link *l, struct end *e, unsigned int revents) {
  if (l->over) return;
  if (revents & (EVA_READABLE | EVA_HANGUP)) end_read (e);
  take_lines (l);
  go_on_later (l);
}

static void
on_client (void *arg, unsigned int revents) {
  struct link *l = arg;

  on_end (l, &l->client, revents);
}

static void
on_server (void *arg, unsigned int revents) {
  struct link *l = arg;

  on_end (l, &l->server, revents);
}

static void
on_time (void *arg) {
  struct link *l = arg;

  if (l->is_at_end)
    l->client.is_dead = true;
  else if (l->client.is_dead && l->has_greeted)
    begin_end (l, "client");
  else
    lose_server (l, GPG_ERR_TIMEOUT, "timeout");
  go_on (l);
}

/* --- Life ------------------------------------------------------------------------------------- */

struct link *
link_new (const struct link_config *config) {
  struct link *l = text_alloc (sizeof *l);

  l->config = *config;
  l->reason = "error";
  if (!end_init (&l->client, EVA_ROLE_SERVER, on_client, l)
      || !end_init (&l->server, EVA_ROLE_CLIENT, on_server, l)
      || !(l->timer = eva_loop_add_timer (wait_loop (), GREETING_MS, on_time, l))) {
    link_free (l);
    errno = ENOMEM;
    return NULL;
  }
  end_open (&l->client, config->in_fd, config->out_fd);
  l->client.takes_fds = l->server.takes_fds = config->passes_fds;
  return l;
}

void
link_free (struct link *l) {
  if (!l) return;
  forget_due (l);
  end_deinit (&l->client);
  end_deinit (&l->server);
  eva_source_free (l->timer);
  eva_source_free (l->over);
  free (l);
}

void
link_connect (struct link *l, int fd) {
  end_open (&l->server, fd, fd);
  go_on (l);
}

void
link_refuse (struct link *l, gpg_err_code_t code) {
  answer_err (l, code);
  begin_end (l, "refused");
  go_on (l);
}

void
link_drain (struct link *l) {
  enum eva_conn_state state = eva_conn_get_state (l->client.conn);

  l->is_draining = true;
  if (state == EVA_STATE_IDLE || state == EVA_STATE_STRAGGLER || state == EVA_STATE_GREETING)
    begin_end (l, "drained");
  go_on (l);
}
