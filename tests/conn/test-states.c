/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-states.c - every state with every line that can come and everything that can be said.

   States are driven to by real dialogues.  What must follow stands in the tables below, a letter
   for each state in the order of the role's own states; the moves that were seen on the way must in
   the end be those that the library's table has.  */

#include <stdlib.h>
#include <string.h>

#include "conn/state.h"
#include "conversation.h"

#define N_ELEMENTS(array) (sizeof (array) / sizeof *(array))

/* A letter for each state, in the order of enum eva_conn_state: greeting, idle, command, inquiry
   (Q), overflow, straggler, pending, answering, draining, closed (X).  */
static const char letters[] = "GICQOSPADX";
static const char *const states_of[] = {
  [EVA_ROLE_SERVER] = "GICQOSX", [EVA_ROLE_CLIENT] = "GIPADX"
};

static enum eva_conn_state
state_for (char letter) {
  return (enum eva_conn_state) (strchr (letters, letter) - letters);
}

/* The moves that were seen.  */
static bool seen[EVA_N_STATES][EVA_N_STATES];

/* --- Driving ---------------------------------------------------------------------------------- */

static void *
give (void *arg, size_t len) {
  (void) arg;
  return calloc (1, len);
}

static void
take_back (void *arg, void *ptr, size_t len) {
  (void) arg;
  (void) len;
  free (ptr);
}

static void
feed (eva_conn *c, const char *text, size_t len) {
  size_t room;
  char *buf;

  for (; len; text += room, len -= room) {
    buf = eva_conn_inbuf (c, &room);
    if (!buf) return;
    if (room > len) room = len;
    memcpy (buf, text, room);
    assert_int_equal (eva_conn_fed (c, room), 0);
  }
}

/* Feeds a line and expects an event.  */
static void
get (eva_conn *c, const char *text, enum eva_event_type type) {
  struct eva_event ev;

  feed (c, text, strlen (text));
  assert_int_equal (eva_conn_next (c, &ev), 1);
  assert_int_equal (ev.type, type);
}

static void
drive_server (eva_conn *c, char letter) {
  if (letter == 'G') return;
  assert_int_equal (eva_conn_ok (c, NULL), 0);
  if (letter == 'I') return;
  get (c, "ASK\n", EVA_EVENT_COMMAND);
  if (letter == 'C') return;
  assert_int_equal (eva_conn_inquire (c, "KEY", 3), 0);
  if (letter == 'O') get (c, "D 1234\n", EVA_EVENT_OVERFLOW);
  if (letter == 'S') assert_int_equal (eva_conn_ok (c, NULL), 0);
}

static void
drive_client (eva_conn *c, char letter) {
  if (letter == 'G') return;
  get (c, "OK\n", EVA_EVENT_OK);
  if (letter == 'I') return;
  assert_int_equal (eva_conn_command (c, "ASK"), 0);
  if (letter == 'A') get (c, "INQUIRE KEY\n", EVA_EVENT_INQUIRE);
  if (letter == 'D') assert_int_equal (eva_conn_drain (c), 0);
}

/* A new eva_conn in the state LETTER, with nothing queued and no event due.  */
static eva_conn *
drive (enum eva_role role, unsigned int flags, char letter) {
  struct eva_conn_config config = {
    .role = role, .flags = flags, .alloc = give, .release = take_back
  };
  struct eva_event ev;
  eva_conn *c;

  assert_int_equal (eva_conn_new (&config, &c), 0);
  if (letter == 'X')
    eva_conn_close (c);
  else if (role == EVA_ROLE_SERVER)
    drive_server (c, letter);
  else
    drive_client (c, letter);
  assert_int_equal (eva_conn_next (c, &ev), 0);
  eva_conn_sent (c, SIZE_MAX);
  assert_int_equal (eva_conn_output_len (c), 0);
  assert_int_equal (letters[eva_conn_get_state (c)], letter);
  return c;
}

/* C was in state LETTER and must be in state EXPECTED now.  Frees it.  */
static void
finish (eva_conn *c, char letter, char expected, const char *what) {
  char now = letters[eva_conn_get_state (c)];

  if (now != expected) fail_msg ("`%s' moved %c to %c, not to %c", what, letter, now, expected);
  seen[state_for (letter)][state_for (now)] = true;
  eva_conn_free (c);
}

/* --- What is said ----------------------------------------------------------------------------- */

enum call {
  CALL_OK,
  CALL_ERR,
  CALL_STATUS,
  CALL_COMMENT,
  CALL_INQUIRE,
  CALL_COMMAND,
  CALL_DATA,
  CALL_END,
  CALL_CAN,
  CALL_LINE,
  CALL_DRAIN
};

static int
say (eva_conn *c, enum call call) {
  size_t taken = 0;

  switch (call) {
  case CALL_OK:
    return eva_conn_ok (c, "text");
  case CALL_ERR:
    return eva_conn_err (c, 1, "text");
  case CALL_STATUS:
    return eva_conn_status (c, "KEY", "text");
  case CALL_COMMENT:
    return eva_conn_comment (c, "text");
  case CALL_INQUIRE:
    return eva_conn_inquire (c, "KEY", 0);
  case CALL_COMMAND:
    return eva_conn_command (c, "NOP");
  case CALL_DATA:
    return eva_conn_data (c, "x", 1, &taken);
  case CALL_END:
    return eva_conn_end (c);
  case CALL_CAN:
    return eva_conn_can (c);
  case CALL_LINE:
    return eva_conn_line (c, "x", 1);
  default:
    return eva_conn_drain (c);
  }
}

/* For each state of a role the state after the call, or - where it is refused.  RAW: the same with
   EVA_CONN_RAW.  */
struct call_row {
  enum call call;
  const char *name;
  const char *next;
  const char *raw_next;
};

static const struct call_row server_calls[] = {
  { CALL_OK, "OK", "I-ISS--", "I-ISS--" },
  { CALL_ERR, "ERR", "XIISSS-", "XIISSS-" },
  { CALL_STATUS, "S", "--CQO--", "GICQOS-" },
  { CALL_COMMENT, "#", "GICQOS-", "GICQOS-" },
  { CALL_INQUIRE, "INQUIRE", "--Q----", "-QQ--Q-" },
  { CALL_COMMAND, "command", "-------", "-------" },
  { CALL_DATA, "D", "--CQO--", "GICQOS-" },
  { CALL_END, "END", "--CQO--", "GICQOS-" },
  { CALL_CAN, "CAN", "-------", "GICQOS-" },
  { CALL_LINE, "line", "GICQOS-", "GICQOS-" },
  { CALL_DRAIN, "drain", "---CC--", "---CC--" },
};

static const struct call_row client_calls[] = {
  { CALL_OK, "OK", "------", "------" },           { CALL_ERR, "ERR", "------", "------" },
  { CALL_STATUS, "S", "------", "GIPAD-" },        { CALL_COMMENT, "#", "GIPAD-", "GIPAD-" },
  { CALL_INQUIRE, "INQUIRE", "------", "------" }, { CALL_COMMAND, "command", "-PP---", "-PP---" },
  { CALL_DATA, "D", "---A--", "GIPAD-" },          { CALL_END, "END", "---P--", "GIPPD-" },
  { CALL_CAN, "CAN", "---P--", "GIPPD-" },         { CALL_LINE, "line", "GIPAD-", "GIPAD-" },
  { CALL_DRAIN, "drain", "--DD--", "--DD--" },
};

static void
check_call (enum eva_role role, unsigned int flags, const struct call_row *row, size_t i) {
  char letter = states_of[role][i];
  char expected = flags & EVA_CONN_RAW ? row->raw_next[i] : row->next[i];
  eva_conn *c = drive (role, flags, letter);
  int rc = say (c, row->call);

  if (expected == '-') {
    int error = letter == 'X' ? EVA_E_CLOSED : EVA_E_STATE;
    if (rc != error) fail_msg ("`%s' in %c gave %d", row->name, letter, rc);
    assert_int_equal (eva_conn_output_len (c), 0);
    finish (c, letter, letter, row->name);
    return;
  }
  if (rc) fail_msg ("`%s' in %c gave %d", row->name, letter, rc);
  /* All but giving up a reply for which nothing was inquired says something.  */
  if (row->call != CALL_DRAIN || letter == 'A') assert_true (eva_conn_output_len (c) > 0);
  finish (c, letter, expected, row->name);
}

static void
check_calls (enum eva_role role, const struct call_row *rows, size_t n_rows) {
  size_t n_states = strlen (states_of[role]);

  for (size_t row = 0; row < n_rows; row++)
    for (size_t i = 0; i < n_states; i++) {
      check_call (role, 0, &rows[row], i);
      check_call (role, EVA_CONN_RAW, &rows[row], i);
    }
}

static void
test_calls (void **state) {
  (void) state;
  check_calls (EVA_ROLE_SERVER, server_calls, N_ELEMENTS (server_calls));
  check_calls (EVA_ROLE_CLIENT, client_calls, N_ELEMENTS (client_calls));
}

/* Calls that cannot fail.  */
static void
test_plain_calls (void **state) {
  static const char *const forgotten[] = { "GICQOSX", "GIIIIX" };

  (void) state;
  for (int role = 0; role < 2; role++)
    for (const char *s = states_of[role]; *s; s++) {
      eva_conn *c = drive ((enum eva_role) role, 0, *s);
      eva_conn_forget (c);
      assert_int_equal (eva_conn_flush (c), 0);
      assert_int_equal (eva_conn_output_len (c), 0);
      finish (c, *s, forgotten[role][s - states_of[role]], "forget");
      c = drive ((enum eva_role) role, 0, *s);
      eva_conn_close (c);
      finish (c, *s, 'X', "close");
    }
}

/* --- What comes ------------------------------------------------------------------------------- */

/* A letter for each event, in the order of enum eva_event_type, and for each error, negated.  */
static const char event_letters[] = "?cdenoukrsq#_z";
static const char error_letters[] = "?MSLTBYTEX";

/* For each state of a role the letter of what comes of the octets, or a dot if nothing does, and
   the state behind it.  LEN 0: the end of file; FILLED: with so many x in the middle.  */
struct input_row {
  const char *octets;
  const char *next;
  size_t n_filled;
  bool eof;
  bool strict;
};

#define LINE_ROW(octets, next) { octets, next, 0, false, false }

static const struct input_row server_inputs[] = {
  LINE_ROW ("\n", ".G _I .C _Q _O _S .X"),
  LINE_ROW ("# c\n", ".G _I .C _Q _O _S .X"),
  LINE_ROW ("NOP\n", ".G cC .C uC uC cC .X"),
  LINE_ROW (" NOP\n", ".G YI .C uC uC YI .X"),
  LINE_ROW ("D 123\n", ".G cC .C dQ _O _S .X"),
  LINE_ROW ("D 1234\n", ".G cC .C oO _O _S .X"),
  LINE_ROW ("D\n", ".G cC .C uC uC cC .X"),
  LINE_ROW ("END\n", ".G cC .C eC eC _I .X"),
  LINE_ROW ("CAN\n", ".G cC .C nC nC _I .X"),
  LINE_ROW ("CANCEL x\n", ".G cC .C nC nC _I .X"),
  LINE_ROW ("CANDY\n", ".G cC .C uC uC cC .X"),
  LINE_ROW ("OK\n", ".G cC .C uC uC cC .X"),
  { "NOP \n", ".G LI .C LC LC LI .X", 2000, false, false },
  { "END \n", ".G LI .C LC LC _I .X", 2000, false, false },
  { "CAN \n", ".G LI .C LC LC _I .X", 2000, false, false },
  { "D \n", ".G LI .C LO _O _S .X", 2000, false, false },
  { "# \n", ".G LI .C LO _O _S .X", 2000, false, false },
  { "D %\n", ".G cC .C EO _O _S .X", 0, false, true },
  { "", "zG zI zC zQ zO zS .X", 0, true, false },
  { "EN", "TG TI TC TQ TO TS .X", 0, true, false },
};

static const struct input_row client_inputs[] = {
  LINE_ROW ("\n", "_G _I _P _A _D .X"),
  LINE_ROW ("# c\n", "#G #I #P #A _D .X"),
  LINE_ROW ("OK\n", "kI SI kI kI _I .X"),
  LINE_ROW ("ERR 1 no\n", "rX SI rI rI _I .X"),
  LINE_ROW ("ERR\n", "rX SI rI rI _I .X"),
  LINE_ROW ("S a b\n", "SG sI sP sA _D .X"),
  LINE_ROW ("D x\n", "SG SI dP dA _D .X"),
  LINE_ROW ("END\n", "SG SI eP eA _D .X"),
  LINE_ROW ("INQUIRE x\n", "SG SI qA .A _D .X"),
  LINE_ROW ("NOP\n", "YG YI YP YA _D .X"),
  { "# \n", "LG LI LP LA _D .X", 2000, false, false },
  { "D \n", "LG LI LP LA _D .X", 2000, false, false },
  { "OK \n", "LG LI LI LI _I .X", 2000, false, false },
  { "ERR 1 \n", "LG LI LI LI _I .X", 2000, false, false },
  { "INQUIRE \n", "LG LI LA .A _D .X", 2000, false, false },
  { "D %\n", "SG SI EP EA _D .X", 0, false, true },
  { "", "zG zI zP zA zD .X", 0, true, false },
  { "OK", "TG TI TP TA TD .X", 0, true, false },
};

static void
feed_row (eva_conn *c, const struct input_row *row) {
  size_t len = strlen (row->octets);
  char *octets = malloc (len + row->n_filled + 1);

  assert_non_null (octets);
  memcpy (octets, row->octets, len + 1);
  if (row->n_filled) {
    memset (octets + len - 1, 'x', row->n_filled);
    octets[len + row->n_filled - 1] = '\n';
  }
  feed (c, octets, len + row->n_filled);
  free (octets);
  if (row->eof) assert_int_equal (eva_conn_fed (c, 0), 0);
}

static void
check_input (enum eva_role role, unsigned int flags, const struct input_row *row, size_t i) {
  char letter = states_of[role][i];
  eva_conn *c = drive (role, flags, letter);
  struct eva_event ev;
  char got;
  int rc;

  feed_row (c, row);
  assert_int_equal (letters[eva_conn_get_state (c)], letter);
  rc = eva_conn_next (c, &ev);
  got = rc < 0 ? error_letters[-rc] : rc ? event_letters[ev.type] : '.';
  if (got != row->next[3 * i]) fail_msg ("`%.10s' in %c gave %c", row->octets, letter, got);
  /* Only an inquiry that was given up is answered by itself.  */
  assert_true (!eva_conn_output_len (c) == !(letter == 'D' && row->octets[0] == 'I'));
  finish (c, letter, row->next[3 * i + 1], row->octets);
}

static void
check_inputs (enum eva_role role, const struct input_row *rows, size_t n_rows) {
  for (size_t row = 0; row < n_rows; row++)
    for (size_t i = 0; i < strlen (states_of[role]); i++) {
      unsigned int strict = rows[row].strict ? EVA_CONN_STRICT : 0;
      check_input (role, strict, &rows[row], i);
      check_input (role, strict | EVA_CONN_RAW, &rows[row], i);
    }
}

static void
test_inputs (void **state) {
  (void) state;
  check_inputs (EVA_ROLE_SERVER, server_inputs, N_ELEMENTS (server_inputs));
  check_inputs (EVA_ROLE_CLIENT, client_inputs, N_ELEMENTS (client_inputs));
}

/* Raw lines move no state, whatever they are.  */
static void
test_raw_lines (void **state) {
  (void) state;
  for (int role = 0; role < 2; role++) {
    bool is_server = role == EVA_ROLE_SERVER;
    const struct input_row *rows = is_server ? server_inputs : client_inputs;
    size_t n = is_server ? N_ELEMENTS (server_inputs) : N_ELEMENTS (client_inputs);
    for (size_t row = 0; row < n; row++)
      for (const char *s = states_of[role]; *s; s++) {
        eva_conn *c = drive ((enum eva_role) role, 0, *s);
        char *line;
        size_t len;
        feed_row (c, &rows[row]);
        eva_conn_next_line (c, &line, &len);
        finish (c, *s, *s, rows[row].octets);
      }
  }
}

/* What a server skips, and inquiries outside of commands, lead to other states than those in the
   tables.  */
static void
test_given_up (void **state) {
  eva_conn *c = drive (EVA_ROLE_SERVER, 0, 'Q');

  (void) state;
  assert_int_equal (eva_conn_drain (c), 0);
  assert_int_equal (eva_conn_ok (c, NULL), 0);
  finish (c, 'C', 'S', "OK");
  for (const char *s = "QO"; *s; s++) {
    c = drive (EVA_ROLE_SERVER, EVA_CONN_RAW, 'I');
    assert_int_equal (eva_conn_inquire (c, "KEY", 1), 0);
    if (*s == 'O') get (c, "D 12\n", EVA_EVENT_OVERFLOW);
    get (c, "END\n", EVA_EVENT_END);
    finish (c, *s, 'I', "END");
  }
}

/* With another request under way, a reply that was given up leads to that one's.  */
static void
test_drained_to_pending (void **state) {
  eva_conn *c = drive (EVA_ROLE_CLIENT, 0, 'P');

  (void) state;
  assert_int_equal (eva_conn_command (c, "NEXT"), 0);
  assert_int_equal (eva_conn_drain (c), 0);
  get (c, "OK\n", EVA_EVENT_SKIPPED);
  finish (c, 'D', 'P', "OK");
}

/* --- The tables ------------------------------------------------------------------------------- */

/* Runs last: what was seen is all that the library allows.  */
static void
test_moves (void **state) {
  (void) state;
  for (int from = 0; from < EVA_N_STATES; from++)
    for (int to = 0; to < EVA_N_STATES; to++) {
      bool may = eva__conn_may_move ((enum eva_conn_state) from, (enum eva_conn_state) to);
      if (from == to) continue;
      if (may != seen[from][to])
        fail_msg ("move %c to %c: %s", letters[from], letters[to],
                  may ? "never made" : "not allowed");
    }
}

/* A move that there is not closes the dialogue, and none leads out of that.  */
static void
test_set_state (void **state) {
  (void) state;
  for (int from = 0; from < EVA_N_STATES; from++)
    for (int to = 0; to < EVA_N_STATES; to++) {
      eva_conn *c = drive (EVA_ROLE_SERVER, 0, 'G');
      bool may =
          from == to || eva__conn_may_move ((enum eva_conn_state) from, (enum eva_conn_state) to);
      c->state = (enum eva_conn_state) from;
      eva__conn_set_state (c, (enum eva_conn_state) to);
      assert_int_equal (eva_conn_get_state (c), may ? to : EVA_STATE_CLOSED);
      eva_conn_free (c);
    }
}

/* eva__conn_may_say agrees with what was said above, and in the states of the other role forbids
   everything.  */
static void
test_may_say (void **state) {
  static const int verbs[] = { EVA__SAY_OK,      EVA__SAY_ERR,     EVA__SAY_STATUS,
                               EVA__SAY_COMMENT, EVA__SAY_INQUIRE, EVA__SAY_COMMAND,
                               EVA__SAY_DATA,    EVA__SAY_END,     EVA__SAY_CAN,
                               EVA__SAY_LINE };

  (void) state;
  assert_int_equal (N_ELEMENTS (verbs), EVA__N_VERBS);
  for (int role = 0; role < 2; role++)
    for (size_t verb = 0; verb < N_ELEMENTS (verbs); verb++)
      for (int i = 0; i < EVA_N_STATES; i++) {
        const struct call_row *row =
            role == EVA_ROLE_SERVER ? &server_calls[verb] : &client_calls[verb];
        const char *own = strchr (states_of[role], letters[i]);
        bool may = own && row->next[own - states_of[role]] != '-';
        eva_conn *c = drive ((enum eva_role) role, 0, 'G');
        c->state = (enum eva_conn_state) i;
        assert_int_equal (eva__conn_may_say (c, (enum eva__conn_verb) verbs[verb]),
                          may                 ? 0
                          : letters[i] == 'X' ? EVA_E_CLOSED
                                              : EVA_E_STATE);
        eva_conn_free (c);
      }
}

int
main (void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_calls),    cmocka_unit_test (test_plain_calls),
    cmocka_unit_test (test_inputs),   cmocka_unit_test (test_raw_lines),
    cmocka_unit_test (test_given_up), cmocka_unit_test (test_drained_to_pending),
    cmocka_unit_test (test_moves),    cmocka_unit_test (test_set_state),
    cmocka_unit_test (test_may_say),
  };

  return cmocka_run_group_tests_name ("states", tests, NULL, NULL);
}
