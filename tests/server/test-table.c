/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-table.c - commands that are registered in any case, against a table that is searched from end
   to end.  */

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "assertions.h"
#include "assuan/context.h"

#define N_NAMES    300
#define NAME_SIZE  8
#define N_BUILTINS 8

static char names[N_NAMES][NAME_SIZE];

/* What has to be in the table, in this order.  */
static const char *model[N_NAMES + N_BUILTINS];
static size_t n_model;

static uint32_t random_state = 1;

static uint32_t
below (uint32_t limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state % limit;
}

/* Names of one to three letters out of three, so that many of them are there already.  Some are built
   in.  */
static void
make_name (char name[NAME_SIZE]) {
  size_t len = 1 + below (3);

  if (!below (20)) {
    strcpy (name, below (2) ? "bye" : "NOP");
    return;
  }
  for (size_t i = 0; i < len; i++)
    name[i] = "abcABC"[below (6)];
  name[len] = 0;
}

static bool
is_upper (const char *name) {
  return !name[strcspn (name, "abcdefghijklmnopqrstuvwxyz")];
}

/* The rule of assuan_register_command: the same name is replaced, and so is the one in capitals.  */
static void
register_in_model (const char *name) {
  for (size_t i = 0; i < n_model; i++)
    if (!strcmp (model[i], name) || (!strcasecmp (model[i], name) && is_upper (model[i]))) {
      model[i] = name;
      return;
    }
  model[n_model++] = name;
}

static gpg_error_t
handler (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return 0;
}

static void
check (assuan_context_t ctx) {
  const struct eva__table *table = ctx->table;
  size_t n = 0;

  for (size_t i = 0; i <= table->n_commands; i++) {
    if (i == table->n_before)
      for (unsigned int b = 0; b < N_BUILTINS; b++)
        if (table->standard & 1u << b) assert_string_equal (model[n++], eva__builtins[b].name);
    if (i < table->n_commands) assert_string_equal (model[n++], table->commands[i].name);
  }
  assert_int_equal (n, n_model);
}

static void
test_registering (void **state) {
  static const char *const builtins[] = { "NOP",  "CANCEL", "OPTION", "BYE",
                                          "AUTH", "RESET",  "END",    "HELP" };
  assuan_fd_t fds[2] = { 0, 1 };
  assuan_context_t ctx;

  (void) state;
  for (int round = 0; round < 50; round++) {
    assert_int_equal (assuan_new (&ctx), 0);
    assert_int_equal (assuan_init_pipe_server (ctx, fds), 0);
    n_model = 0;
    for (size_t i = 0; i < N_BUILTINS; i++)
      register_in_model (builtins[i]);
    for (size_t i = 0; i < N_NAMES; i++) {
      make_name (names[i]);
      assert_int_equal (assuan_register_command (ctx, names[i], handler, NULL), 0);
      register_in_model (names[i]);
      if (i % 50 == 0) check (ctx);
    }
    check (ctx);
    ctx->channel.in_fd = ctx->channel.out_fd = ASSUAN_INVALID_FD; /* they stay open */
    assuan_release (ctx);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_registering) };

  return cmocka_run_group_tests_name ("table", tests, NULL, NULL);
}
