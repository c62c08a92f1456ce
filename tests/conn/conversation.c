/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conversation.c - plays the steps of a conversation.  See conversation.h.  */

#include "conversation.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn/state.h"
#include "player.h"

#define N_ELEMENTS(array) (sizeof (array) / sizeof *(array))

/* --- Reading ---------------------------------------------------------------------------------- */

/* The next event, for which as much is fed as is needed.  Returns what eva_conn_next did, or 0
   if memory stays short.  */
static int
next_event (struct player *p, struct eva_event *ev) {
  for (;;) {
    int rc = eva_conn_next (p->conn, ev);
    player_look_inside (p);
    if (rc == EVA_E_NOMEM && player_was_short (p)) continue;
    if (p->gave_up) return 0;
    if (rc) return rc;
    if (!eva__wire_lines_waiting (&p->conn->in)) CHECK (p, !p->conn->in.base);
    if (!player_feed (p)) return 0;
  }
}

/* The same for raw lines.  */
static int
next_line (struct player *p, char **ret_line, size_t *ret_len) {
  for (;;) {
    int rc = eva_conn_next_line (p->conn, ret_line, ret_len);
    player_look_inside (p);
    if (rc || !player_feed (p)) return rc;
  }
}

static void
check_error (struct player *p, int rc) {
  char what[80];

  if (rc == p->step->number) return;
  snprintf (what, sizeof what, "got %d, expected %ld", rc, p->step->number);
  FAIL (p, what);
}

/* Words and texts are the reader's to write on, which the eva_conn must not mind.  */
static void
spoil (char *text, size_t len) {
  if (len) memset (text, 'X', len);
}

static void
check_word (struct player *p, const struct eva_event *ev) {
  if (!p->step->word) {
    CHECK (p, !ev->word && !ev->word_len);
    return;
  }
  CHECK (p, ev->word);
  player_compare (p, ev->word, ev->word_len,
                  &(struct text) { .head = p->step->word, .head_len = strlen (p->step->word) });
  if (ev->type == EVA_EVENT_COMMAND) CHECK (p, !ev->word[ev->word_len]);
}

static void
do_event (struct player *p) {
  struct eva_event ev;
  int rc = next_event (p, &ev);
  char what[80];

  if (p->gave_up) return;
  if (rc != 1 || ev.type != (enum eva_event_type) p->step->number) {
    snprintf (what, sizeof what, "got %d, event %d, expected event %ld", rc,
              rc == 1 ? (int) ev.type : 0, p->step->number);
    FAIL (p, what);
  }
  CHECK (p, ev.text && !ev.text[ev.text_len]);
  player_compare (p, ev.text, ev.text_len, &p->step->text);
  check_word (p, &ev);
  CHECK (p, ev.code == p->step->code);
  if (ev.word) spoil (ev.word, ev.word_len);
  spoil (ev.text, ev.text_len);
}

static void
do_no_event (struct player *p) {
  struct eva_event ev;
  int rc = next_event (p, &ev);

  if (!p->gave_up) check_error (p, rc);
}

static void
do_line (struct player *p) {
  char *line;
  size_t len;
  int rc = next_line (p, &line, &len);

  if (p->gave_up) return;
  CHECK (p, rc == 1 && !line[len]);
  player_compare (p, line, len, &p->step->text);
  spoil (line, len);
}

static void
do_no_line (struct player *p) {
  char *line;
  size_t len;
  int rc = next_line (p, &line, &len);

  if (!p->gave_up) check_error (p, rc);
}

static void
do_peek (struct player *p) {
  char *line = NULL;
  size_t len = 0;
  int rc;

  player_settle (p);
  if (p->gave_up) return;
  rc = eva_conn_peek (p->conn, &line, &len);
  CHECK (p, rc == (p->step->op == STEP_PEEK));
  if (rc) CHECK (p, !line[len]);
  if (rc) player_compare (p, line, len, &p->step->text);
}

/* What the eva_conn says of itself once all has come.  */
static void
do_ask (struct player *p) {
  size_t room = 0;
  void *buf;

  player_settle (p);
  if (p->gave_up) return;
  switch (p->step->op) {
  case STEP_HAS_LINE:
    CHECK (p, eva_conn_has_line (p->conn) == p->step->number);
    break;
  case STEP_AT_EOF:
    CHECK (p, eva_conn_at_eof (p->conn) == p->step->number);
    break;
  default:
    do
      buf = eva_conn_inbuf (p->conn, &room);
    while (!buf && room && player_was_short (p));
    if (p->gave_up) return;
    CHECK (p, !buf == !room);
    /* What the conversation says is true of a buffer of the usual length.  */
    if (p->conn->in.size != EVA_SMALL_SIZE) CHECK (p, !room == !p->step->number);
  }
}

static void
do_fed_fd (struct player *p) {
  if (p->expected_rc) {
    int rc;
    player_settle (p);
    do
      rc = eva_conn_fed_fd (p->conn, (int) p->step->number);
    while (rc == EVA_E_NOMEM && player_was_short (p));
    CHECK (p, p->gave_up || rc == p->expected_rc);
    p->expected_rc = 0;
    return;
  }
  CHECK (p, p->n_marks < PLAYER_MAX_MARKS);
  p->marks[p->n_marks++] = (struct mark) { .at = p->input_len, .fd = (int) p->step->number };
}

static void
do_take_fd (struct player *p) {
  int fd = -1;
  int rc;

  if (p->step->op == STEP_NO_FD) player_settle (p);
  if (p->gave_up) return;
  if (p->step->op == STEP_TAKE_ANY_FD)
    rc = eva_conn_take_any_fd (p->conn, &fd);
  else
    rc = eva_conn_take_fd (p->conn, &fd);
  CHECK (p, rc == (fd >= 0));
  CHECK (p, fd == (p->step->op == STEP_NO_FD ? -1 : p->step->number));
}

static void
do_at_rest (struct player *p) {
  struct eva_event ev;

  CHECK (p, next_event (p, &ev) == 0);
  if (!p->gave_up) CHECK (p, p->n_live == 1);
}

/* --- Saying ----------------------------------------------------------------------------------- */

static int
say (struct player *p, const char *text, size_t len) {
  const struct step *s = p->step;
  eva_conn *c = p->conn;

  switch (s->op) {
  case STEP_OK:
    return eva_conn_ok (c, text);
  case STEP_ERR:
    return eva_conn_err (c, s->code, text);
  case STEP_STATUS:
    return eva_conn_status (c, s->word, text);
  case STEP_COMMENT:
    return eva_conn_comment (c, text);
  case STEP_INQUIRE:
    return eva_conn_inquire (c, text, (size_t) s->number);
  case STEP_COMMAND:
    return eva_conn_command (c, text);
  case STEP_END:
    return eva_conn_end (c);
  case STEP_CAN:
    return eva_conn_can (c);
  case STEP_RAW:
    return eva_conn_line (c, text, len);
  case STEP_PASS:
    return eva_conn_pass (c, text, len);
  case STEP_DRAIN:
    return eva_conn_drain (c);
  case STEP_SEND_FD:
    return eva_conn_send_fd (c, (int) s->number);
  default:
    FAIL (p, "no such step");
  }
}

/* Nothing was queued.  Where memory or room was looked for, an open data line may have been
   ended.  */
static void
check_unchanged (struct player *p, int rc, const eva_conn *before) {
  size_t len = eva_conn_output_len (p->conn);
  size_t old_len = before->out.len + before->out.open_len;
  bool ended =
      before->out.open_len && !p->conn->out.open_len && (rc == EVA_E_NOMEM || rc == EVA_E_LIMIT);

  CHECK (p, len == old_len + (ended ? 1 : 0));
  CHECK (p, eva__conn_fds_count (&p->conn->out_fds) == eva__conn_fds_count (&before->out_fds)
                && p->conn->n_pending == before->n_pending);
  CHECK (p, eva_conn_get_state (p->conn) == before->state);
}

static void
do_say (struct player *p) {
  const struct step *s = p->step;
  eva_conn before = *p->conn;
  size_t len = 0;
  char *text = s->has_text ? player_expand (&s->text, &len) : NULL;
  char what[80];
  int rc;

  for (;;) {
    rc = say (p, text, len);
    if (rc) check_unchanged (p, rc, &before);
    if (rc != EVA_E_NOMEM || !player_was_short (p)) break;
    before = *p->conn;
  }
  free (text);
  if (!p->gave_up && rc != p->expected_rc) {
    snprintf (what, sizeof what, "got %d, expected %d", rc, p->expected_rc);
    FAIL (p, what);
  }
  p->expected_rc = 0;
}

static void
do_data (struct player *p) {
  size_t len, done = 0, taken;
  char *data = player_expand (&p->step->text, &len);
  int rc;

  do {
    taken = SIZE_MAX;
    rc = eva_conn_data (p->conn, data + done, len - done, &taken);
    CHECK (p, taken <= len - done && (rc || taken == len - done));
    done += taken;
    player_look_inside (p);
  } while (rc == EVA_E_NOMEM && player_was_short (p));
  free (data);
  if (!p->gave_up) {
    CHECK (p, rc == p->expected_rc);
    CHECK (p, done == (p->expected_taken == SIZE_MAX ? (rc ? 0 : len) : p->expected_taken));
  }
  p->expected_rc = 0;
  p->expected_taken = SIZE_MAX;
}

/* What cannot fail.  */
static void
do_plain (struct player *p) {
  switch (p->step->op) {
  case STEP_FLUSH:
    CHECK (p, eva_conn_flush (p->conn) == 0);
    break;
  case STEP_FORGET:
    eva_conn_forget (p->conn);
    break;
  case STEP_DISCARD:
    eva_conn_discard (p->conn);
    break;
  case STEP_SENT_ALL:
    eva_conn_sent (p->conn, SIZE_MAX);
    p->n_with_fds = 0;
    break;
  case STEP_CLOSE:
    eva_conn_close (p->conn);
    CHECK (p, !p->conn->in.base && eva_conn_get_state (p->conn) == EVA_STATE_CLOSED);
    break;
  default:
    FAIL (p, "no such step");
  }
}

/* --- What leaves ------------------------------------------------------------------------------ */

static void
do_out (struct player *p) {
  size_t len;
  char *octets = player_expand (&p->step->text, &len);

  player_receive (p, octets, len);
  free (octets);
}

static void
do_no_out (struct player *p) {
  struct iovec iov;

  CHECK (p, eva_conn_output (p->conn, &iov, 1) == 0);
}

static void
do_lent (struct player *p) {
  struct iovec iov[8];
  char buf[4 * EVA_LINE_SIZE];
  size_t n = eva_conn_output (p->conn, iov, 8);
  size_t len = 0;

  CHECK (p, eva_conn_output (p->conn, iov, 0) == 0);
  for (size_t i = 0; i < n; i++) {
    CHECK (p, iov[i].iov_len && len + iov[i].iov_len <= sizeof buf);
    memcpy (buf + len, iov[i].iov_base, iov[i].iov_len);
    len += iov[i].iov_len;
  }
  player_compare (p, buf, len, &p->step->text);
}

static void
do_inspect (struct player *p) {
  const char *line;
  size_t len;
  int rc = eva_conn_inspect (p->conn, &line, &len);

  CHECK (p, rc == (p->step->op == STEP_INSPECT));
  if (rc) player_compare (p, line, len, &p->step->text);
}

static void
do_take_out_fd (struct player *p) {
  int fd = -1;
  int rc = eva_conn_take_output_fd (p->conn, &fd);

  CHECK (p, rc == (p->step->op == STEP_TAKE_OUT_FD));
  CHECK (p, fd == (rc ? p->step->number : -1));
}

static void
do_out_len (struct player *p) {
  CHECK (p, eva_conn_output_len (p->conn) == (size_t) p->step->number);
}

/* --- Steps ------------------------------------------------------------------------------------ */

static void
do_peer (struct player *p) {
  if (p->step->op == STEP_FEED) {
    player_send (p, &p->step->text);
    return;
  }
  p->eof = true;
  if (p->way->cut == CUT_NONE) player_settle (p);
}

/* What concerns the step that is next.  */
static void
do_prepare (struct player *p) {
  if (p->step->op == STEP_FAILS) p->expected_rc = (int) p->step->number;
  if (p->step->op == STEP_TAKES) p->expected_taken = (size_t) p->step->number;
  if (p->step->op != STEP_WITH_FD) return;
  CHECK (p, p->n_with_fds < PLAYER_MAX_MARKS);
  p->with_fds[p->n_with_fds++] = (int) p->step->number;
}

static void
do_state (struct player *p) {
  CHECK (p, eva_conn_get_state (p->conn) == (enum eva_conn_state) p->step->number);
}

typedef void step_func (struct player *);

static step_func *const step_funcs[] = {
  [STEP_FEED] = do_peer,
  [STEP_FED_FD] = do_fed_fd,
  [STEP_EOF] = do_peer,
  [STEP_EVENT] = do_event,
  [STEP_NOTHING] = do_no_event,
  [STEP_WRONG] = do_no_event,
  [STEP_LINE] = do_line,
  [STEP_NO_LINE] = do_no_line,
  [STEP_WRONG_LINE] = do_no_line,
  [STEP_PEEK] = do_peek,
  [STEP_NO_PEEK] = do_peek,
  [STEP_HAS_LINE] = do_ask,
  [STEP_AT_EOF] = do_ask,
  [STEP_ROOM] = do_ask,
  [STEP_TAKE_FD] = do_take_fd,
  [STEP_NO_FD] = do_take_fd,
  [STEP_TAKE_ANY_FD] = do_take_fd,
  [STEP_FAILS] = do_prepare,
  [STEP_TAKES] = do_prepare,
  [STEP_OK] = do_say,
  [STEP_ERR] = do_say,
  [STEP_STATUS] = do_say,
  [STEP_COMMENT] = do_say,
  [STEP_INQUIRE] = do_say,
  [STEP_COMMAND] = do_say,
  [STEP_DATA] = do_data,
  [STEP_END] = do_say,
  [STEP_CAN] = do_say,
  [STEP_RAW] = do_say,
  [STEP_PASS] = do_say,
  [STEP_DRAIN] = do_say,
  [STEP_SEND_FD] = do_say,
  [STEP_FLUSH] = do_plain,
  [STEP_FORGET] = do_plain,
  [STEP_CLOSE] = do_plain,
  [STEP_OUT] = do_out,
  [STEP_NO_OUT] = do_no_out,
  [STEP_LENT] = do_lent,
  [STEP_WITH_FD] = do_prepare,
  [STEP_SENT_ALL] = do_plain,
  [STEP_OUT_LEN] = do_out_len,
  [STEP_INSPECT] = do_inspect,
  [STEP_NO_INSPECT] = do_inspect,
  [STEP_DISCARD] = do_plain,
  [STEP_TAKE_OUT_FD] = do_take_out_fd,
  [STEP_NO_OUT_FD] = do_take_out_fd,
  [STEP_IN] = do_state,
  [STEP_AT_REST] = do_at_rest,
};

static void
do_step (struct player *p) {
  if (p->gave_up) return;
  CHECK (p, step_funcs[p->step->op]);
  step_funcs[p->step->op](p);
  player_look_inside (p);
}

static void
do_steps (struct player *p) {
  long n_left = -1; /* of the repetition under way */

  for (p->step = p->talk->steps; p->step->op != STEP_DONE; p->step++) {
    if (p->step->op != STEP_REPEAT) {
      do_step (p);
      continue;
    }
    if (n_left < 0) n_left = p->step->number;
    if (n_left-- > 0) p->step -= p->step->text.n_fill + 1;
  }
}

/* A conversation says all that happens: at its end no octet and no descriptor may be left.  */
static void
check_end (struct player *p) {
  int fd;

  if (p->gave_up) return;
  CHECK (p, eva_conn_output_len (p->conn) == 0);
  CHECK (p, eva_conn_take_output_fd (p->conn, &fd) == 0);
  CHECK (p, eva_conn_take_any_fd (p->conn, &fd) == 0);
}

struct played
play (const struct conversation *talk, const struct way *way) {
  struct player p;
  struct played result;

  player_init (&p, talk, way);
  if (p.conn) {
    do_steps (&p);
    check_end (&p);
  }
  player_deinit (&p);
  result =
      (struct played) { .n_octets = p.input_len, .n_allocs = p.n_allocs, .gave_up = p.gave_up };
  return result;
}

/* --- All of them ------------------------------------------------------------------------------ */

static const struct topic *const topics[] = {
  &request_topic, &inquiry_topic, &overflow_topic, &given_up_topic, &aside_topic,
  &reply_topic,   &answer_topic,  &drain_topic,    &line_topic,     &in_fd_topic,
  &say_topic,     &data_topic,    &out_fd_topic,   &inspect_topic,  &pass_topic,
};

int
run_conversations (const char *group, int role, CMUnitTestFunction test) {
  static struct CMUnitTest tests[400];
  size_t n = 0;

  /* Each run frees all that it had; giving that back to the kernel each time takes longer than all
     the rest.  */
  mallopt (M_TRIM_THRESHOLD, 64 << 20);
  for (size_t i = 0; i < N_ELEMENTS (topics); i++)
    for (size_t j = 0; j < topics[i]->n_talks; j++) {
      const struct conversation *talk = &topics[i]->talks[j];
      if (role >= 0 && talk->role != (enum eva_role) role) continue;
      assert_true (n < N_ELEMENTS (tests));
      tests[n++] = (struct CMUnitTest) { .name = talk->name,
                                         .test_func = test,
                                         .initial_state = (void *) (uintptr_t) talk };
    }
  return _cmocka_run_group_tests (group, tests, n, NULL, NULL);
}
