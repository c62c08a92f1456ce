/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-parameters.c - commands that describe their parameters: what HELP says, and what is
   checked.  */

#include "suite.h"

static gpg_error_t
cmd_put (assuan_context_t ctx, char *line) {
  return assuan_send_data (ctx, line, strlen (line));
}

static const struct eva_parameter put[] = {
  { .name = "--ttl",
    .type = EVA_NUMBER,
    .value = "seconds",
    .help = "how long it stays",
    .min = 1,
    .max = 3600 },
  { .name = "--force", .help = "also over another value" },
  { .name = "--tag", .type = EVA_WORD },
  { .name = "--id", .type = EVA_HEX, .min = 2, .max = 4 },
  { .name = "key", .help = "its name" },
  { .name = "text", .type = EVA_REST, .is_optional = true },
};
static const struct eva_parameter digest[] = {
  { .name = "hash", .type = EVA_HEX, .min = 2, .max = 2 },
  { .name = "count", .type = EVA_NUMBER, .is_optional = true },
  { .name = "size", .type = EVA_NUMBER, .min = 5, .is_optional = true },
};
static const struct eva_parameter rest[] = { { .name = "text", .type = EVA_REST } };
static const struct eva_parameter secret[] = { { .name = "--old", .type = EVA_WORD },
                                               { .name = "n", .type = EVA_NUMBER } };
static const struct eva_command commands[] = {
  { .name = "PUT",
    .handler = cmd_put,
    .help = "Stores the text.\n\nA second part.",
    .flags = EVA_COMMAND_CHECKED,
    .parameters = put,
    .n_parameters = N_ELEMENTS (put) },
  { .name = "DIGEST",
    .handler = cmd_put,
    .flags = EVA_COMMAND_CHECKED,
    .parameters = digest,
    .n_parameters = N_ELEMENTS (digest) },
  { .name = "SAY",
    .handler = cmd_put,
    .help = "Says it.",
    .flags = EVA_COMMAND_CHECKED,
    .parameters = rest,
    .n_parameters = N_ELEMENTS (rest) },
  { .name = "FREE", .handler = cmd_put, .parameters = put, .n_parameters = N_ELEMENTS (put) },
  { .name = "ALONE", .handler = cmd_put, .help = "Takes nothing.", .flags = EVA_COMMAND_CHECKED },
  { .name = "PASS",
    .handler = cmd_put,
    .flags = EVA_COMMAND_CHECKED | EVA_COMMAND_SECRET,
    .parameters = secret,
    .n_parameters = N_ELEMENTS (secret) },
};

/* A client of a server with these commands, which keeps the books of the other one.  */
static struct peer *
begin (void) {
  static struct eva_service own;

  own = service_offer;
  own.commands = commands;
  own.n_commands = N_ELEMENTS (commands);
  kit_free_server ();
  assert_int_equal (eva_server_new (kit.loop.loop, &own, &kit, &kit.server), 0);
  return peer_new ();
}

/* --- HELP ------------------------------------------------------------------------------------- */

#define PUT_SYNOPSIS "PUT [--ttl=<seconds>] [--force] [--tag=<value>] [--id=<hex>] <key> [<text>]"

static void
test_list (void **state) {
  struct peer *p = begin ();

  (void) state;
  peer_say (p, "HELP\n");
  peer_expect (p, "# NOP\n# CANCEL\n# OPTION\n# BYE\n# AUTH\n# RESET\n# END\n# HELP\n"
                  "# " PUT_SYNOPSIS "\n# DIGEST <hash> [<count>] [<size>]\n# SAY <text>\n"
                  "# FREE [--ttl=<seconds>] [--force] [--tag=<value>] [--id=<hex>] <key> [<text>]\n"
                  "# ALONE\n# PASS [--old=<value>] <n>\nOK\n");
}

static void
test_text (void **state) {
  static const char put_text[] =
      "# " PUT_SYNOPSIS "\n# \n# Stores the text.\n# \n# A second part.\n# \n"
      "# --ttl=<seconds>  how long it stays (1 to 3600)\n"
      "# --force          also over another value\n"
      "# --id=<hex>       2 to 4 octets\n"
      "# <key>            its name\nOK\n";
  struct peer *p = begin ();

  (void) state;
  peer_ask (p, "HELP PUT\n", put_text);
  peer_ask (p, "help put\n", put_text);
  peer_ask (
      p, "HELP DIGEST\n",
      "# DIGEST <hash> [<count>] [<size>]\n# \n# <hash>   2 octets\n# <size>   at least 5\nOK\n");
  peer_ask (p, "HELP ALONE\n", "# ALONE\n# \n# Takes nothing.\nOK\n");
  peer_ask (p, "HELP SAY\n", "# SAY <text>\n# \n# Says it.\nOK\n");
  peer_ask (p, "HELP PASS\n", "# PASS [--old=<value>] <n>\nOK\n");
  peer_say (p, "HELP NOSUCH\n");
  peer_expect_err (p, GPG_ERR_UNKNOWN_COMMAND, NULL);
}

/* A synopsis that is no line any more is cut.  */
static void
test_many (void **state) {
  static struct eva_parameter many[100];
  static struct eva_command command = { .name = "MANY", .handler = cmd_put };
  static struct eva_service own;
  const char *line;
  struct peer *p;

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (many); i++)
    many[i] = (struct eva_parameter) { .name = "a-long-name-of-it" };
  command.parameters = many;
  command.n_parameters = N_ELEMENTS (many);
  own = service_offer;
  own.commands = &command;
  own.n_commands = 1;
  kit_free_server ();
  assert_int_equal (eva_server_new (kit.loop.loop, &own, &kit, &kit.server), 0);
  p = peer_new ();
  peer_say (p, "HELP MANY\n");
  kit_until (peer_has_line (p));
  line = peer_line (p);
  assert_true (strlen (line) > 850 && strlen (line) < 1000);
  assert_string_equal (line + strlen (line) - 24, " <a-long-name-of-it> ...");
  peer_expect (p, "OK\n");
}

/* --- Checks ----------------------------------------------------------------------------------- */

static void
test_good (void **state) {
  static const char *const lines[] = {
    "PUT a",
    "PUT --force --ttl=1 a and so on",
    "PUT --ttl=3600 --tag=x --id=0aFF a --ttl=0",
    "PUT -- --key",
    "PUT -x",
    "DIGEST 0a0b",
    "DIGEST 0a0b 0",
    "DIGEST 0a0b 18446744073709551615 5",
    "SAY --anything goes",
    "ALONE",
    "PASS --old=x 1",
  };
  struct peer *p = begin ();

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (lines); i++) {
    char line[100], answer[100];
    const char *arguments = strchr (lines[i], ' ');
    snprintf (line, sizeof line, "%s\n", lines[i]);
    snprintf (answer, sizeof answer, arguments ? "D%s\nOK\n" : "OK\n", arguments);
    peer_ask (p, line, answer);
  }
  peer_ask (p, "FREE --whatever --ttl=0\n", "D --whatever --ttl=0\nOK\n");
}

static void
test_bad (void **state) {
  static const struct {
    const char *line;
    gpg_err_code_t code;
    const char *text;
  } cases[] = {
    { "PUT\n", GPG_ERR_ASS_PARAMETER, "key is missing" },
    { "PUT --\n", GPG_ERR_ASS_PARAMETER, "key is missing" },
    { "PUT --froce a\n", GPG_ERR_UNKNOWN_OPTION, "unknown option --froce" },
    { "PUT --f\x01rce=secret a\n", GPG_ERR_UNKNOWN_OPTION, "unknown option --f" },
    { "PUT --forces a\n", GPG_ERR_UNKNOWN_OPTION, "unknown option --forces" },
    { "PUT --Force a\n", GPG_ERR_UNKNOWN_OPTION, "unknown option --Force" },
    { "PUT --force=1 a\n", GPG_ERR_ASS_PARAMETER, "--force takes no value" },
    { "PUT --ttl a\n", GPG_ERR_ASS_PARAMETER, "--ttl needs a value" },
    { "PUT --ttl= a\n", GPG_ERR_ASS_PARAMETER, "--ttl needs a value" },
    { "PUT --ttl=0 a\n", GPG_ERR_ASS_PARAMETER, "--ttl: a number from 1 to 3600 is needed" },
    { "PUT --ttl=3601 a\n", GPG_ERR_ASS_PARAMETER, "--ttl: a number from 1 to 3600 is needed" },
    { "PUT --ttl=1x a\n", GPG_ERR_ASS_PARAMETER, "--ttl: a number from 1 to 3600 is needed" },
    { "PUT --id=0 a\n", GPG_ERR_ASS_PARAMETER, "--id: two hex digits for each octet are needed" },
    { "PUT --id=0g a\n", GPG_ERR_ASS_PARAMETER, "--id: two hex digits for each octet are needed" },
    { "PUT --id=0a a\n", GPG_ERR_ASS_PARAMETER, "--id: not enough octets" },
    { "PUT --id=0102030405 a\n", GPG_ERR_ASS_PARAMETER, "--id: too many octets" },
    { "DIGEST\n", GPG_ERR_ASS_PARAMETER, "hash is missing" },
    { "DIGEST 0a0b x\n", GPG_ERR_ASS_PARAMETER, "count: a number is needed" },
    { "DIGEST 0a0b 1 4\n", GPG_ERR_ASS_PARAMETER, "size: a number from 5 on is needed" },
    { "DIGEST 0a0b 1 5 6\n", GPG_ERR_ASS_PARAMETER, "too many arguments" },
    { "DIGEST --x\n", GPG_ERR_ASS_PARAMETER, "hash: two hex digits for each octet are needed" },
    { "SAY\n", GPG_ERR_ASS_PARAMETER, "text is missing" },
    { "ALONE x\n", GPG_ERR_ASS_PARAMETER, "too many arguments" },
    { "PASS --hunter2 1\n", GPG_ERR_UNKNOWN_OPTION, "unknown option" },
    { "PASS hunter2\n", GPG_ERR_ASS_PARAMETER, "n: a number is needed" },
  };
  struct peer *p = begin ();

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (cases); i++) {
    peer_say (p, cases[i].line);
    peer_expect_err (p, cases[i].code, cases[i].text);
    assert_int_equal (p->guest->last_result, cases[i].code);
  }
  peer_ask (p, "NOP\n", "OK\n");
}

/* A connection's own handler takes what it likes.  */
static gpg_error_t
register_own (assuan_context_t ctx) {
  return assuan_register_command (ctx, "ALONE", cmd_put, "ALONE NOT\n\nTakes all.");
}

static void
test_own_handler (void **state) {
  struct peer *p;

  (void) state;
  service.open = register_own;
  p = begin ();
  peer_ask (p, "ALONE a b\n", "D a b\nOK\n");
  peer_ask (p, "HELP ALONE\n", "# ALONE NOT\n# \n# Takes all.\nOK\n");
}

/* --- OPTION ----------------------------------------------------------------------------------- */

static struct peer *
begin_with_options (void) {
  static const struct eva_parameter options[] = {
    { .name = "ttyname", .type = EVA_WORD, .help = "where to ask" },
    { .name = "grab" },
    { .name = "timeout", .type = EVA_NUMBER, .value = "seconds", .min = 1, .max = 60 },
    { .name = "title", .type = EVA_REST },
  };
  static struct eva_service own;

  own = service_offer;
  own.options = options;
  own.n_options = N_ELEMENTS (options);
  kit_free_server ();
  assert_int_equal (eva_server_new (kit.loop.loop, &own, &kit, &kit.server), 0);
  return peer_new ();
}

static void
test_options_help (void **state) {
  struct peer *p = begin_with_options ();
  const char *line;

  (void) state;
  peer_say (p, "help option\n");
  do {
    kit_until (peer_has_line (p));
    line = peer_line (p);
  } while (strncmp (line, "# ttyname", 9) != 0);
  assert_string_equal (line, "# ttyname=<value>    where to ask");
  peer_expect (p, "# grab\n# timeout=<seconds>  1 to 60\n# title=<value>\nOK\n");
  peer_ask (p, "HELP NOP\n", "# NOP\n# \n# Do nothing and answer OK.\nOK\n");
}

static void
test_options (void **state) {
  static const struct {
    const char *line;
    gpg_err_code_t code;
    const char *text;
  } cases[] = {
    { "OPTION nosuch=1\n", GPG_ERR_UNKNOWN_OPTION, "unknown option nosuch" },
    { "OPTION --nosuch\n", GPG_ERR_UNKNOWN_OPTION, "unknown option nosuch" },
    { "OPTION Grab\n", GPG_ERR_UNKNOWN_OPTION, "unknown option Grab" },
    { "OPTION ttyname\n", GPG_ERR_ASS_PARAMETER, "ttyname needs a value" },
    { "OPTION ttyname=a b\n", GPG_ERR_ASS_PARAMETER, "ttyname: one word is needed" },
    { "OPTION grab=1\n", GPG_ERR_ASS_PARAMETER, "grab takes no value" },
    { "OPTION timeout=0\n", GPG_ERR_ASS_PARAMETER, "timeout: a number from 1 to 60 is needed" },
    { "OPTION timeout=5 x\n", GPG_ERR_ASS_PARAMETER, "timeout: one word is needed" },
  };
  struct peer *p = begin_with_options ();

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (cases); i++) {
    peer_say (p, cases[i].line);
    peer_expect_err (p, cases[i].code, cases[i].text);
    assert_string_equal (p->guest->option, "");
  }
  peer_ask (p, "OPTION timeout = 5\n", "OK\n");
  assert_string_equal (p->guest->option, "timeout=5");
  peer_ask (p, "OPTION --grab\n", "OK\n");
  assert_string_equal (p->guest->option, "grab=");
  peer_ask (p, "OPTION title a b\n", "OK\n");
  assert_string_equal (p->guest->option, "title=a b");
}

/* --- Tables that make no sense ---------------------------------------------------------------- */

static void
test_bad_tables (void **state) {
  static const struct eva_parameter tables[][2] = {
    { { .name = "a", .type = EVA_REST }, { .name = "b" } },
    { { .name = "a", .is_optional = true }, { .name = "b" } },
    { { .name = "--a", .type = EVA_REST }, { .name = "b" } },
    { { .name = "a" }, { .name = "" } },
    { { .name = "a" }, { .name = NULL } },
    { { .name = "a" }, { .name = "b", .type = 77 } },
    { { .name = "a", .type = EVA_NUMBER, .min = 2, .max = 1 }, { .name = "b" } },
    { { .name = "a", .type = EVA_HEX, .min = 2, .max = 1 }, { .name = "b" } },
    { { .name = "--a", .type = EVA_NUMBER, .min = 2, .max = 1 }, { .name = "b" } },
  };
  struct eva_command command = { .name = "X", .handler = cmd_put, .n_parameters = 2 };
  const struct eva_service bad = { .commands = &command, .n_commands = 1 };
  const struct eva_service no_commands = { .n_commands = 1 }, no_options = { .n_options = 1 };
  struct eva_parameter option = { .name = "" };
  const struct eva_service bad_option = { .options = &option, .n_options = 1 };
  eva_server *server;

  (void) state;
  assert_code (eva_server_new (kit.loop.loop, &bad, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_new (kit.loop.loop, &no_commands, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_new (kit.loop.loop, &no_options, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_new (kit.loop.loop, &bad_option, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  option.name = "--dashes"; /* which OPTION takes away, so it could never be set */
  assert_code (eva_server_new (kit.loop.loop, &bad_option, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  option = (struct eva_parameter) { .name = "a", .type = EVA_NUMBER, .min = 2, .max = 1 };
  assert_code (eva_server_new (kit.loop.loop, &bad_option, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  for (size_t i = 0; i < N_ELEMENTS (tables); i++) {
    command.parameters = tables[i];
    assert_code (eva_server_new (kit.loop.loop, &bad, NULL, &server), GPG_ERR_ASS_INV_VALUE);
  }
}

static const struct CMUnitTest tests[] = {
  kit_test (test_list),       kit_test (test_text),         kit_test (test_many),
  kit_test (test_good),       kit_test (test_bad),          kit_test (test_own_handler),
  kit_test (test_bad_tables), kit_test (test_options_help), kit_test (test_options),
};

SUITE (parameters);
