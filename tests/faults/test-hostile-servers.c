/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-hostile-servers.c - what servers may do to a client: greetings without end, garbage,
   floods of everything, inquiries in inquiries, descriptors.  The client keeps its memory
   and its descriptors within bounds, and another connection of the same program, used in the
   middle of it all, never notices.  */

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attacker.h"
#include "kit.h"

/* Memory that a client may need for two connections, whatever comes.  */
#define ENOUGH_MEMORY (512 * 1024)

/* Calls of a callback between two uses of the other connection.  */
#define BYSTANDER_EVERY 1000

/* A client that is attacked, and another connection beside it, whose server is the test.  */
struct pair {
  assuan_context_t ctx;
  struct attacker attacker;
  assuan_context_t bystander;
  int peer; /* of the bystander */
  int n_asked;

  /* What the callbacks of the victim saw.  */
  size_t n_data;
  size_t data_len;
  size_t n_status;
  size_t n_inquiries;
  size_t fail_at; /* the data callback fails when it is called so often; 0: never */

  size_t n_fds;
  size_t memory;
  bool attacker_ended;
};

static size_t
used_memory (void) {
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

/* --- The bystander ---------------------------------------------------------------------------- */

static gpg_error_t
check_answer (void *arg, const void *buf, size_t len) {
  char expected[40];

  snprintf (expected, sizeof expected, "answer %d", *(int *) arg);
  assert_int_equal (len, strlen (expected));
  assert_memory_equal (buf, expected, len);
  return 0;
}

/* The other connection asks something, and gets the answer to that.  Memory is looked at on
   the way.  */
static void
use_bystander (struct pair *p) {
  char buf[80], command[40];
  size_t memory = used_memory ();

  if (memory > p->memory) assert_true (memory - p->memory < ENOUGH_MEMORY);
  snprintf (buf, sizeof buf, "D answer %d\nOK\n", ++p->n_asked);
  snprintf (command, sizeof command, "ASK %d", p->n_asked);
  kit_say (p->peer, buf);
  assert_int_equal (
      assuan_transact (p->bystander, command, check_answer, &p->n_asked, NULL, NULL, NULL, NULL),
      0);
  assert_true (kit_read_line (p->peer, buf, sizeof buf));
  assert_string_equal (buf, command);
}

/* --- The victim ------------------------------------------------------------------------------- */

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  struct pair *p = arg;

  if (buf) assert_int_equal (((const char *) buf)[len], 0);
  p->data_len += len;
  if (++p->n_data % BYSTANDER_EVERY == 1) use_bystander (p);
  return p->n_data == p->fail_at ? gpg_err_make (KIT_SOURCE, GPG_ERR_FALSE) : 0;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  struct pair *p = arg;

  (void) text;
  if (++p->n_status % BYSTANDER_EVERY == 1) use_bystander (p);
  return 0;
}

static gpg_error_t
on_inquire (void *arg, const char *text) {
  struct pair *p = arg;

  (void) text;
  if (++p->n_inquiries % BYSTANDER_EVERY == 1) use_bystander (p);
  return assuan_send_data (p->ctx, "answer", 6);
}

static gpg_error_t
ask (struct pair *p, const char *command) {
  return assuan_transact (p->ctx, command, on_data, p, on_inquire, p, on_status, p);
}

/* --- Both ------------------------------------------------------------------------------------- */

static struct pair *
pair_open (void) {
  struct pair *p = calloc (1, sizeof *p);
  int fds[2];

  assert_non_null (p);
  p->n_fds = fds_count ();
  kit_memory_reset (0, false);
  fds_socketpair (fds, 0);
  p->peer = fds[1];
  kit_say (p->peer, "OK\n");
  p->bystander = kit_context ();
  assert_non_null (p->bystander);
  assert_int_equal (assuan_socket_connect_fd (p->bystander, fds[0], 0), 0);
  use_bystander (p);
  p->memory = used_memory ();
  return p;
}

/* Connects to an attacker that says what FILL gives for N, and at last LAST, unless it is NULL, and
   waits for BYE then.  Returns what connecting gives.  */
static gpg_error_t
connect_attacker (struct pair *p, attacker_func *fill, size_t n, const char *last) {
  int fds[2];

  fds_socketpair (fds, 0);
  p->attacker.fd = fds[1];
  p->attacker.fill = fill;
  p->attacker.n_left = n;
  p->attacker.last = last;
  if (last && !p->attacker.awaited) p->attacker.awaited = "BYE\n";
  attacker_start (&p->attacker);
  p->ctx = kit_context ();
  assert_non_null (p->ctx);
  return assuan_socket_connect_fd (p->ctx, fds[0], 0);
}

static void
pair_close (struct pair *p) {
  use_bystander (p);
  assuan_release (p->ctx);
  if (!p->attacker_ended) attacker_join (&p->attacker);
  use_bystander (p);
  assuan_release (p->bystander);
  close (p->peer);
  assert_int_equal (kit_memory.n_live, 0);
  assert_int_equal (fds_count (), p->n_fds);
  free (p);
}

/* --- Greetings -------------------------------------------------------------------------------- */

static size_t
fill_comments (struct attacker *a, char *buf) {
  return attack_with_text (a, buf, "# do wait\n\nS WAIT\n");
}

static void
test_long_greeting (void **state) {
  struct pair *p = pair_open ();

  (void) state;
  assert_int_equal (connect_attacker (p, fill_comments, 100000, "OK\nD x\nOK\n"),
                    gpg_err_make (KIT_SOURCE, GPG_ERR_ASS_CONNECT_FAILED)); /* S is none of it */
  pair_close (p);
}

static size_t
fill_only_comments (struct attacker *a, char *buf) {
  return attack_with_text (a, buf, "# do wait\n\n");
}

static void
test_late_greeting (void **state) {
  struct pair *p = pair_open ();

  (void) state;
  assert_int_equal (connect_attacker (p, fill_only_comments, 100000, "OK\nD x\nOK\n"), 0);
  assert_int_equal (ask (p, "A"), 0);
  assert_int_equal (p->n_data, 1);
  pair_close (p);
}

static void
test_no_greeting (void **state) {
  struct pair *p = pair_open ();

  (void) state;
  assert_int_equal (gpg_err_code (connect_attacker (p, fill_only_comments, 100000, NULL)),
                    GPG_ERR_EOF);
  pair_close (p);
}

static void
test_endless_greeting (void **state) {
  struct pair *p = pair_open ();

  (void) state;
  assert_int_equal (gpg_err_code (connect_attacker (p, attack_with_endless_line, 16 << 20, NULL)),
                    GPG_ERR_ASS_LINE_TOO_LONG);
  pair_close (p);
}

static void
test_garbage (void **state) {
  (void) state;
  for (uint64_t seed = 1; seed < 20; seed++) {
    struct pair *p = pair_open ();
    p->attacker.seed = seed;
    assert_int_not_equal (connect_attacker (p, attack_with_garbage, 100000, NULL), 0);
    pair_close (p);
  }
}

/* --- Replies ---------------------------------------------------------------------------------- */

/* Connects to an attacker that greets first and floods then, which is where TEXT comes so many
   times.  */
#define FLOOD(name, text)                                                                          \
  static size_t name (struct attacker *a, char *buf) {                                             \
    if (a->n_sent) return attack_with_text (a, buf, text);                                         \
    strcpy (buf, "OK\n");                                                                          \
    return strlen (buf);                                                                           \
  }

FLOOD (flood_status, "S PROGRESS x 1 2\n# comment\n\n")
FLOOD (flood_data, "D 0123456789%25%0D%0A0123456789\n")
FLOOD (flood_percents, "D %%%%4%%%4%zz%\n")
FLOOD (flood_ends, "END\nD \n")
FLOOD (flood_inquiries, "INQUIRE KEY\n")

static size_t
flood_inquiries_behind_data (struct attacker *a, char *buf) {
  if (a->n_sent) return flood_inquiries (a, buf);
  strcpy (buf, "OK\nD x\n");
  return strlen (buf);
}

static void
test_status (void **state) {
  struct pair *p = pair_open ();

  (void) state;
  assert_int_equal (connect_attacker (p, flood_status, 200000, "OK\n"), 0);
  assert_int_equal (ask (p, "A"), 0);
  assert_int_equal (p->n_status, 200000);
  pair_close (p);
}

static void
test_data (void **state) {
  struct pair *p = pair_open ();

  (void) state;
  assert_int_equal (connect_attacker (p, flood_data, 200000, "OK\n"), 0);
  assert_int_equal (ask (p, "A"), 0);
  assert_int_equal (p->n_data, 200000);
  assert_int_equal (p->data_len, 200000 * 23);
  pair_close (p);
}

static void
test_percents (void **state) {
  struct pair *p = pair_open ();

  (void) state;
  assert_int_equal (connect_attacker (p, flood_percents, 100000, "OK\n"), 0);
  assert_int_equal (ask (p, "A"), 0);
  assert_int_equal (p->n_data, 100000);
  assert_int_equal (p->data_len, 100000 * strlen ("%%%%4%%%4%zz%"));
  pair_close (p);
}

static void
test_ends (void **state) {
  struct pair *p = pair_open ();

  (void) state;
  assert_int_equal (connect_attacker (p, flood_ends, 50000, "OK\n"), 0);
  assert_int_equal (ask (p, "A"), 0);
  assert_int_equal (p->n_data, 100000);
  assert_int_equal (p->data_len, 0);
  pair_close (p);
}

/* Data without a callback: the reply is given up, and the next command gets its own.  */
static void
test_unwanted_data (void **state) {
  struct pair *p = pair_open ();
  gpg_error_t err;

  (void) state;
  assert_int_equal (connect_attacker (p, flood_data, 200000, "OK\nD mine\nOK\n"), 0);
  err = assuan_transact (p->ctx, "A", NULL, NULL, NULL, NULL, NULL, NULL);
  assert_int_equal (gpg_err_code (err), GPG_ERR_ASS_NO_DATA_CB);
  use_bystander (p);
  assert_int_equal (ask (p, "B"), 0);
  assert_int_equal (p->n_data, 1);
  assert_int_equal (p->data_len, strlen ("mine"));
  pair_close (p);
}

/* Releases the victim and waits for the attacker, who counted what it got.  */
static void
end_attack (struct pair *p) {
  assuan_release (p->ctx);
  p->ctx = NULL;
  attacker_join (&p->attacker);
  p->attacker_ended = true;
}

static void
test_inquiries (void **state) {
  struct pair *p = pair_open ();

  (void) state;
  assert_int_equal (connect_attacker (p, flood_inquiries, 20000, "OK\n"), 0);
  assert_int_equal (ask (p, "A"), 0);
  assert_int_equal (p->n_inquiries, 20000);
  end_attack (p);
  assert_int_equal (p->attacker.n_lines, 1 + 20000 * 2 + 1); /* with the command and BYE */
  pair_close (p);
}

/* Inquiries in a reply that was given up: each of them is refused, so that the server comes to its
   end.  */
static void
test_unwanted_inquiries (void **state) {
  struct pair *p = pair_open ();

  (void) state;
  p->fail_at = 1;
  assert_int_equal (connect_attacker (p, flood_inquiries_behind_data, 20000, "OK\nD mine\nOK\n"),
                    0);
  assert_int_equal (gpg_err_code (ask (p, "A")), GPG_ERR_FALSE);
  use_bystander (p);
  assert_int_equal (ask (p, "B"), 0);
  assert_int_equal (p->n_data, 2);
  assert_int_equal (p->n_inquiries, 0);
  end_attack (p);
  assert_int_equal (p->attacker.n_lines, 1 + 20000 + 1 + 1);
  pair_close (p);
}

/* Replies that break off, or are none.  */
static void
test_broken_replies (void **state) {
  static const struct {
    const char *reply;
    gpg_err_code_t code;
  } rows[] = {
    { "D x\nS y\n", GPG_ERR_EOF },
    { "D x\nO", GPG_ERR_ASS_INCOMPLETE_LINE },
    { "OK", GPG_ERR_ASS_INCOMPLETE_LINE },
    { "", GPG_ERR_EOF },
    { "INQUIRE KEY\n", GPG_ERR_EOF },
    { "what\n", GPG_ERR_ASS_INV_RESPONSE },
    { "ok\n", GPG_ERR_ASS_INV_RESPONSE },
    { "ERR\n", GPG_ERR_ASS_INV_RESPONSE },
    { "ERR 0 fine\n", GPG_ERR_ASS_INV_RESPONSE },
  };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (rows); i++) {
    struct pair *p = pair_open ();
    char text[100];
    snprintf (text, sizeof text, "OK\n%s", rows[i].reply);
    /* Then it closes.  */
    p->attacker.awaited = strncmp (rows[i].reply, "INQUIRE", 7) ? "A\n" : "END\n";
    assert_int_equal (connect_attacker (p, NULL, 0, text), 0);
    assert_int_equal (gpg_err_code (ask (p, "A")), rows[i].code);
    assert_int_not_equal (ask (p, "B"), 0);
    pair_close (p);
  }
}

/* --- Descriptors ------------------------------------------------------------------------------ */

/* A server sends more descriptors than are taken, each with a reply.  */
static void
test_descriptors (void **state) {
  struct pair *p = pair_open ();
  int fd = kit_any_fd ();
  int fds[2], many[253];
  size_t n_fds, n_failed = 0;

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (many); i++)
    many[i] = fd;
  fds_socketpair (fds, 0);
  kit_say (fds[1], "OK\n");
  p->ctx = kit_context ();
  assert_non_null (p->ctx);
  assert_int_equal (assuan_socket_connect_fd (p->ctx, fds[0], ASSUAN_SOCKET_CONNECT_FDPASSING), 0);
  n_fds = fds_count ();
  for (size_t i = 0; i < 10; i++) {
    fds_send (fds[1], "OK\n", many, i < 2 ? 40 : N_ELEMENTS (many));
    if (assuan_transact (p->ctx, "A", NULL, NULL, NULL, NULL, NULL, NULL)) n_failed++;
    assert_true (fds_count () <= n_fds + 64);
    use_bystander (p);
  }
  assert_true (n_failed >= 9);
  close (fd);
  close (fds[1]);
  p->attacker_ended = true;
  pair_close (p);
}

int
main (void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_long_greeting),  cmocka_unit_test (test_late_greeting),
    cmocka_unit_test (test_no_greeting),    cmocka_unit_test (test_endless_greeting),
    cmocka_unit_test (test_garbage),        cmocka_unit_test (test_status),
    cmocka_unit_test (test_data),           cmocka_unit_test (test_percents),
    cmocka_unit_test (test_ends),           cmocka_unit_test (test_unwanted_data),
    cmocka_unit_test (test_inquiries),      cmocka_unit_test (test_unwanted_inquiries),
    cmocka_unit_test (test_broken_replies), cmocka_unit_test (test_descriptors),
  };

  kit_init ();
  return cmocka_run_group_tests_name ("hostile-servers", tests, NULL, NULL);
}
