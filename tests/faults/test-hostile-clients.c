/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-hostile-clients.c - what clients may do to a server in an event loop: garbage, floods,
   endless lines, too much data, too many descriptors, silence.  The server keeps its memory and its
   descriptors within bounds, goes on serving, and another client never notices.  */

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attacker.h"
#include "kit.h"

/* Memory that a server may need for two connections, whatever comes; and what one may send ahead of
   a
 * pending command, in a buffer that doubles while the old one is still there.  */
#define ENOUGH_MEMORY       (512 * 1024)
#define ENOUGH_MEMORY_AHEAD (ENOUGH_MEMORY + 3 * 1024 * 1024)

/* How long a server may wait for an attacker before that counts as a hang.  */
#define TIMEOUT_MS 60000

/* Turns of a connection between two of the other's.  */
#define BYSTANDER_EVERY 16

/* --- The server ------------------------------------------------------------------------------- */

struct connection {
  assuan_context_t ctx;
  int fd;
  int peer;
  bool waits;       /* a command is open until the test finishes it */
  size_t n_answers; /* continuations that ran */
  gpg_error_t answer_rc;
  size_t answer_len;
};

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_send_data (ctx, line, strlen (line));

  return assuan_process_done (ctx, err);
}

static gpg_error_t
cmd_wait (assuan_context_t ctx, char *line) {
  struct connection *c = assuan_get_pointer (ctx);

  (void) line;
  c->waits = true;
  return 0;
}

static gpg_error_t
on_answer (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  struct connection *c = arg;

  c->n_answers++;
  c->answer_rc = rc;
  c->answer_len = len;
  assuan_free (c->ctx, buf);
  return assuan_process_done (c->ctx, rc);
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  gpg_error_t err =
      assuan_inquire_ext (ctx, "KEY", (size_t) atoi (line), on_answer, assuan_get_pointer (ctx));

  return err ? assuan_process_done (ctx, err) : 0;
}

static void
connection_open (struct connection *c, unsigned int flags) {
  int fds[2];

  fds_socketpair (fds, 0);
  *c = (struct connection) { .fd = fds[0], .peer = fds[1] };
  c->ctx = kit_context ();
  assert_non_null (c->ctx);
  assuan_set_pointer (c->ctx, c);
  assert_int_equal (
      assuan_init_socket_server (c->ctx, c->fd, ASSUAN_SOCKET_SERVER_ACCEPTED | flags), 0);
  assert_int_equal (assuan_register_command (c->ctx, "ECHO", cmd_echo, NULL), 0);
  assert_int_equal (assuan_register_command (c->ctx, "WAIT", cmd_wait, NULL), 0);
  assert_int_equal (assuan_register_command (c->ctx, "ASK", cmd_ask, NULL), 0);
  assert_int_equal (assuan_set_hello_line (c->ctx, "hi"), 0);
}

/* --- Two connections -------------------------------------------------------------------------- */

/* The one that is attacked, and one beside it that is used all the time.  */
struct pair {
  struct connection victim;
  struct connection bystander;
  struct attacker attacker;
  int n_asked; /* of the bystander */
  size_t n_fds;
  size_t memory;
  size_t enough_memory;
  size_t most_memory;
  gpg_error_t err; /* the last that the victim's turns gave */
  size_t n_errors;
};

/* Octets that are allocated; 0 where a sanitizer stands in for the allocator.  */
static size_t
used_memory (void) {
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

/* What a server of ours with the hello line "hi" greets with.  */
static const char *
hello (void) {
  static char text[40];

  snprintf (text, sizeof text, "OK hi, process %d\n", (int) getpid ());
  return text;
}

static void
expect_exactly (int fd, const char *text) {
  char buf[200];
  size_t len = 0;

  while (len < strlen (text)) {
    ssize_t n = recv (fd, buf + len, sizeof buf - len, MSG_DONTWAIT);
    assert_true (n > 0);
    len += (size_t) n;
  }
  assert_int_equal (len, strlen (text));
  assert_memory_equal (buf, text, len);
}

/* The other client asks something and gets its answer, at once and nothing else.  */
static void
use_bystander (struct pair *p) {
  char buf[80];
  int done;

  snprintf (buf, sizeof buf, "ECHO bystander %d\n", ++p->n_asked);
  kit_say (p->bystander.peer, buf);
  assert_int_equal (assuan_process_next (p->bystander.ctx, &done), 0);
  assert_false (done);
  snprintf (buf, sizeof buf, "D bystander %d\nOK\n", p->n_asked);
  expect_exactly (p->bystander.peer, buf);
}

static struct pair *
pair_open (unsigned int flags) {
  struct pair *p = calloc (1, sizeof *p);
  int done;

  assert_non_null (p);
  p->n_fds = fds_count ();
  kit_memory_reset (0, false);
  connection_open (&p->victim, flags);
  connection_open (&p->bystander, 0);
  assert_int_equal (assuan_process_next (p->bystander.ctx, &done), 0);
  expect_exactly (p->bystander.peer, hello ());
  use_bystander (p);
  p->attacker.fd = p->victim.peer;
  p->attacker.seed = 1;
  p->memory = used_memory ();
  p->enough_memory = ENOUGH_MEMORY;
  return p;
}

/* A turn of the victim's.  Returns true if it was its last.  */
static bool
take_turn (struct pair *p) {
  int done = 0;
  gpg_error_t err = assuan_process_next (p->victim.ctx, &done);
  size_t memory = used_memory ();

  if (err) p->n_errors++;
  if (err) p->err = err;
  if (memory > p->most_memory) p->most_memory = memory;
  if (memory > p->memory) assert_true (memory - p->memory < p->enough_memory);
  return done;
}

static void
await_victim (struct pair *p) {
  struct pollfd fd = { .fd = p->victim.fd, .events = POLLIN };
  int n;

  do
    n = poll (&fd, 1, TIMEOUT_MS);
  while (n < 0 && errno == EINTR);
  assert_int_equal (n, 1);
}

/* Serves both until the victim's client is gone.  */
static void
serve (struct pair *p) {
  bool done = false;

  for (size_t i = 0; !done; i++) {
    /* What was read already, the descriptor does not tell.  */
    if (!assuan_pending_line (p->victim.ctx)) await_victim (p);
    done = take_turn (p);
    if (i % BYSTANDER_EVERY == 0) use_bystander (p);
  }
  use_bystander (p);
}

/* Everything is given back.  */
static void
pair_close (struct pair *p) {
  assuan_release (p->victim.ctx);
  use_bystander (p);
  assuan_release (p->bystander.ctx);
  close (p->bystander.peer);
  assert_int_equal (kit_memory.n_live, 0);
  assert_int_equal (fds_count (), p->n_fds);
  free (p);
}

/* An attack from beginning to end, after which the server still answers.  */
static struct pair *
attack (attacker_func *fill, size_t n) {
  struct pair *p = pair_open (0);

  p->attacker.fill = fill;
  p->attacker.n_left = n;
  p->attacker.last = "\nECHO still there\n";
  p->attacker.awaited = "\nD still there\nOK\n";
  attacker_start (&p->attacker);
  serve (p);
  attacker_join (&p->attacker);
  assert_true (p->attacker.was_answered);
  return p;
}

/* --- Attacks ---------------------------------------------------------------------------------- */

static void
test_garbage (void **state) {
  struct pair *p = attack (attack_with_garbage, 2 << 20);

  (void) state;
  assert_true (p->attacker.n_err > 1000);
  pair_close (p);
}

static void
test_endless_line (void **state) {
  struct pair *p = attack (attack_with_endless_line, 16 << 20);

  (void) state;
  /* It is told once, and is no request.  */
  assert_int_equal (gpg_err_code (p->err), GPG_ERR_ASS_LINE_TOO_LONG);
  assert_int_equal (p->n_errors, 1);
  assert_int_equal (p->attacker.n_err, 0);
  pair_close (p);
}

static size_t
fill_nops (struct attacker *a, char *buf) {
  return attack_with_text (a, buf, "NOP\n");
}

static void
test_flood (void **state) {
  struct pair *p = attack (fill_nops, 300000);

  (void) state;
  assert_int_equal (p->attacker.n_ok, 300000 + 2);
  assert_int_equal (p->n_errors, 0);
  pair_close (p);
}

static size_t
fill_nothing (struct attacker *a, char *buf) {
  return attack_with_text (a, buf, "\n#\n\r\n# comment\n");
}

static void
test_flood_of_nothing (void **state) {
  struct pair *p = attack (fill_nothing, 100000);

  (void) state;
  assert_int_equal (p->attacker.n_ok, 2);
  assert_int_equal (p->attacker.n_lines, 3);
  pair_close (p);
}

static size_t
fill_ends (struct attacker *a, char *buf) {
  return attack_with_text (a, buf, "END\nCAN\nD x\nD\nend\n");
}

/* What ends inquiries, where there is none.  */
static void
test_flood_of_ends (void **state) {
  struct pair *p = attack (fill_ends, 10000);

  (void) state;
  assert_int_equal (p->attacker.n_err, 50000);
  assert_int_equal (p->attacker.n_ok, 2);
  pair_close (p);
}

static size_t
fill_inquiries (struct attacker *a, char *buf) {
  return attack_with_text (a, buf,
                           "ASK 5\nEND\nASK 5\nCAN\nASK 5\nD 123\nD 456\nEND\nASK 5\nNOP\n");
}

/* What ends inquiries, after each of many: every continuation runs once.  */
static void
test_flood_of_inquiries (void **state) {
  struct pair *p = attack (fill_inquiries, 5000);

  (void) state;
  assert_int_equal (p->victim.n_answers, 20000);
  assert_int_equal (p->attacker.n_ok, 5000 + 2);
  assert_int_equal (p->attacker.n_err, 15000);
  pair_close (p);
}

static size_t
fill_data (struct attacker *a, char *buf) {
  if (!a->n_sent) {
    strcpy (buf, "ASK 1000\n");
    return strlen (buf);
  }
  return attack_with_text (a, buf, "D 0123456789012345678901234567890123456789\n");
}

/* More data than were asked for, and no end of them: they are not kept, and told of once.  */
static void
test_endless_data (void **state) {
  struct pair *p = pair_open (0);

  (void) state;
  p->attacker.fill = fill_data;
  p->attacker.n_left = 300000;
  p->attacker.last = "END\nECHO still there\n";
  p->attacker.awaited = "\nD still there\nOK\n";
  attacker_start (&p->attacker);
  serve (p);
  attacker_join (&p->attacker);
  assert_true (p->attacker.was_answered);
  assert_int_equal (p->victim.n_answers, 1);
  assert_int_equal (gpg_err_code (p->victim.answer_rc), GPG_ERR_ASS_TOO_MUCH_DATA);
  assert_int_equal (p->attacker.n_err, 1);
  pair_close (p);
}

static size_t
fill_behind_wait (struct attacker *a, char *buf) {
  if (!a->n_sent) {
    strcpy (buf, "WAIT\n");
    return strlen (buf);
  }
  return fill_nops (a, buf);
}

/* Requests behind one that is not done are kept, up to a bound, and served afterwards.  */
static void
test_flood_behind_command (void **state) {
  struct pair *p = pair_open (0);

  (void) state;
  p->enough_memory = ENOUGH_MEMORY_AHEAD;
  p->attacker.fill = fill_behind_wait;
  p->attacker.n_left = 200000; /* less than may be kept */
  p->attacker.last = "ECHO still there\n";
  p->attacker.awaited = "\nD still there\nOK\n";
  attacker_start (&p->attacker);
  while (!p->victim.waits) {
    await_victim (p);
    assert_false (take_turn (p));
  }
  for (size_t i = 0; i < 1000; i++) {
    assert_false (take_turn (p));
    if (i % BYSTANDER_EVERY == 0) use_bystander (p);
  }
  assert_int_equal (assuan_process_done (p->victim.ctx, 0), 0);
  serve (p);
  attacker_join (&p->attacker);
  assert_true (p->attacker.was_answered);
  assert_int_equal (p->attacker.n_ok, 200000 + 3);
  assert_int_equal (p->n_errors, 0);
  pair_close (p);
}

/* Attackers that leave in the middle of what they do.  */
static void
check_leaving (attacker_func *fill, size_t n) {
  struct pair *p = pair_open (0);

  p->attacker.fill = fill;
  p->attacker.n_left = n;
  attacker_start (&p->attacker);
  serve (p);
  attacker_join (&p->attacker);
  pair_close (p);
}

static void
test_leaving (void **state) {
  (void) state;
  check_leaving (attack_with_garbage, 100000);
  check_leaving (attack_with_endless_line, 100000);
  check_leaving (fill_nops, 10000);
  check_leaving (fill_inquiries, 1000);
  check_leaving (fill_data, 1000);
  check_leaving (NULL, 0);
}

/* Gone before the continuation of an inquiry could run: it does run.  */
static void
test_leaving_inquiry (void **state) {
  struct pair *p = pair_open (0);

  (void) state;
  kit_say (p->victim.peer, "ASK 0\nD 1\nD 2");
  assert_false (take_turn (p));
  assert_int_equal (p->victim.n_answers, 0);
  close (p->victim.peer);
  serve (p);
  assert_int_equal (p->victim.n_answers, 1);
  assert_int_equal (gpg_err_code (p->victim.answer_rc), GPG_ERR_EOF);
  pair_close (p);
}

/* --- Silence ---------------------------------------------------------------------------------- */

/* Half a line, and then nothing: the server does not wait for the rest.  */
static void
test_silence (void **state) {
  struct pair *p = pair_open (0);

  (void) state;
  for (const char *text = "ECHO slow"; *text; text++) {
    kit_write (p->victim.peer, text, 1);
    for (int i = 0; i < 3; i++) {
      assert_false (take_turn (p));
      use_bystander (p);
    }
  }
  expect_exactly (p->victim.peer, hello ());
  kit_say (p->victim.peer, "\nEC");
  assert_false (take_turn (p));
  expect_exactly (p->victim.peer, "D slow\nOK\n");
  close (p->victim.peer);
  serve (p);
  pair_close (p);
}

/* --- Octets that are none of text ------------------------------------------------------------- */

static void
test_nuls (void **state) {
  static const char input[] = "\0\0\0\nNOP\0x\nNOP \0\nECHO a\0b\n\r\n\r\r\n \0\nECHO end\n";
  struct pair *p = pair_open (0);
  struct text got = { 0 };

  (void) state;
  kit_write (p->victim.peer, input, sizeof input - 1);
  shutdown (p->victim.peer, SHUT_WR);
  serve (p);
  assuan_release (p->victim.ctx);
  p->victim.ctx = NULL;
  kit_read_all (p->victim.peer, &got);
  close (p->victim.peer);
  assert_non_null (strstr (got.data, "D a\nOK\n"));
  assert_non_null (strstr (got.data, "D end\nOK\n"));
  assert_int_equal (strlen (got.data), got.len); /* no NUL of theirs came back */
  text_free (&got);
  pair_close (p);
}

/* --- Descriptors ------------------------------------------------------------------------------ */

#define MANY_FDS 253

/* TEXT with N descriptors, all the same one.  */
static void
send_many (int sock, const char *text, size_t n) {
  int fds[MANY_FDS];
  int fd = kit_any_fd ();

  for (size_t i = 0; i < n; i++)
    fds[i] = fd;
  fds_send (sock, text, fds, n);
  close (fd);
}

/* More than are taken: the rest is closed, the program is told, and the connection can go on.  */
static void
test_many_descriptors (void **state) {
  static const size_t numbers[] = { 1, 60, 3, 1, 253, 253, 64, 65 };
  struct pair *p = pair_open (ASSUAN_SOCKET_SERVER_FDPASSING);
  size_t n_fds;

  (void) state;
  assert_false (take_turn (p));
  expect_exactly (p->victim.peer, hello ());
  n_fds = fds_count ();
  for (size_t i = 0; i < N_ELEMENTS (numbers); i++) {
    send_many (p->victim.peer, "NOP\n", numbers[i]);
    while (recv (p->victim.peer, &(char) { 0 }, 1, MSG_DONTWAIT | MSG_PEEK) < 0)
      assert_false (take_turn (p));
    expect_exactly (p->victim.peer, "OK\n");
    assert_true (fds_count () <= n_fds + 64);
    use_bystander (p);
  }
  assert_true (p->n_errors >= 5);
  kit_say (p->victim.peer, "RESET\n");
  assert_false (take_turn (p));
  expect_exactly (p->victim.peer, "OK\n");
  assert_int_equal (fds_count (), n_fds);
  send_many (p->victim.peer, "NOP\n", 10);
  assert_false (take_turn (p));
  close (p->victim.peer);
  serve (p);
  pair_close (p);
}

/* Descriptors that are not taken: with requests that wait for their turn, and with half a line.  */
static void
test_descriptors_left (void **state) {
  struct pair *p = pair_open (ASSUAN_SOCKET_SERVER_FDPASSING);

  (void) state;
  send_many (p->victim.peer, "WAIT\n", 3);
  assert_false (take_turn (p));
  assert_true (p->victim.waits);
  send_many (p->victim.peer, "NOP\n", 5);
  assert_false (take_turn (p));
  send_many (p->victim.peer, "NO", 7);
  assert_false (take_turn (p));
  use_bystander (p);
  close (p->victim.peer);
  pair_close (p);
}

/* A server that does not pass descriptors gets none.  */
static void
test_unwanted_descriptors (void **state) {
  struct pair *p = pair_open (0);
  size_t n_fds;

  (void) state;
  assert_false (take_turn (p));
  expect_exactly (p->victim.peer, hello ());
  n_fds = fds_count ();
  for (size_t i = 0; i < 20; i++) {
    send_many (p->victim.peer, "NOP\n", MANY_FDS);
    assert_false (take_turn (p));
    expect_exactly (p->victim.peer, "OK\n");
    assert_int_equal (fds_count (), n_fds);
  }
  close (p->victim.peer);
  serve (p);
  pair_close (p);
}

int
main (void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_garbage),
    cmocka_unit_test (test_endless_line),
    cmocka_unit_test (test_flood),
    cmocka_unit_test (test_flood_of_nothing),
    cmocka_unit_test (test_flood_of_ends),
    cmocka_unit_test (test_flood_of_inquiries),
    cmocka_unit_test (test_endless_data),
    cmocka_unit_test (test_flood_behind_command),
    cmocka_unit_test (test_leaving),
    cmocka_unit_test (test_leaving_inquiry),
    cmocka_unit_test (test_silence),
    cmocka_unit_test (test_nuls),
    cmocka_unit_test (test_many_descriptors),
    cmocka_unit_test (test_descriptors_left),
    cmocka_unit_test (test_unwanted_descriptors),
  };

  kit_init ();
  return cmocka_run_group_tests_name ("hostile-clients", tests, NULL, NULL);
}
