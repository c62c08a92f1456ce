/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A session's octets may come in any pieces: the replies are the same, and so is what the
 * handlers saw.  */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

/* What both libraries understand in pieces.  */
static const char session[] =
    "DONE one\nNOP\r\n\n# comment\ndone  two\t\r\nBOGUS arg\n leading\n"
    "ECHO 100% of \\ it\nOPTION name = value\nOPTION\nRESET\nD stray\nEND\n"
    "INQ\nD a%25b\nD \n\n# in between\nD %00%0A c\nEND\nFAIL\n"
    "INQ OTHER\nD abc\nCAN\nINQ\nCANCEL\nINQ\nD 1\nDONE unexpected\nECHO\n"
    "HELP\nHELP DONE\nDONE last\n";

/* What only ours keeps straight: commands while one is pending, an over-long line, too much
 * data.  %.*s stands for a long run of letters.  */
static const char harder_session[] =
    "ASYNC 1\nDONE 2\nLATER 3\nECHO 4\nASYNC 5\nINQ\nD abc\nEND\nDONE 6\n"
    "INQ LIMITED\nD 12345678901234567890\nD more\nEND\nDONE 7\n"
    "NOP%.*s\nDONE 8\nASYNC 9\n\n# comment\nDONE 10\n50%% done\n";

static unsigned int seed;

static unsigned int
random_number (void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}

/* What became of a session.  */
struct outcome {
  char replies[4000];
  size_t replies_len;
  char notes[sizeof ((struct conn *) NULL)->notes];
  int n_errors; /* of process_next */
};

/* All that can be done now; an asynchronous command is finished by a timer that fires now or
 * later.  */
static void
work (struct conn *c, struct outcome *o, bool fire) {
  for (int i = 0; i < 10000; i++) {
    if (c->pending && !c->asking && fire && !assuan_process_done (c->ctx, 0)) c->pending = false;
    if (!conn_readable (c) && (c->pending || !assuan_pending_line (c->ctx))) return;
    if (conn_next (c) && gpg_err_code (c->rc) != GPG_ERR_UNFINISHED) o->n_errors++;
    o->replies_len +=
        conn_take (c, o->replies + o->replies_len, sizeof o->replies - o->replies_len);
    if (c->done) return;
  }
  fail_msg ("the session does not come to an end");
}

static void
run (struct outcome *o, enum conn_kind kind, const char *text, unsigned int max_piece) {
  struct conn c;
  size_t len = strlen (text);

  memset (o, 0, sizeof *o);
  conn_open (&c, kind);
  c.inquiry.maxlen = 15;
  while (len) {
    size_t n = max_piece ? 1 + random_number () % max_piece : len;

    if (n > len) n = len;
    peer_send (c.out, text, n);
    text += n;
    len -= n;
    work (&c, o, max_piece && random_number () % 3 == 0);
  }
  work (&c, o, true);
  conn_half_close (&c);
  work (&c, o, true);
  assert_true (c.done);
  assert_false (c.pending);
  assert_int_equal (conn_take (&c, o->replies + o->replies_len, sizeof o->replies - o->replies_len),
                    0);
  snprintf (o->notes, sizeof o->notes, "%s", c.notes);
  conn_free (&c);
}

static void
check_splits (const char *text, int n_splits) {
  static struct outcome whole, split;

  for (int i = 0; i < n_splits; i++) {
    enum conn_kind kind = (enum conn_kind) (i % N_CONN_KINDS);
    unsigned int first_seed = (unsigned int) i * 2654435761u + 1;

    run (&whole, kind, text, 0);
    seed = first_seed;
    run (&split, kind, text, i % 5 ? 1 + (unsigned int) i % 60 : 1);
    if (strcmp (whole.replies, split.replies) || strcmp (whole.notes, split.notes)
        || whole.n_errors != split.n_errors)
      fail_msg ("seed %u:\n%s\n%s\nnot\n%s\n%s", first_seed, split.replies, split.notes,
                whole.replies, whole.notes);
  }
}

static void
test_session (void **state) {
  (void) state;
  /* deviation: a read that would block sleeps; only hooks make that bearable.  */
  if (on_oracle () && !loop_hooked ()) skip ();
  check_splits (session, 300);
}

static void
test_harder_session (void **state) {
  static char text[sizeof harder_session + 1200];
  char letters[1200];

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded, and others.  */
  if (on_oracle ()) skip ();
  memset (letters, 'x', sizeof letters);
  snprintf (text, sizeof text, harder_session, (int) sizeof letters, letters);
  check_splits (text, 150);
}

/* The replies of the sessions in one piece are what they should be; else all splits might
 * agree on nonsense.  */
static void
test_whole_session (void **state) {
  static struct outcome o;

  (void) state;
  run (&o, CONN_SOCKET, "DONE\nASYNC 1\n", 0);
  assert_string_equal (o.replies, "OK\nOK\n");
  run (&o, CONN_SOCKET, session, 0);
  assert_string_equal (o.notes, "DONE(one) DONE(two\t) FAIL() DONE(last)");
  assert_int_equal (o.n_errors, 0);
  assert_non_null (strstr (o.replies, "INQUIRE OTHER\n"));
  assert_non_null (strstr (o.replies, "D 100%25 of \\ it\nOK\n"));
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_whole_session),
    loop_test (test_session),
    loop_test (test_harder_session),
  };

  return suite_run (tests);
}
