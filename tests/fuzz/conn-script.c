/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conn-script.c - fuzz input as a script for an eva_conn.

     script   = flags seed *reaction LF input
     flags    = octet                          see FLAG_... below
     seed     = octet                          how the input is split, which allocations fail; one in
                                               four lets much input wait
     reaction = *(verb argument) "."           what to do at an event, or when there is none
     input    = *octet                         what the peer says

   The first reaction is played before any input.  Then each event, and each time that neither
   input nor events are left, plays the next one.  What an action does depends on its argument
   and on what happened before, but never on how the input was split: so a run over pieces must
   go like a run over the whole.  */

#include "conn-script.h"

#include <string.h>

#include "check.h"
#include "conn-run.h"

/* Flags.  Printable ones make scripts that can be written by hand: "@" is none.  */
#define FLAG_STRICT   0x01
#define FLAG_RAW      0x02
#define FLAG_LITTLE   0x04 /* little may be queued */
#define FLAG_FEW_FDS  0x08
#define FLAG_INSPECTS 0x10
#define FLAG_FDS      0x20
#define FLAG_FAILS    0x80 /* allocations fail */

#define LITTLE_OUTPUT 3000
#define FEW_FDS       2
#define MUCH_INPUT    40000

/* What may be said.  The long ones are filled up with x by text_for.  */
static const char *const texts[] = {
  "",     "A",   "two words",  "KEYWORD", "100% \r sure", "with\nlf",    "# one",    "drop me",
  "drop", "END", "OPTION a=b", "FD=3",    NULL,           " x  leading", "\xff\x80", "BYE farewell",
};
#define N_TEXTS (sizeof texts / sizeof *texts)

static const size_t text_lens[] = { 990, 996, 998, 999, 1000, 1001, 1002, 2000 };
#define MAX_TEXT 2000

static const size_t data_lens[] = { 0, 1, 2, 15, 16, 100, 995, 996, 997, 998, 999, 1500, 5000 };
#define N_DATA_LENS (sizeof data_lens / sizeof *data_lens)
#define MAX_DATA    5000

/* Returns the text that ARG chooses, in BUF, which has MAX_TEXT + 1 octets, or NULL.  */
static const char *
text_for (uint8_t arg, char *buf) {
  const char *text = texts[arg % N_TEXTS];

  if (arg % 3 || arg < 'A') return text;
  size_t len = text_lens[arg / 3 % (sizeof text_lens / sizeof *text_lens)];
  memset (buf, 'x', len);
  buf[len] = 0;
  return buf;
}

/* --- Events ----------------------------------------------------------------------------------- */

static void react (struct run *r);

static void
on_event (struct run *r, struct eva_event *e) {
  run_check_event (r, e);
  run_log (r, "event", (long) e->type);
  if (e->word) run_log_octets (r, "word", e->word, e->word_len);
  run_log_octets (r, "text", e->text, e->text_len);
  run_log (r, "code", (long) e->code);
  run_log (r, "state", (long) eva_conn_get_state (r->conn));
  run_consumed (r, 1, e);

  /* It is ours to write to.  The end of file has no octets that could be.  */
  if (e->word) memset (e->word, 'X', e->word_len);
  memset (e->text, 'X', e->text_len);
  react (r);
}

/* Handles all events that there are.  Returns false if there was none.  */
static bool
pump (struct run *r) {
  struct eva_event e;
  bool any = false;
  int rc;

  for (; (rc = run_next (r, &e)); any = true) {
    if (rc == 1) {
      on_event (r, &e);
    } else if (rc == EVA_E_LIMIT || rc == EVA_E_NOMEM) {
      CHECK (rc == EVA_E_LIMIT || r->script->fails);
      run_send_all (r); /* a CAN was due: it is tried again */
    } else {
      CHECK (rc < 0 && rc >= EVA_E_CLOSED);
      run_log (r, "error", rc);
      run_log (r, "state", (long) eva_conn_get_state (r->conn));
      run_consumed (r, rc, NULL);
      react (r);
    }
  }
  return any;
}

/* --- Actions ---------------------------------------------------------------------------------- */

static void
do_data (struct run *r, uint8_t arg) {
  char data[MAX_DATA] = { 0 };
  size_t len = data_lens[arg % N_DATA_LENS];
  size_t taken = SIZE_MAX;

  for (size_t i = 0; i < len; i++)
    data[i] = i % 61 == arg % 61u ? "%\r\n"[i % 3] : (char) ('a' + i % 26);
  int rc = eva_conn_data (r->conn, data, len, &taken);
  CHECK (taken <= len && (rc || taken == len));
  octets_add (&r->data, data, taken);
  run_log (r, "data", rc);
  run_log (r, "taken", (long) taken);
}

/* As eva_conn_next_line, and checks what was foretold of it.  */
static int
next_line (struct run *r, char **ret_line, size_t *ret_len) {
  int has_line = eva_conn_has_line (r->conn);
  int rc = eva_conn_next_line (r->conn, ret_line, ret_len);

  CHECK (rc <= 1 && rc >= EVA_E_CLOSED);
  CHECK (has_line ? rc == 1 || rc == EVA_E_LINE_TOO_LONG : rc != 1);
  return rc;
}

/* Reads a line as a blocking program does: more is fed until there is one.  */
static void
do_next_line (struct run *r) {
  char *line;
  size_t len;
  int rc;

  while (!(rc = next_line (r, &line, &len)) && run_feed (r))
    ;
  run_log (r, "next_line", rc);
  if (rc == 1) {
    run_check_line (r, line, len);
    run_log_octets (r, "line", line, len);
    memset (line, 'X', len);
  }
  if (rc) run_consumed (r, rc, NULL);
}

static void
do_peek (struct run *r) {
  char *line;
  size_t len;
  int rc;

  while (!(rc = eva_conn_peek (r->conn, &line, &len)) && run_feed (r))
    ;
  run_log (r, "peek", rc);
  if (rc != 1) return;
  run_check_line (r, line, len);
  run_log_octets (r, "line", line, len);
}

static int
do_inquire (struct run *r, const char *text, uint8_t arg) {
  static const size_t limits[] = { 0, 1, 5, 100, 1000, 3000 };
  size_t max = limits[arg % (sizeof limits / sizeof *limits)];
  int rc = eva_conn_inquire (r->conn, text ? text : "PIN", max);

  if (rc) return rc;
  r->inquiry_max = max;
  r->inquiry_len = 0;
  return 0;
}

/* What is passed on may be an inquiry, for whose answer there is no limit.  */
static int
do_pass (struct run *r, const char *text) {
  enum eva_conn_state before = eva_conn_get_state (r->conn);
  int rc = eva_conn_pass (r->conn, text, strlen (text));

  if (!rc && before != EVA_STATE_INQUIRY && eva_conn_get_state (r->conn) == EVA_STATE_INQUIRY)
    r->inquiry_max = r->inquiry_len = 0;
  return rc;
}

static int
do_drain (struct run *r) {
  int rc = eva_conn_drain (r->conn);

  if (!rc) r->has_given_up = true;
  return rc;
}

/* Says something with TEXT, and returns what the call returned.  1: VERB is none that says
   something.  */
static int
say_text (struct run *r, uint8_t verb, uint8_t arg, const char *text) {
  switch (verb) {
  case 'o':
    return eva_conn_ok (r->conn, text);
  case 'e':
    return eva_conn_err (r->conn, arg * 0x01010101u, text);
  case 's':
    return eva_conn_status (r->conn, arg & 64 ? "PROGRESS" : text ? text : "S", text);
  case '#':
    return eva_conn_comment (r->conn, text);
  case 'i':
    return do_inquire (r, text, arg);
  case 'c':
    return eva_conn_command (r->conn, text ? text : "NOP");
  case 'E':
    return eva_conn_end (r->conn);
  case 'C':
    return eva_conn_can (r->conn);
  case 'l':
    return eva_conn_line (r->conn, text, text ? strlen (text) : 0);
  case 'P':
    return do_pass (r, text ? text : "OK");
  case 'D':
    return do_drain (r);
  default:
    return 1;
  }
}

static int
say (struct run *r, uint8_t verb, uint8_t arg) {
  char buf[MAX_TEXT + 1];
  const char *text = text_for (arg, buf);
  int rc = say_text (r, verb, arg, text);

  /* A text of two lines could say anything.  */
  bool says_it = verb && strchr ("oes#icl", verb);
  if (says_it && text && strchr (text, '\n')) CHECK (rc < 0);
  return rc;
}

/* The actions that say nothing.  */
static void
do_other (struct run *r, uint8_t verb, uint8_t arg) {
  switch (verb) {
  case 'd':
    do_data (r, arg);
    break;
  case 'f':
    CHECK (eva_conn_flush (r->conn) == 0);
    break;
  case '+':
    run_log (r, "send_fd", run_send_fd (r));
    break;
  case '>':
    run_send (r, 1 + arg / 17u % 8, arg % 17u);
    break;
  case 'v':
    run_inspect (r);
    break;
  case 'n':
    do_next_line (r);
    break;
  case 'p':
    do_peek (r);
    break;
  case 'F':
    eva_conn_forget (r->conn);
    break;
  case 'x':
    eva_conn_close (r->conn);
    r->was_closed = true;
    CHECK (eva_conn_get_state (r->conn) == EVA_STATE_CLOSED);
    run_consumed (r, 0, NULL);
    break;
  default:
    break;
  }
}

/* Plays one action, and checks what is true for all of them.  */
static void
act (struct run *r, uint8_t verb, uint8_t arg) {
  enum eva_conn_state state = eva_conn_get_state (r->conn);
  size_t before = eva_conn_output_len (r->conn);
  size_t max = r->script->max_output_len ? r->script->max_output_len : EVA_DEFAULT_MAX_OUTPUT;
  int rc = say (r, verb, arg);

  if (rc == 1) {
    do_other (r, verb, arg);
  } else {
    char what[] = { (char) verb, 0 };

    run_log (r, what, rc);
    CHECK (rc <= 0 && rc >= EVA_E_CLOSED);
    CHECK (rc != EVA_E_NOMEM || r->script->fails);
    if (state == EVA_STATE_CLOSED) CHECK (rc == EVA_E_CLOSED);
    /* A failure queues nothing; only the open data line may have got its end.  */
    if (rc) CHECK (eva_conn_get_state (r->conn) == state);
    if (rc) CHECK (eva_conn_output_len (r->conn) - before <= 1);
  }
  CHECK (eva_conn_output_len (r->conn) <= max);
}

/* Plays the next reaction.  After the last one, a server says OK to everything.  */
static void
react (struct run *r) {
  const struct script *s = r->script;

  if (r->next_action >= s->actions_len) {
    if (s->role == EVA_ROLE_SERVER && eva_conn_get_state (r->conn) == EVA_STATE_COMMAND)
      act (r, 'o', 'A');
    return;
  }
  while (r->next_action < s->actions_len) {
    uint8_t verb = s->actions[r->next_action++];

    if (verb == '.') return;
    if (r->next_action == s->actions_len) return;
    act (r, verb, s->actions[r->next_action++]);
  }
}

/* --- Runs ------------------------------------------------------------------------------------- */

/* Says what lets the eva_conn go on.  Returns 1 if it does that by itself.  */
static int
go_on (struct run *r) {
  bool is_server = r->script->role == EVA_ROLE_SERVER;

  switch (eva_conn_get_state (r->conn)) {
  case EVA_STATE_GREETING:
    return is_server ? eva_conn_ok (r->conn, NULL) : 1;
  case EVA_STATE_INQUIRY:
  case EVA_STATE_OVERFLOW:
    return do_drain (r);
  case EVA_STATE_COMMAND:
    return eva_conn_err (r->conn, 1, NULL);
  case EVA_STATE_ANSWERING:
    return eva_conn_can (r->conn);
  default:
    return 1;
  }
}

/* Gets it out of a state in which it does not go on by itself.  Returns false if it is in none.  */
static bool
unstick (struct run *r) {
  int rc = go_on (r);

  if (rc == 1) return false;
  CHECK (rc == 0 || rc == EVA_E_LIMIT || (rc == EVA_E_NOMEM && r->script->fails));
  if (rc) run_send_all (r);
  return true;
}

static void
play (struct run *r) {
  react (r);
  for (;;) {
    bool fed = run_feed (r);

    if (pump (r) || fed) continue;
    if (r->next_action < r->script->actions_len)
      react (r);
    else if (!unstick (r))
      return;
  }
}

/* Plays the script up to some point, and releases the eva_conn with all that it holds.  */
static void
play_and_abandon (struct run *r) {
  react (r);
  for (uint64_t n = r->script->seed >> 32 & 7; n > 0; n--) {
    run_feed (r);
    pump (r);
  }
  run_feed (r);
  run_abandon (r);
}

/* Writes to stderr what differs.  */
static void
show_difference (const struct octets *whole, const struct octets *pieces) {
  fprintf (stderr, "--- whole:\n");
  fwrite (whole->data, 1, whole->len, stderr);
  fprintf (stderr, "--- in pieces:\n");
  fwrite (pieces->data, 1, pieces->len, stderr);
}

static void
compare (const struct octets *whole, const struct octets *pieces) {
  bool same =
      whole->len == pieces->len && (!whole->len || !memcmp (whole->data, pieces->data, whole->len));

  if (!same) show_difference (whole, pieces);
  CHECK (same);
}

/* Returns how many descriptors the input brings.  */
static size_t
count_fds (const struct script *s) {
  size_t n = 0;

  for (size_t i = 0; s->has_fds && i < s->input_len; i++)
    n += s->input[i] == '&';
  return n;
}

static struct script
parse (enum eva_role role, const uint8_t *data, size_t len) {
  struct script s = { .role = role };
  uint8_t flags = data[0];
  const uint8_t *lf = memchr (data + 2, '\n', len - 2);

  if (flags & FLAG_STRICT) s.conn_flags |= EVA_CONN_STRICT;
  if (flags & FLAG_RAW) s.conn_flags |= EVA_CONN_RAW;
  if (flags & FLAG_LITTLE) s.max_output_len = LITTLE_OUTPUT;
  if (flags & FLAG_FEW_FDS) s.max_fds = FEW_FDS;
  s.inspects = flags & FLAG_INSPECTS;
  s.has_fds = flags & FLAG_FDS;
  s.fails = flags & FLAG_FAILS;
  if (data[1] % 4 == 0) s.max_input_len = MUCH_INPUT;
  s.seed = data[1] * 0x9e3779b97f4a7c15u | 1;
  s.actions = data + 2;
  s.actions_len = lf ? (size_t) (lf - s.actions) : len - 2;
  s.input = lf ? lf + 1 : data + len;
  s.input_len = (size_t) (data + len - s.input);
  if (count_fds (&s) > EVA_DEFAULT_MAX_FDS && !s.max_fds) s.max_fds = EVA_DEFAULT_MAX_FDS;
  return s;
}

void
script_play (enum eva_role role, const uint8_t *data, size_t len) {
  struct run whole;
  struct run pieces;
  struct run abandoned;

  if (len < 2) return;
  struct script s = parse (role, data, len);
  run_init (&whole, &s, false);
  play (&whole);
  run_init (&pieces, &s, true);
  play (&pieces);

  /* How often memory is asked for depends on the split, and so does which of the askings fail;
     and descriptors that are refused for their number depend on how many were taken by then.  */
  if (!s.fails && !s.max_fds) {
    run_send_all (&whole);
    run_send_all (&pieces);
    compare (&whole.log, &pieces.log);
    compare (&whole.sent, &pieces.sent);
  }
  run_deinit (&whole);
  run_deinit (&pieces);
  run_init (&abandoned, &s, false);
  play_and_abandon (&abandoned);
}
