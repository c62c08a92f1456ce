/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-hostile.c - servers that mean harm, and that other clients of the loop do not suffer.  */

#include "kit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- An innocent client ----------------------------------------------------------------------- */

struct innocent {
  assuan_context_t ctx;
  struct peer p;
};

static void
innocent_open (struct innocent *in) {
  in->ctx = kit_open (&in->p);
}

/* A call of it is answered.  */
static void
innocent_call (struct innocent *in) {
  struct rec *rec = kit_call (in->ctx, "i", "HELLO");
  unsigned int tries = 0;

  for (; in->p.in.len < 6; peer_take (&in->p))
    kit_turn (&tries);
  text_free (&in->p.in);
  peer_say (&in->p, "D hello\nOK\n");
  while (!rec->n_done)
    kit_turn (&tries);
  assert_error (rec->err, "0");
}

static void
innocent_close (struct innocent *in) {
  assuan_release (in->ctx);
  peer_close (&in->p);
}

/* --- Replies that are none -------------------------------------------------------------------- */

/* The connection is over because of REPLY to one call; what was said before the wrong line is
   TOLD.  */
static void
reply_wrongly (const char *reply, const char *told, const char *error) {
  struct innocent in;
  assuan_context_t ctx;
  struct peer p;

  innocent_open (&in);
  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  kit_call (ctx, "b", "B");
  kit_exchange (&p, "A\n", reply,
                kit_format ("%sa.done %s\nb.done %s\nclosed %s\n", told, error, error, error));
  innocent_call (&in);
  kit_await_end ("i.done 0\n");
  kit_close (ctx, &p);
  innocent_close (&in);
}

static void
test_no_replies (void **state) {
  static const char *const wrong[] = {
    "HELLO world\n", "Dx\n", "D\n", "OKAY\n", "ENDE\n", "ok\n", " OK\n", "\001\002\377\n",
  };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (wrong); i++) {
    reply_wrongly (wrong[i], "", "ASS_INV_RESPONSE");
    reply_wrongly (kit_format ("S x\n%s", wrong[i]), "a.status x\n", "ASS_INV_RESPONSE");
  }
}

/* With NULs in it.  */
static void
test_nuls (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  peer_hears (&p, "A\n");
  peer_write (&p, "D a\0b\nS x\0y\nO\0K\n", 17);
  kit_await ("a.data a\\00b\na.status x\na.done ASS_INV_RESPONSE\nclosed ASS_INV_RESPONSE\n");
  kit_close (ctx, &p);
}

static void
test_long_lines (void **state) {
  char line[5000];

  (void) state;
  memset (line, 'x', sizeof line);
  line[sizeof line - 1] = 0;
  memcpy (line, "D ", 2);
  reply_wrongly (line, "", "ASS_LINE_TOO_LONG");
  line[sizeof line - 2] = '\n';
  reply_wrongly (line, "", "ASS_LINE_TOO_LONG");
  memcpy (line, "OK", 3);
  line[2] = ' ';
  reply_wrongly (line, "", "ASS_LINE_TOO_LONG");
}

/* Also where the rest of a reply is dropped.  */
static void
test_long_line_in_rest (void **state) {
  assuan_context_t ctx;
  char line[5000];
  struct rec *rec;
  struct peer p;

  (void) state;
  memset (line, 'x', sizeof line);
  line[sizeof line - 1] = 0;
  ctx = kit_open (&p);
  rec = kit_call (ctx, "a", "A");
  kit_call (ctx, "b", "B");
  peer_hears (&p, "A\n");
  eva_call_cancel (rec->call);
  peer_say (&p, line);
  kit_settle ();
  kit_expect ("a.done CANCELED\n");
  peer_say (&p, "\nOK\n");
  kit_exchange (&p, "B\n", "OK\n", "b.done 0\n");
  kit_close (ctx, &p);
}

/* A server that answers without a request cannot be believed any more.  */
static void
test_answers_to_nothing (void **state) {
  static const char *const answers[] = { "OK\n", "ERR 1\n", "D x\n", "INQUIRE x\n", "END\n" };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (answers); i++) {
    assuan_context_t ctx;
    struct peer p;
    ctx = kit_open (&p);
    kit_exchange (&p, NULL, answers[i], "closed ASS_INV_RESPONSE\n");
    kit_close (ctx, &p);
    ctx = kit_open (&p);
    kit_call (ctx, "a", "A");
    kit_exchange (&p, "A\n", kit_format ("OK\n%s", answers[i]),
                  "a.done 0\nclosed ASS_INV_RESPONSE\n");
    kit_close (ctx, &p);
  }
}

/* Octets at random: whatever comes of it, each call ends once.  */
static void
test_noise (void **state) {
  static const char *const pieces[] = { "OK", "ERR ", "D ", "S ", "INQUIRE ", "END", "\n", "\n",
                                        "\n", "\r\n", "%",  "%4", "# ",       "123", " x", "\1" };

  (void) state;
  for (uint32_t seed = 1; seed <= 300; seed++) {
    const struct rec like = { .name = "a", .cb.flags = seed % 2 ? EVA_CALL_AHEAD : 0 };
    struct rec *recs[3];
    assuan_context_t ctx;
    struct peer p;
    kit_seed = seed;
    ctx = kit_open (&p);
    for (size_t i = 0; i < N_ELEMENTS (recs); i++)
      recs[i] = kit_call_like (ctx, &like, "A");
    kit_settle ();
    for (int i = 0; i < 100; i++) {
      const char *piece = pieces[kit_random (N_ELEMENTS (pieces))];
      if (send (p.fd, piece, strlen (piece), MSG_NOSIGNAL) < 0) break;
      if (kit_random (4) == 0) test_loop_turn (&kit_loop, false);
      if (kit_random (50) == 0 && recs[1]->call) eva_call_cancel (recs[1]->call);
    }
    peer_close (&p);
    kit_await_end ("\n");
    kit_settle ();
    assuan_release (ctx);
    for (size_t i = 0; i < N_ELEMENTS (recs); i++)
      assert_int_equal (recs[i]->n_done, 1);
    kit_note ("end");
    kit_await_end ("end\n");
  }
}

/* --- Floods ----------------------------------------------------------------------------------- */

#define N_FLOODS 10

struct flood {
  assuan_context_t ctx;
  struct peer p;
  struct rec *rec;
  const char *line;
};

/* Writes as much as there is room for.  */
static void
pour (struct flood *f) {
  char buf[8000];
  size_t len = strlen (f->line), n = sizeof buf / len;

  for (size_t i = 0; i < n; i++)
    memcpy (buf + i * len, f->line, len);
  while (send (f->p.fd, buf, n * len, MSG_NOSIGNAL) == (ssize_t) (n * len)) {}
}

/* Floods of LINE go on forever; NULL callbacks or giving up makes no difference.  */
static void
flood_with (const char *line, bool is_cancelled) {
  const struct rec like = { .name = "f", .no_data = true, .no_status = true };
  struct flood floods[N_FLOODS];
  struct innocent in;

  innocent_open (&in);
  for (int i = 0; i < N_FLOODS; i++) {
    struct flood *f = &floods[i];
    f->line = line;
    f->ctx = kit_open (&f->p);
    f->rec = kit_call_like (f->ctx, &like, "FLOOD");
    peer_hears (&f->p, "FLOOD\n");
    pour (f);
    if (is_cancelled) eva_call_cancel (f->rec->call);
    kit_expect (is_cancelled ? "f.done CANCELED\n" : "");
  }
  for (int i = 0; i < 20; i++) {
    for (int j = 0; j < N_FLOODS; j++)
      pour (&floods[j]);
    innocent_call (&in);
  }
  for (int i = 0; i < N_FLOODS; i++) {
    assert_int_equal (floods[i].rec->n_done, is_cancelled);
    assuan_release (floods[i].ctx);
    peer_close (&floods[i].p);
  }
  innocent_close (&in);
  kit_note ("end");
  kit_await_end ("end\n");
}

static void
test_floods (void **state) {
  (void) state;
  flood_with ("S PROGRESS x\n", false);
  flood_with ("#\n", false);
  flood_with ("\n", false);
}

static void
test_floods_that_nobody_wants (void **state) {
  (void) state;
  flood_with ("S PROGRESS x\n", true);
  flood_with ("D 0123456789012345678901234567890123456789\n", true);
}

/* One that inquires forever and never reads: what it is owed is limited.  */
static gpg_error_t
answer_shortly (struct rec *rec, const char *what) {
  return strcmp (what, "inquire") ? 0 : eva_answer_end (rec->call);
}

static void
inquire_for_ever (bool is_cancelled) {
  const struct rec like = { .name = "f", .hook = answer_shortly };
  struct flood f = { .line = "INQUIRE x\n" };
  unsigned int tries = 0;

  kit_config.limits.max_queued_len = 100000;
  f.ctx = kit_open (&f.p);
  f.rec = kit_call_like (f.ctx, &like, "FLOOD");
  peer_hears (&f.p, "FLOOD\n");
  if (is_cancelled) eva_call_cancel (f.rec->call);
  while (!kit_has_noted ("closed")) {
    pour (&f);
    kit_turn (&tries);
    if (tries > 900) tries = 0; /* it takes many turns */
  }
  assert_int_equal (f.rec->n_done, 1);
  assert_error (f.rec->err, is_cancelled ? "CANCELED" : "TOO_LARGE");
  kit_await_end ("closed TOO_LARGE\n");
  kit_close (f.ctx, &f.p);
}

static void
test_endless_inquiries (void **state) {
  (void) state;
  inquire_for_ever (false);
  inquire_for_ever (true);
}

/* --- Silence ---------------------------------------------------------------------------------- */

/* Half a line, and nothing more: who set a limit is told, and the innocent go on.  */
static void
test_half_a_line (void **state) {
  static const char *const halves[] = { "", "O", "OK", "D xxx", "S x", "INQUIRE x", "ERR 12" };
  const struct rec like = { .name = "a", .cb.timeout_ms = 20 };
  struct innocent in;

  (void) state;
  innocent_open (&in);
  for (size_t i = 0; i < N_ELEMENTS (halves); i++) {
    struct peer p;
    assuan_context_t ctx = kit_open (&p);
    struct rec *first = kit_call_like (ctx, &like, "A"), *second = kit_call_like (ctx, &like, "B");
    kit_settle ();
    peer_say (&p, halves[i]);
    innocent_call (&in); /* before their time is over, or after that */
    for (unsigned int tries = 0; !first->n_done || !second->n_done;)
      kit_turn (&tries);
    assert_error (first->err, "TIMEOUT");
    assert_error (second->err, "TIMEOUT");
    kit_await_end ("\n");
    kit_close (ctx, &p);
  }
  innocent_close (&in);
}

/* Descriptors without a request: they are closed, at the latest with the connection.  */
static void
send_fds (struct peer *p, const char *text, int fd, size_t n) {
  int fds[100];

  assert_true (n <= N_ELEMENTS (fds));
  for (size_t i = 0; i < n; i++)
    fds[i] = fd;
  assert_int_equal (fds_send (p->fd, text, fds, n), (ssize_t) strlen (text));
}

static void
test_unwanted_descriptors (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  for (unsigned int flags = 0; flags < 2; flags++) {
    kit_config.flags = flags;
    ctx = kit_open (&p);
    kit_call (ctx, "a", "A");
    peer_hears (&p, "A\n");
    send_fds (&p, "S x\n", p.fd, 10);
    send_fds (&p, "OK\n", p.fd, 1);
    kit_await ("a.status x\na.done 0\n");
    kit_close (ctx, &p);
  }
}

static void
test_too_many_descriptors (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  kit_config.flags = EVA_CONNECT_FDPASSING;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  peer_hears (&p, "A\n");
  send_fds (&p, "S x\n", p.fd, 100);
  kit_await_end ("a.done TOO_LARGE\nclosed TOO_LARGE\n");
  kit_close (ctx, &p);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_no_replies),
  kit_test (test_nuls),
  kit_test (test_long_lines),
  kit_test (test_long_line_in_rest),
  kit_test (test_answers_to_nothing),
  kit_test (test_noise),
  kit_test (test_floods),
  kit_test (test_floods_that_nobody_wants),
  kit_test (test_endless_inquiries),
  kit_test (test_half_a_line),
  kit_test (test_unwanted_descriptors),
  kit_test (test_too_many_descriptors),
};

const struct suite hostile_suite = { "hostile", tests, N_ELEMENTS (tests) };
