/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-residue.c - nothing stays in memory of what was said and heard: neither in buffers, kept or
   freed, nor in what functions have left on the stack.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <eva.h>

#include "residue.h"
#include "talk.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_ELEMENTS(array) (sizeof (array) / sizeof *(array))

/* What the program does with a secret of its own.  */
typedef gpg_error_t (*secret_use) (assuan_context_t ctx, const char *secret);

static __attribute__ ((noinline)) gpg_error_t
with_secret (assuan_context_t ctx, secret_use use) {
  char secret[SECRET_LEN + 1];
  gpg_error_t err;

  secret_make (secret);
  err = use (ctx, secret);
  secret_forget (secret, sizeof secret);
  return err;
}

/* --- Servers ---------------------------------------------------------------------------------- */

static gpg_error_t
use_data (assuan_context_t ctx, const char *secret) {
  return assuan_send_data (ctx, secret, SECRET_LEN);
}

static gpg_error_t
use_much_data (assuan_context_t ctx, const char *secret) {
  gpg_error_t err = 0;

  for (int i = 0; i < 3000 && !err; i++)
    err = assuan_send_data (ctx, secret, SECRET_LEN);
  return err;
}

/* Among other octets, some of which are escaped, in every part of a line.  */
static gpg_error_t
use_padded_data (assuan_context_t ctx, const char *secret) {
  char text[1200];
  gpg_error_t err = 0;

  for (size_t len = SECRET_LEN; len < sizeof text && !err; len += len < 300 ? 13 : 111)
    for (size_t at = 0; at + SECRET_LEN <= len && !err; at += at < 150 ? 17 : 97) {
      memset (text, 'x', len);
      text[len / 2] = text[len / 3] = text[len - 1] = '%';
      memcpy (text + at, secret, SECRET_LEN);
      err = assuan_send_data (ctx, text, len);
      if (!err && len % 2) err = assuan_send_data (ctx, NULL, 0);
    }
  secret_forget (text, sizeof text);
  return err;
}

static gpg_error_t
use_status (assuan_context_t ctx, const char *secret) {
  return assuan_write_status (ctx, "PIN", secret);
}

static gpg_error_t
use_keyword (assuan_context_t ctx, const char *secret) {
  return assuan_write_status (ctx, secret, "is it");
}

static gpg_error_t
use_line (assuan_context_t ctx, const char *secret) {
  return assuan_write_line (ctx, secret);
}

static gpg_error_t
use_okay (assuan_context_t ctx, const char *secret) {
  return assuan_set_okay_line (ctx, secret);
}

/* A text that is cut.  */
static gpg_error_t
use_long_okay (assuan_context_t ctx, const char *secret) {
  char text[1200];
  gpg_error_t err;

  memset (text, 'x', sizeof text);
  text[sizeof text - 1] = 0;
  memcpy (text + 100, secret, SECRET_LEN);
  err = assuan_set_okay_line (ctx, text);
  secret_forget (text, sizeof text);
  return err;
}

static gpg_error_t
use_error (assuan_context_t ctx, const char *secret) {
  return assuan_set_error (ctx, gpg_error (GPG_ERR_BAD_PIN), secret);
}

/* Replaced before it is said.  */
static gpg_error_t
use_other_error (assuan_context_t ctx, const char *secret) {
  assuan_set_error (ctx, gpg_error (GPG_ERR_BAD_PIN), secret);
  return assuan_set_error (ctx, gpg_error (GPG_ERR_BAD_PIN), "short");
}

static gpg_error_t
use_fputs (assuan_context_t ctx, const char *secret) {
  return fputs (secret, assuan_get_data_fp (ctx)) < 0;
}

static gpg_error_t
use_fwrite (assuan_context_t ctx, const char *secret) {
  return fwrite (secret, 1, SECRET_LEN, assuan_get_data_fp (ctx)) != SECRET_LEN;
}

static gpg_error_t
use_putc (assuan_context_t ctx, const char *secret) {
  FILE *fp = assuan_get_data_fp (ctx);

  for (; *secret; secret++)
    putc (*secret, fp);
  return 0;
}

/* Where the program takes turns by hand, the result of a handler ends no command.  */
static bool is_by_hand;

static gpg_error_t
end (assuan_context_t ctx, gpg_error_t err) {
  return is_by_hand ? assuan_process_done (ctx, err) : err;
}

/* What a program gets is its own to overwrite.  */
static gpg_error_t
got_answer (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  assuan_context_t ctx = arg;

  if (buf) secret_forget (buf, len);
  assuan_free (ctx, buf);
  return end (ctx, rc);
}

static gpg_error_t
use_inquiry (assuan_context_t ctx, const char *secret) {
  char keyword[100];
  gpg_error_t err;

  memcpy (keyword, "PIN ", 4);
  memcpy (keyword + 4, secret, SECRET_LEN + 1);
  err = assuan_inquire_ext (ctx, keyword, 5000, got_answer, ctx);
  secret_forget (keyword, sizeof keyword);
  return err;
}

/* The command under test; USE may be NULL: then it is the peer that says the secret.  */
static secret_use use;

static gpg_error_t
cmd_run (assuan_context_t ctx, char *line) {
  gpg_error_t err = use ? with_secret (ctx, use) : 0;

  (void) line;
  return use == use_inquiry && !err ? 0 : end (ctx, err);
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_inquire_ext (ctx, "PIN", 5000, got_answer, ctx);

  (void) line;
  return err ? end (ctx, err) : 0;
}

static gpg_error_t
cmd_wait (assuan_context_t ctx, char *line) {
  unsigned char *buf;
  gpg_error_t err;
  size_t len;

  (void) line;
  err = assuan_inquire (ctx, "PIN", &buf, &len, 5000);
  if (!err) secret_forget (buf, len);
  if (!err) assuan_free (ctx, buf);
  return err;
}

static gpg_error_t
on_option (assuan_context_t ctx, const char *name, const char *value) {
  (void) ctx;
  (void) name;
  (void) value;
  return 0;
}

/* --- Conversations with servers --------------------------------------------------------------- */

struct conversation {
  const char *script;
  secret_use use;
};

static const struct conversation said[] = {
  { "|RUN\n||", use_data },      { "|RUN\n", use_much_data },
  { "|RUN\n", use_padded_data }, { "|RUN\n||", use_status },
  { "|RUN\n||", use_keyword },   { "|RUN\n||", use_line },
  { "|RUN\n|", use_okay },       { "|RUN\n|", use_long_okay },
  { "|RUN\n|", use_error },      { "|RUN\n|", use_other_error },
  { "|RUN\n||", use_fputs },     { "|RUN\n||", use_fwrite },
  { "|RUN\n||", use_putc },      { "|RUN\n|D x\nEND\n|", use_inquiry },
};

static const struct conversation heard[] = {
  { "|RUN @\n|", NULL },
  { "|RUN --pin=@ @\n|", NULL },
  { "|RUN --id=@ @\n|", NULL },
  { "|RUN --n=@ @\n|", NULL },
  { "|RUN --@ @\n|", NULL },
  { "| run @\n|", NULL },
  { "|@\n|", NULL },
  { "|OPTION pin=@\n|", NULL },
  { "|OPTION @ = @\n|", NULL },
  { "|# @\nNOP\n|", NULL },
  { "|HELP @\n|", NULL },
  { "|D @\n|", NULL },
  { "| @\n|", NULL },
  { "|INPUT @\n|", NULL },
  { "|BYE @\n|NOP @\n", NULL },
  { "|NOP @", NULL },
  { "|RUN **\n", NULL }, /* too long */
  { "|ASK\n|D @%40@\nEND\n|", NULL },
  { "|ASK\n|D *\nD @%40@\nD @%40@%41@\nEND\n|", NULL },
  { "|ASK\n|D *\nD *\nD *\nEND\n|", NULL },                /* it grows */
  { "|ASK\n|D *\nD *\nD *\nD *\nD *\nD *\nEND\n|", NULL }, /* too much */
  { "|ASK\n|D @\nCAN\n|", NULL },
  { "|ASK\n|D @\n@\n", NULL },
  { "|ASK\n|D @\n", NULL },
  { "|ASK\n|D @", NULL },
};

static void
check (const struct conversation *c, const char *when) {
  size_t n = secret_search ();

  if (n) fail_msg ("%s, %zu pieces: %s", when, n, c->script);
}

/* By a blocking server, and once more with the log and a monitor.  */
static int
log_nothing (assuan_context_t ctx, void *hook, unsigned int cat, const char *msg) {
  (void) ctx;
  (void) hook;
  (void) cat;
  return !msg;
}

static unsigned int
see_nothing (assuan_context_t ctx, void *hook, int inout, const char *line, size_t len) {
  (void) ctx;
  (void) hook;
  (void) inout;
  (void) line;
  (void) len;
  return 0;
}

static void
serve_blocking (const struct conversation *c, bool is_watched) {
  assuan_context_t ctx;
  struct talk talk;

  use = c->use;
  talk_start (&talk, c->script);
  assert_int_equal (assuan_new (&ctx), 0);
  if (is_watched) assuan_set_io_monitor (ctx, see_nothing, NULL);
  assert_int_equal (assuan_init_socket_server (ctx, talk.fd, ASSUAN_SOCKET_SERVER_ACCEPTED), 0);
  assuan_register_command (ctx, "RUN", cmd_run, NULL);
  assuan_register_command (ctx, "ASK", cmd_wait, NULL);
  assuan_register_option_handler (ctx, on_option);
  if (!assuan_accept (ctx)) assuan_process (ctx);
  check (c, is_watched ? "watched" : "blocking");
  assuan_release (ctx);
  talk_end (&talk);
  check (c, "released");
}

/* An inquiry that does not wait is for loops.  */
static bool
is_for_loops (const struct conversation *c) {
  return c->use == use_inquiry;
}

static void
test_blocking_server (void **state) {
  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (said); i++)
    if (!is_for_loops (&said[i])) serve_blocking (&said[i], false);
  for (size_t i = 0; i < N_ELEMENTS (heard); i++)
    serve_blocking (&heard[i], false);
}

static void
test_watched_server (void **state) {
  assuan_log_cb_t cb;
  void *data;

  (void) state;
  assuan_get_log_cb (&cb, &data);
  assuan_set_log_cb (log_nothing, NULL);
  for (size_t i = 0; i < N_ELEMENTS (said); i++)
    if (!is_for_loops (&said[i])) serve_blocking (&said[i], true);
  for (size_t i = 0; i < N_ELEMENTS (heard); i++)
    serve_blocking (&heard[i], true);
  assuan_set_log_cb (cb, data);
}

/* A turn at a time, with buffers on the stack.  */
static void
serve_by_hand (const struct conversation *c) {
  assuan_context_t ctx;
  struct talk talk;
  int done = 0;

  use = c->use;
  talk_start (&talk, c->script);
  assert_int_equal (assuan_new (&ctx), 0);
  assert_int_equal (assuan_init_socket_server (ctx, talk.fd, ASSUAN_SOCKET_SERVER_ACCEPTED), 0);
  assuan_register_command (ctx, "RUN", cmd_run, NULL);
  assuan_register_command (ctx, "ASK", cmd_ask, NULL);
  assuan_register_option_handler (ctx, on_option);
  while (!done) {
    struct pollfd p = { .fd = talk.fd, .events = POLLIN };
    assuan_process_next (ctx, &done);
    if (!done) poll (&p, 1, -1);
  }
  check (c, "by hand");
  assuan_release (ctx);
  talk_end (&talk);
  check (c, "released");
}

static void
test_server_by_hand (void **state) {
  (void) state;
  is_by_hand = true;
  for (size_t i = 0; i < N_ELEMENTS (said); i++)
    serve_by_hand (&said[i]);
  for (size_t i = 0; i < N_ELEMENTS (heard); i++)
    serve_by_hand (&heard[i]);
  is_by_hand = false;
}

/* In a loop, where replies may wait.  */

static eva_loop *loop;

static void
on_close (assuan_context_t ctx, gpg_error_t reason) {
  (void) ctx;
  (void) reason;
  eva_loop_stop (loop);
}

static const struct eva_command plain_commands[] = {
  { .name = "RUN", .handler = cmd_run },
  { .name = "ASK", .handler = cmd_ask },
  { .name = "INPUT" },
};
static const struct eva_service plain_service = {
  .commands = plain_commands, .n_commands = 3, .option = on_option, .close = on_close
};

/* The same with secret commands, whose arguments are compared with the table, and a monitor.  */
static gpg_error_t
open_watched (assuan_context_t ctx) {
  assuan_set_io_monitor (ctx, see_nothing, NULL);
  return 0;
}

static const struct eva_parameter parameters[] = {
  { .name = "--pin", .type = EVA_WORD },
  { .name = "--id", .type = EVA_HEX, .max = 4 },
  { .name = "--n", .type = EVA_NUMBER, .max = 4 },
  { .name = "text", .type = EVA_REST, .is_optional = true },
};
static const struct eva_command secret_commands[] = {
  { .name = "RUN",
    .handler = cmd_run,
    .flags = EVA_COMMAND_SECRET | EVA_COMMAND_CHECKED,
    .parameters = parameters,
    .n_parameters = N_ELEMENTS (parameters) },
  { .name = "ASK", .handler = cmd_ask, .flags = EVA_COMMAND_SECRET },
  { .name = "INPUT", .flags = EVA_COMMAND_SECRET },
};
static const struct eva_service secret_service = {
  .commands = secret_commands,
  .n_commands = 3,
  .option = on_option,
  .open = open_watched,
  .close = on_close,
};

static void
serve_in_loop (const struct conversation *c, const struct eva_service *service) {
  eva_server *server;
  struct talk talk;

  use = c->use;
  talk_start (&talk, c->script);
  assert_int_equal (eva_server_new (loop, service, NULL, &server), 0);
  assert_int_equal (eva_server_adopt (server, talk.fd, 0, NULL), 0);
  eva_loop_run (loop);
  check (c, "in a loop");
  eva_server_free (server);
  talk_end (&talk);
  check (c, "freed");
}

/* Bulk data: from another process, and to one.  */

static struct talk bulk;

static gpg_error_t
cmd_pump (assuan_context_t ctx, char *line) {
  bool goes_out = *line == 'o';
  const struct eva_pump_config config = {
    .from_fd = goes_out ? bulk.fd : EVA_PUMP_CONNECTION,
    .to_fd = goes_out ? EVA_PUMP_CONNECTION : bulk.fd,
    .inquiry = goes_out ? NULL : "BULK",
    .flags = goes_out ? EVA_PUMP_CLOSE_FROM : EVA_PUMP_CLOSE_TO,
  };

  return eva_pump (ctx, &config);
}

static void
pump (const char *script, const char *bulk_script) {
  static const struct eva_command commands[] = { { .name = "PUMP", .handler = cmd_pump } };
  static const struct eva_service service = { .commands = commands,
                                              .n_commands = 1,
                                              .close = on_close };
  const struct conversation c = { script, NULL };
  eva_server *server;
  struct talk talk;

  talk_start (&bulk, bulk_script);
  talk_start (&talk, script);
  assert_int_equal (eva_server_new (loop, &service, NULL, &server), 0);
  assert_int_equal (eva_server_adopt (server, talk.fd, 0, NULL), 0);
  eva_loop_run (loop);
  check (&c, "pumped");
  eva_server_free (server);
  talk_end (&talk);
  talk_end (&bulk);
  check (&c, "freed");
}

static void
test_pump (void **state) {
  (void) state;
  loop = eva_loop_new ();
  assert_non_null (loop);
  pump ("|PUMP o\n|", "****************************************");
  pump ("|PUMP i\n|D @\nD *\nD *\nEND\n|", "");
  pump ("|PUMP i\n|D @\nD *\nD *\nCAN\n|", "");
  pump ("|PUMP i\n|D @\nD *\nD *", "");
  eva_loop_free (loop);
}

static void
test_server_in_loop (void **state) {
  (void) state;
  loop = eva_loop_new ();
  assert_non_null (loop);
  for (size_t i = 0; i < N_ELEMENTS (said); i++)
    serve_in_loop (&said[i], &plain_service);
  for (size_t i = 0; i < N_ELEMENTS (heard); i++)
    serve_in_loop (&heard[i], &plain_service);
  eva_loop_free (loop);
}

static void
test_secret_commands (void **state) {
  assuan_log_cb_t cb;
  void *data;

  (void) state;
  assuan_get_log_cb (&cb, &data);
  assuan_set_log_cb (log_nothing, NULL);
  loop = eva_loop_new ();
  assert_non_null (loop);
  for (size_t i = 0; i < N_ELEMENTS (said); i++)
    serve_in_loop (&said[i], &secret_service);
  for (size_t i = 0; i < N_ELEMENTS (heard); i++)
    serve_in_loop (&heard[i], &secret_service);
  eva_loop_free (loop);
  assuan_set_log_cb (cb, data);
}

/* --- Clients ---------------------------------------------------------------------------------- */

static gpg_error_t data_rc;

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  (void) arg;
  (void) buf;
  (void) len;
  return data_rc;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  (void) arg;
  (void) text;
  return 0;
}

static gpg_error_t
on_inquire (void *arg, const char *text) {
  (void) text;
  return with_secret (arg, use_data);
}

static gpg_error_t
use_command (assuan_context_t ctx, const char *secret) {
  char command[100];
  gpg_error_t err;

  memcpy (command, "PIN ", 4);
  memcpy (command + 4, secret, SECRET_LEN + 1);
  err = assuan_transact (ctx, command, on_data, ctx, on_inquire, ctx, on_status, ctx);
  secret_forget (command, sizeof command);
  return err;
}

static gpg_error_t
use_nothing (assuan_context_t ctx, const char *secret) {
  (void) secret;
  return assuan_transact (ctx, "RUN", on_data, ctx, on_inquire, ctx, on_status, ctx);
}

static const struct conversation asked[] = {
  { "OK @\n|OK\n|", use_nothing },
  { "OK\n|OK\n|", use_command },
  { "OK\n|OK @\n|", use_nothing },
  { "OK\n|ERR 11 @\n|", use_nothing },
  { "OK\n|S PIN @\nOK\n|", use_nothing },
  { "OK\n|# @\nOK\n|", use_nothing },
  { "OK\n|D @%40@\nD *\nD *\nOK\n|", use_nothing },
  { "OK\n|D *\nD @%40@\nD @%40@%41@\nOK\n|", use_nothing },
  { "OK\n|INQUIRE @\n||OK\n|", use_nothing },
  { "OK\n|D @\n", use_nothing },
  { "OK\n|D @", use_nothing },
};

static void
ask (const struct conversation *c) {
  assuan_context_t ctx;
  struct talk talk;

  talk_start (&talk, c->script);
  assert_int_equal (assuan_new (&ctx), 0);
  if (!assuan_socket_connect_fd (ctx, talk.fd, 0)) with_secret (ctx, c->use);
  if (!data_rc) check (c, "asked"); /* the rest of a reply that was given up waits unread */
  assuan_release (ctx);
  talk_end (&talk);
  check (c, "released");
}

static void
test_blocking_client (void **state) {
  (void) state;
  for (data_rc = 0; data_rc < 2; data_rc++)
    for (size_t i = 0; i < N_ELEMENTS (asked); i++)
      ask (&asked[i]);
  data_rc = 0;
}

static gpg_error_t
answer (void *arg, struct eva_pending_call *call, const char *text) {
  char secret[SECRET_LEN + 1];

  (void) arg;
  (void) text;
  secret_make (secret);
  eva_answer_data (call, secret, SECRET_LEN);
  secret_forget (secret, sizeof secret);
  return eva_answer_end (call);
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  (void) arg;
  (void) err;
  (void) text;
}

static void
on_closed (assuan_context_t ctx, void *arg, gpg_error_t err) {
  (void) ctx;
  (void) arg;
  (void) err;
  eva_loop_stop (loop);
}

/* The call with the secret, and one behind it, which is cancelled before it is sent.  */
static void
call_with_secret (assuan_context_t ctx, const struct eva_callbacks *cb) {
  char command[100] = "PIN ";
  struct eva_pending_call *second;

  secret_make (command + 4);
  assert_int_equal (eva_call (ctx, command, cb, NULL, NULL), 0);
  assert_int_equal (eva_call (ctx, command, cb, NULL, &second), 0);
  eva_call_cancel (second);
  secret_forget (command, sizeof command);
}

static void
ask_in_loop (const struct conversation *c) {
  const struct eva_callbacks cb = {
    .data = on_data, .status = on_status, .inquire = answer, .done = on_done
  };
  const struct eva_connect_config config = { .closed = on_closed };
  assuan_context_t ctx;
  char address[30];
  struct talk talk;

  talk_start (&talk, c->script);
  snprintf (address, sizeof address, "fd:%d", talk.fd);
  assert_int_equal (eva_connect (loop, address, &config, &ctx), 0);
  if (c->use == use_command)
    call_with_secret (ctx, &cb);
  else
    assert_int_equal (eva_call (ctx, "RUN", &cb, NULL, NULL), 0);
  eva_loop_run (loop);
  check (c, "asked in a loop");
  assuan_release (ctx);
  talk_end (&talk);
  check (c, "released");
}

/* The peer leaves when it has nothing more to say: it does not have to wait for BYE.  */
static void
test_client_in_loop (void **state) {
  (void) state;
  loop = eva_loop_new ();
  assert_non_null (loop);
  for (size_t i = 0; i < N_ELEMENTS (asked); i++) {
    struct conversation c = asked[i];
    char script[100];
    size_t len = strlen (c.script);
    memcpy (script, c.script, len + 1);
    if (script[len - 1] == '|') script[len - 1] = 0;
    c.script = script;
    ask_in_loop (&c);
  }
  eva_loop_free (loop);
}

/* --- The search itself ------------------------------------------------------------------------ */

static void
test_search (void **state) {
  char *copy = malloc (100);

  (void) state;
  assert_int_equal (secret_search (), 0);
  secret_make (copy);
  assert_int_equal (secret_search (), 1);
  secret_forget (copy, SECRET_LEN - 8);
  assert_int_equal (secret_search (), 1);
  secret_forget (copy, SECRET_LEN);
  assert_int_equal (secret_search (), 0);
  free (copy);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_search),         cmocka_unit_test (test_blocking_server),
    cmocka_unit_test (test_watched_server), cmocka_unit_test (test_server_by_hand),
    cmocka_unit_test (test_server_in_loop), cmocka_unit_test (test_secret_commands),
    cmocka_unit_test (test_pump),           cmocka_unit_test (test_blocking_client),
    cmocka_unit_test (test_client_in_loop),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
