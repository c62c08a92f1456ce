/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-inquiries.c - inquiries whose answers come later, or never.  */

#include "suite.h"

/* Asks, and returns the inquiry.  */
static struct inquiry *
ask (struct peer *p, const char *command) {
  struct inquiry *old = service.inquiries;

  peer_ask (p, command, "INQUIRE ASKED\n");
  assert_ptr_not_equal (service.inquiries, old);
  return service.inquiries;
}

static void
test_answered (void **state) {
  struct peer *p = peer_new ();
  struct inquiry *i = ask (p, "ASK\n");

  (void) state;
  peer_ask (p, "D some%25\nD  data\nEND\n", "D some%25 data\nOK\n");
  assert_int_equal (i->len, 10);
  peer_ask (p, "ASK\nEND\nECHO a\n", "INQUIRE ASKED\nOK\nD a\nOK\n");
  assert_int_equal (service.inquiries->len, 0);
}

/* The whole dialogue ahead, cut at every octet.  */
static void
test_answered_ahead (void **state) {
  static const char ahead[] = "ASK\nD some\n\n# no data\nD %25 data\r\nEND\nASK 5\nD 12345\nend\n"
                              "NOP\n";
  struct peer *p = peer_new ();

  (void) state;
  for (size_t at = 1; at < strlen (ahead); at++) {
    peer_send (p, ahead, at);
    kit_turn ();
    peer_say (p, ahead + at);
    peer_expect (p, "INQUIRE ASKED\nD some%25 data\nOK\nINQUIRE ASKED\nD 12345\nOK\nOK\n");
  }
}

static void
test_cancelled (void **state) {
  struct peer *p = peer_new ();
  struct inquiry *i = ask (p, "ASK\n");

  (void) state;
  peer_say (p, "D some\nCAN\nECHO next\n");
  peer_expect_err (p, GPG_ERR_ASS_CANCELED, NULL);
  peer_expect (p, "D next\nOK\n");
  assert_code (i->err, GPG_ERR_ASS_CANCELED);
}

static void
test_too_much (void **state) {
  struct peer *p = peer_new ();
  struct inquiry *i = ask (p, "ASK 5\n");

  (void) state;
  peer_say (p, "D 123456\n");
  peer_expect_err (p, GPG_ERR_ASS_TOO_MUCH_DATA, NULL);
  assert_code (i->err, GPG_ERR_ASS_TOO_MUCH_DATA);
  peer_say (p, "D more\nD and more\n");
  peer_expect_nothing (p);
  peer_ask (p, "END\nECHO next\n", "D next\nOK\n");
}

static void
test_unexpected (void **state) {
  struct peer *p = peer_new ();
  struct inquiry *i = ask (p, "ASK\n");

  (void) state;
  peer_say (p, "D some\nECHO else\nECHO next\n");
  peer_expect_err (p, GPG_ERR_ASS_UNEXPECTED_CMD, NULL);
  assert_code (i->err, GPG_ERR_ASS_UNEXPECTED_CMD);
  peer_expect (p, "D next\nOK\n");
}

static void
test_long_line (void **state) {
  struct peer *p = peer_new ();
  struct inquiry *i = ask (p, "ASK\n");
  char line[2000];

  (void) state;
  memset (line, 'x', sizeof line);
  peer_say (p, "D ");
  peer_send (p, line, sizeof line);
  peer_say (p, "\nEND\nECHO next\n");
  peer_expect_err (p, GPG_ERR_ASS_LINE_TOO_LONG, NULL);
  assert_code (i->err, GPG_ERR_ASS_LINE_TOO_LONG);
  peer_expect (p, "D next\nOK\n");
}

/* A client that has finished sending is told what became of its command.  */
static void
test_half_closed (void **state) {
  struct peer *p = peer_new ();
  struct inquiry *i = ask (p, "ASK\n");

  (void) state;
  peer_say (p, "D some\n");
  peer_shut (p);
  peer_expect_err (p, GPG_ERR_EOF, NULL);
  peer_expect_end (p);
  assert_code (i->err, GPG_ERR_EOF);
  assert_int_equal (p->guest->reason, GPG_ERR_EPIPE);
}

static void
test_client_leaves (void **state) {
  struct peer *p = peer_new ();
  struct inquiry *i = ask (p, "ASK\n");

  (void) state;
  peer_say (p, "D some\nD ha");
  peer_close (p);
  kit_until (p->guest->n_closed);
  assert_int_equal (i->n_continued, 1);
  assert_code (i->err, GPG_ERR_EOF);
}

/* --- What a continuation may do --------------------------------------------------------------- */

static gpg_error_t
ask_again (struct inquiry *i) {
  gpg_error_t err;

  if (i->err) return i->err;
  if (!strcmp (i->data, "enough")) return 0;
  err = service_ask (i->ctx, 0);
  assert_int_equal (err, 0);
  return err;
}

static void
test_again (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.answered = ask_again;
  ask (p, "ASK\n");
  peer_ask (p, "D once\nEND\n", "INQUIRE ASKED\n");
  peer_ask (p, "D twice\nEND\n", "INQUIRE ASKED\n");
  peer_ask (p, "D enough\nEND\nNOP\n", "OK\nOK\n");
  peer_ask (p, "ASK\nD a\nEND\nD enough\nEND\nNOP\n", "INQUIRE ASKED\nINQUIRE ASKED\nOK\nOK\n");
}

static gpg_error_t
ask_again_and_fail (struct inquiry *i) {
  if (i->err) return i->err;
  assert_int_equal (service_ask (i->ctx, 0), 0);
  return ERR (GPG_ERR_NO_DATA);
}

/* The error ends the command, and the new inquiry with it.  */
static void
test_again_and_error (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.answered = ask_again_and_fail;
  ask (p, "ASK\n");
  peer_ask (p, "D a\nEND\n", "INQUIRE ASKED\n");
  peer_expect_err (p, GPG_ERR_NO_DATA, NULL);
  assert_int_equal (service.inquiries->n_continued, 1);
  peer_ask (p, "END\nECHO next\n", "D next\nOK\n");
}

static gpg_error_t
defer_answer (struct inquiry *i) {
  return service_defer (i->ctx);
}

static void
test_deferring (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.answered = defer_answer;
  ask (p, "ASK\n");
  peer_say (p, "D a\nEND\nECHO next\n");
  kit_until (service.jobs);
  peer_expect_nothing (p);
  service_finish (0);
  peer_expect (p, "OK\nD next\nOK\n");
}

static gpg_error_t
finish_answer (struct inquiry *i) {
  assert_int_equal (assuan_process_done (i->ctx, 0), 0);
  return ERR (GPG_ERR_UNFINISHED);
}

static void
test_finishing (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.answered = finish_answer;
  ask (p, "ASK\n");
  peer_ask (p, "D a\nEND\nECHO next\n", "OK\nD next\nOK\n");
}

/* Deferred in the handler, which inquires all the same.  */
static gpg_error_t
defer_and_ask (assuan_context_t ctx, char *line) {
  (void) line;
  assert_int_equal (service_defer (ctx), 0);
  return service_ask (ctx, 0);
}

static gpg_error_t
stay_open (struct inquiry *i) {
  return eva_defer (i->ctx);
}

static gpg_error_t
say_nothing (struct inquiry *i) {
  (void) i;
  return 0;
}

/* What the continuation returns decides, as if the handler had not deferred: it ends the command,
   or defers it again.  */
static void
test_deferred_and_asked (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = defer_and_ask;
  service.answered = stay_open;
  peer_ask (p, "RUN\nD a\nEND\nECHO next\n", "INQUIRE ASKED\n");
  kit_until (service.inquiries->n_continued);
  peer_expect_nothing (p);
  service_finish (0);
  peer_expect (p, "OK\nD next\nOK\n");
  service.answered = say_nothing;
  peer_ask (p, "RUN\nD a\nEND\nECHO next\n", "INQUIRE ASKED\nOK\nD next\nOK\n");
  service.jobs->n_finished = 1; /* by the continuation */
}

static gpg_error_t
defer (assuan_context_t ctx, char *line) {
  (void) line;
  return eva_defer (ctx);
}

static void
ask_guest (void *arg) {
  assert_int_equal (service_ask (((struct peer *) arg)->guest->ctx, 0), 0);
}

/* The inquiry comes when the handler has long returned.  */
static void
test_asked_later (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = defer;
  peer_say (p, "RUN\n");
  kit_until (service.n_runs);
  kit_after (1, ask_guest, p);
  peer_expect (p, "INQUIRE ASKED\n");
  peer_ask (p, "D some\nEND\nECHO next\n", "D some\nOK\nD next\nOK\n");
}

static void
test_finished_in_inquiry (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = defer_and_ask;
  service.answered = stay_open;
  peer_ask (p, "RUN\n", "INQUIRE ASKED\n");
  service_finish (0);
  assert_int_equal (service.inquiries->n_continued, 1);
  assert_code (service.inquiries->err, GPG_ERR_ASS_CANCELED);
  peer_ask (p, "D late\nEND\nECHO next\n", "OK\nD next\nOK\n");
}

/* --- A command that can be cancelled, and asks ------------------------------------------------ */

static unsigned int n_cancels;
static gpg_err_code_t cancel_code;

static void
note_cancel (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  assert_ptr_equal (arg, &n_cancels);
  assert_int_equal (service.inquiries->n_continued, 1);
  assert_ptr_equal (service.inquiries->ctx, ctx);
  cancel_code = gpg_err_code (reason);
  n_cancels++;
}

static gpg_error_t
ask_with_cancel (assuan_context_t ctx, char *line) {
  (void) line;
  assert_int_equal (eva_set_cancel (ctx, note_cancel, &n_cancels), 0);
  return service_ask (ctx, 0);
}

static void
drain (struct peer *p) {
  (void) p;
  assert_int_equal (eva_server_drain (kit.server, 5, NULL, NULL), 0);
}

static const struct {
  void (*what) (struct peer *p);
  gpg_err_code_t code;        /* of the continuation */
  gpg_err_code_t cancel_code; /* of the function for cancelling */
} endings[] = {
  { peer_close, GPG_ERR_EOF, GPG_ERR_EPIPE },
  { peer_lose_server, GPG_ERR_CANCELED, GPG_ERR_CANCELED },
  { peer_close_guest, GPG_ERR_CANCELED, GPG_ERR_CANCELED },
  { peer_release_guest, GPG_ERR_CANCELED, GPG_ERR_CANCELED },
  { drain, GPG_ERR_CANCELED, GPG_ERR_CANCELED },
};

/* The continuation of an open inquiry is told, whatever ends it, and the function for
   cancelling only if that defers the command: what belongs to the command is freed once.  */
static void
end_while_asking (gpg_error_t (*answered) (struct inquiry *i), unsigned int n) {
  for (size_t i = 0; i < N_ELEMENTS (endings); i++) {
    struct peer *p = peer_new ();
    n_cancels = 0;
    service.run = ask_with_cancel;
    service.answered = answered;
    peer_ask (p, "RUN\n", "INQUIRE ASKED\n");
    endings[i].what (p);
    kit_until (service.inquiries->n_continued && n_cancels >= n);
    kit_settle ();
    assert_code (service.inquiries->err, endings[i].code);
    assert_int_equal (n_cancels, n);
    if (n) assert_int_equal (cancel_code, endings[i].cancel_code);
    kit_free_server ();
    assert_int_equal (eva_server_new (kit.loop.loop, &service_offer, &kit, &kit.server), 0);
  }
}

static gpg_error_t
pass_error (struct inquiry *i) {
  return i->err;
}

static void
test_end_while_asking (void **state) {
  (void) state;
  end_while_asking (pass_error, 0);
  end_while_asking (say_nothing, 0);
}

static void
test_end_while_asking_and_deferring (void **state) {
  (void) state;
  end_while_asking (stay_open, 1);
}

/* --- A command that was deferred, and lost its client or its time ----------------------------- */

/* The answer broke off; the program takes its time to say so.  The client still listens.  */
static void
test_half_closed_and_deferred (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.answered = defer_answer;
  ask (p, "ASK\n");
  peer_shut (p);
  kit_until (service.jobs);
  peer_expect_nothing (p);
  assert_int_equal (service.jobs->n_cancelled, 0);
  service_finish (ERR (GPG_ERR_NO_DATA));
  peer_expect_err (p, GPG_ERR_NO_DATA, NULL);
  peer_expect_end (p);
}

static gpg_error_t
ask_in_vain (struct inquiry *i) {
  gpg_error_t err = service_ask (i->ctx, 0);

  assert_true (err);
  return err;
}

/* A client that will never answer is not asked.  */
static void
test_asking_after_end (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.answered = ask_in_vain;
  ask (p, "ASK\n");
  peer_shut (p);
  kit_until (service.inquiries->n_continued);
  kit_until (peer_has_line (p));
  assert_memory_equal (peer_line (p), "ERR ", 4);
  peer_expect_end (p);
}

static void
ask_later (void *arg) {
  assert_true (service_ask (arg, 0));
  service_finish (ERR (GPG_ERR_NO_DATA));
}

static void
test_asking_long_after_end (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\n");
  peer_shut (p);
  kit_until (service.jobs);
  kit_settle ();
  kit_after (0, ask_later, p->guest->ctx);
  peer_expect_err (p, GPG_ERR_NO_DATA, NULL);
  peer_expect_end (p);
}

/* --- Answers that were given up --------------------------------------------------------------- */

static gpg_error_t
ask_again_once (struct inquiry *i) {
  if (i->err && !i->next) assert_int_equal (service_ask (i->ctx, 100), 0);
  return i->err;
}

static gpg_error_t
ask_twice (struct inquiry *i) {
  if (!i->err) return 0;
  assert_int_equal (service_ask (i->ctx, 100), 0);
  return 0;
}

/* What is left of the first answer is not the second.  */
static void
test_again_after_failure (void **state) {
  static const char *const rests[] = { "D more\nD and more\nEND\n", "CAN\n", "END\n" };
  char line[2000];

  (void) state;
  memset (line, 'x', sizeof line);
  memcpy (line, "D ", 2);
  line[sizeof line - 1] = '\n';
  service.answered = ask_twice;
  for (size_t i = 0; i < N_ELEMENTS (rests); i++)
    for (int is_long = 0; is_long < 2; is_long++) {
      struct peer *p = peer_new ();
      ask (p, "ASK 5\n");
      if (is_long)
        peer_send (p, line, sizeof line);
      else
        peer_say (p, "D 123456\n");
      peer_expect (p, "INQUIRE ASKED\n");
      peer_say (p, rests[i]);
      peer_ask (p, "D 1234567\nEND\nECHO next\n", "OK\nD next\nOK\n");
      assert_int_equal (service.inquiries->err, 0);
      assert_int_equal (service.inquiries->len, 7);
    }
}

/* An error of the continuation ends the command, with both answers still to come.  */
static void
test_two_answers_too_late (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.answered = ask_again_once;
  ask (p, "ASK 5\n");
  peer_say (p, "D 123456\n");
  peer_expect (p, "INQUIRE ASKED\n");
  peer_expect_err (p, GPG_ERR_ASS_TOO_MUCH_DATA, NULL);
  peer_ask (p, "END\nD x\nEND\nECHO next\n", "D next\nOK\n");
}

/* The command was finished while its client answered.  */
static struct peer *
finish_in_inquiry (void) {
  struct peer *p = peer_new ();

  service.run = defer;
  service.answered = say_nothing;
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  ask_guest (p);
  peer_expect (p, "INQUIRE ASKED\n");
  service_finish (0);
  peer_expect (p, "OK\n");
  return p;
}

static void
test_long_line_too_late (void **state) {
  struct peer *p = finish_in_inquiry ();
  char line[2000];

  (void) state;
  memset (line, 'x', sizeof line);
  peer_say (p, "D ");
  peer_send (p, line, sizeof line);
  peer_say (p, "\n");
  peer_expect_nothing (p);
  peer_ask (p, "D more\nEND\nECHO next\n", "D next\nOK\n");
}

/* A request that is too long gets an answer, like any other.  */
static void
test_long_request_behind_inquiry (void **state) {
  struct peer *p = finish_in_inquiry ();
  char line[2000];

  (void) state;
  memset (line, 'x', sizeof line);
  peer_say (p, "CANDY ");
  peer_send (p, line, sizeof line);
  peer_say (p, "\n");
  peer_expect_err (p, GPG_ERR_ASS_LINE_TOO_LONG, "a line has at most 1000 octets");
  peer_ask (p, "ECHO next\n", "D next\nOK\n");
}

/* CAN is a word.  */
static void
test_words_that_begin_with_can (void **state) {
  struct peer *p = finish_in_inquiry ();

  (void) state;
  service.answered = pass_error;
  peer_say (p, "CANCELJOB 5\n");
  peer_expect_err (p, GPG_ERR_ASS_UNKNOWN_CMD, NULL);
  ask (p, "ASK\n");
  peer_say (p, "CANDY\n");
  peer_expect_err (p, GPG_ERR_ASS_UNEXPECTED_CMD, NULL);
  peer_ask (p, "ECHO next\n", "D next\nOK\n");
}

/* --- Misuse ----------------------------------------------------------------------------------- */

static gpg_error_t
ask_nested (assuan_context_t ctx, char *line) {
  (void) line;
  assert_int_equal (service_ask (ctx, 0), 0);
  assert_code (service_ask (ctx, 0), GPG_ERR_ASS_NESTED_COMMANDS);
  return 0;
}

static void
test_nested (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = ask_nested;
  peer_ask (p, "RUN\nD a\nEND\n", "INQUIRE ASKED\nD a\nOK\n");
}

static void
test_asking_while_idle (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  assert_true (service_ask (p->guest->ctx, 0));
  peer_expect_nothing (p);
  peer_ask (p, "NOP\n", "OK\n");
}

/* --- Much ------------------------------------------------------------------------------------- */

static void
test_megabyte (void **state) {
  struct peer *p = peer_new ();
  static char line[1000];
  size_t n_lines = 1100;

  (void) state;
  service.answered = say_nothing;
  memset (line, 'x', sizeof line);
  memcpy (line, "D ", 2);
  line[sizeof line - 1] = '\n';
  ask (p, "ASK\n");
  for (size_t i = 0; i < n_lines; i++)
    peer_send (p, line, sizeof line);
  peer_ask (p, "END\n", "OK\n");
  assert_int_equal (service.inquiries->len, n_lines * 997);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_answered),
  kit_test (test_answered_ahead),
  kit_test (test_cancelled),
  kit_test (test_too_much),
  kit_test (test_unexpected),
  kit_test (test_long_line),
  kit_test (test_half_closed),
  kit_test (test_client_leaves),
  kit_test (test_again),
  kit_test (test_again_and_error),
  kit_test (test_deferring),
  kit_test (test_finishing),
  kit_test (test_deferred_and_asked),
  kit_test (test_asked_later),
  kit_test (test_finished_in_inquiry),
  kit_test (test_end_while_asking),
  kit_test (test_end_while_asking_and_deferring),
  kit_test (test_half_closed_and_deferred),
  kit_test (test_asking_after_end),
  kit_test (test_asking_long_after_end),
  kit_test (test_again_after_failure),
  kit_test (test_two_answers_too_late),
  kit_test (test_long_line_too_late),
  kit_test (test_long_request_behind_inquiry),
  kit_test (test_words_that_begin_with_can),
  kit_test (test_nested),
  kit_test (test_asking_while_idle),
  kit_test (test_megabyte),
};

SUITE (inquiries);
