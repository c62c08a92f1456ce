/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conform.c - `assuanctl conform`: whether a server keeps the rules of the protocol.  */

#include "checks.h"
#include "json.h"
#include "message.h"
#include "options.h"
#include "settings.h"
#include "terminal.h"
#include "text.h"
#include "tunnel.h"
#include "wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 5000u

enum option { OPT_LIST, OPT_ONLY, OPT_SKIP, OPT_COMMAND, OPT_FORMAT, OPT_NO_START };

static const struct option_spec options[] = {
  { "list", 0, NULL, "print the checks, and run none" },
  { "only", 0, "ID,...", "run these checks alone" },
  { "skip", 0, "ID,...", "run all but these" },
  { "command", 0, "COMMAND", "a harmless command that inquires, for the checks of inquiries" },
  { "format", 0, "FORMAT", "text, or tap for test runners" },
  { "no-start", 0, NULL, "do not start a server that is not there" },
};

static struct {
  bool lists, is_tap, has_no_start;
  const char *only, *skip, *command;
} config;

/* --- Options ---------------------------------------------------------------------------------- */

static enum status
check_ids (const char *name, const char *ids) {
  for (;; ids++) {
    size_t len = strcspn (ids, ",");
    if (!check_find (ids, len))
      return message_fail (STATUS_USAGE,
                           "--%s: there is no check '%.*s'; try: assuanctl conform --list", name,
                           (int) len, ids);
    ids += len;
    if (!*ids) return STATUS_OK;
  }
}

static enum status
set (size_t index, const char *value) {
  switch (index) {
  case OPT_LIST:
    config.lists = true;
    return STATUS_OK;
  case OPT_ONLY:
    config.only = value;
    return check_ids ("only", value);
  case OPT_SKIP:
    config.skip = value;
    return check_ids ("skip", value);
  case OPT_COMMAND:
    config.command = value;
    if (*value && !strpbrk (value, "\r\n") && strlen (value) <= 900) return STATUS_OK;
    return message_fail (STATUS_USAGE, "--command: this is no command");
  case OPT_FORMAT:
    config.is_tap = !strcmp (value, "tap");
    if (config.is_tap || !strcmp (value, "text")) return STATUS_OK;
    return message_fail (STATUS_USAGE, "--format: '%s' is none of text, tap", value);
  default:
    config.has_no_start = true;
    return STATUS_OK;
  }
}

static bool
is_among (const char *ids, const char *id) {
  size_t len = strlen (id);

  for (;; ids++) {
    size_t n = strcspn (ids, ",");
    if (n == len && !strncmp (ids, id, len)) return true;
    ids += n;
    if (!*ids) return false;
  }
}

static bool
is_wanted (const struct check *check) {
  if (config.only && !is_among (config.only, check->id)) return false;
  return !config.skip || !is_among (config.skip, check->id);
}

/* --- Printing --------------------------------------------------------------------------------- */

static const char *
result_name (enum check_result result) {
  static const char *const names[] = { "ok", "fail", "warn", "skip" };

  return names[result];
}

/* What is no text is shown as %XX.  */
static void
add_record (struct json *object, const char *name, const struct record *record) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream (&text, &size);

  if (!file) abort ();
  text_print (file, record->octets, record->len, true);
  if (record->is_cut) fputs ("...", file);
  if (fclose (file)) abort ();
  if (*text) json_add (object, name, text);
  free (text);
}

static void
print_json (const struct checking *c, enum check_result result) {
  struct json *object = json_new ("check");

  json_add (object, "id", c->check->id);
  json_add (object, "level", check_level_name (c->check->level));
  json_add (object, "result", result_name (result));
  if (result) {
    json_add (object, "reason", c->reason);
    add_record (object, "sent", &c->sent);
    add_record (object, "got", &c->got);
  }
  json_print (object);
}

/* A `#` in what the server said would begin a directive of TAP, as `# TODO`, which excuses a
   failure.  It is shown as other octets that are no text.  */
static void
print_tap_text (const char *text) {
  for (;;) {
    size_t len = strcspn (text, "#");
    text_print (stdout, text, len, false);
    text += len;
    if (!*text) return;
    fputs ("%23", stdout);
    text++;
  }
}

/* A broken rule that is not a MUST gets the directive `# TODO`: TAP does not count that as a
   failure.  */
static void
print_tap (const struct checking *c, enum check_result result, unsigned int number) {
  printf ("%s %u - %s", result == CHECK_OK || result == CHECK_SKIP ? "ok" : "not ok", number,
          c->check->id);
  if (result == CHECK_SKIP) fputs (" # SKIP ", stdout);
  if (result == CHECK_WARN) fputs (" # TODO ", stdout);
  if (result == CHECK_FAIL) fputs (": ", stdout);
  if (result) print_tap_text (c->reason);
  putchar ('\n');
}

static void
print_text (const struct checking *c, enum check_result result) {
  enum terminal_color color = result == CHECK_FAIL   ? TERMINAL_ERROR
                              : result == CHECK_WARN ? TERMINAL_STATUS
                                                     : TERMINAL_PLAIN;

  if (color) fputs (terminal_color (color), stdout);
  fputs (result == CHECK_FAIL ? "FAIL" : result_name (result), stdout);
  if (color) fputs (terminal_color (TERMINAL_PLAIN), stdout);
  printf ("%s%s", result == CHECK_OK ? "   " : " ", c->check->id);
  if (result) {
    putchar (' ');
    text_print (stdout, c->reason, strlen (c->reason), false);
  }
  if (result == CHECK_FAIL || result == CHECK_WARN) printf ("; rule: %s", c->check->rule);
  putchar ('\n');
}

static void
print (const struct checking *c, enum check_result result, unsigned int number) {
  if (settings.is_json)
    print_json (c, result);
  else if (config.is_tap)
    print_tap (c, result, number);
  else
    print_text (c, result);
  fflush (stdout);
}

static void
print_tally (const struct address *address, const unsigned int *n) {
  struct json *object;

  if (config.is_tap && !settings.is_json) return;
  if (!settings.is_json) {
    printf ("%u ok, %u failed, %u warned, %u skipped\n", n[CHECK_OK], n[CHECK_FAIL], n[CHECK_WARN],
            n[CHECK_SKIP]);
    return;
  }
  object = json_new ("summary");
  for (enum check_result result = CHECK_OK; result <= CHECK_SKIP; result++)
    json_add_number (object, result_name (result), n[result]);
  json_add (object, "server", address->text);
  json_print (object);
}

static void
print_list (void) {
  for (const struct check *check = checks; check->id; check++) {
    if (!settings.is_json) {
      printf ("%-15s %-7s %s\n", check->id, check_level_name (check->level), check->rule);
      continue;
    }
    struct json *object = json_new ("rule");
    json_add (object, "id", check->id);
    json_add (object, "level", check_level_name (check->level));
    json_add (object, "text", check->rule);
    json_print (object);
  }
}

/* --- Running ---------------------------------------------------------------------------------- */

static void
print_plan (void) {
  unsigned int n = 0;

  for (const struct check *check = checks; check->id; check++)
    n += is_wanted (check);
  if (config.is_tap && !settings.is_json) printf ("1..%u\n", n);
}

/* If no greeting comes, all other checks are skipped.  */
static enum check_result
run_or_skip (const struct check *check, struct checking *c, bool has_no_greeting) {
  if (!has_no_greeting) return check_run (check, c);
  c->check = check;
  free (c->reason);
  c->reason = text_dup ("there is no greeting");
  return CHECK_SKIP;
}

static enum status
run_all (const struct address *address) {
  struct checking c = { .address = address,
                        .command = config.command,
                        .timeout_ms =
                            settings.timeout_ms ? settings.timeout_ms : DEFAULT_TIMEOUT_MS };
  unsigned int n[CHECK_SKIP + 1] = { 0 }, number = 0;
  bool has_no_greeting = false;

  print_plan ();
  for (const struct check *check = checks; check->id && !wait_was_interrupted (); check++) {
    enum check_result result;
    if (!is_wanted (check)) continue;
    result = run_or_skip (check, &c, has_no_greeting);
    if (wait_was_interrupted ()) break;
    if (result == CHECK_FAIL && check == checks) has_no_greeting = true;
    n[result]++;
    print (&c, result, ++number);
  }
  free (c.reason);
  if (wait_was_interrupted ()) return STATUS_INTERRUPTED;
  print_tally (address, n);
  return n[CHECK_FAIL] ? STATUS_ERR : STATUS_OK;
}

/* Starts the server if need be, and finds out whether there is any.  A program that this starts can
   greet, and gets a BYE, so that it has nothing to complain of.  */
static enum status
meet (const struct address *address) {
  struct record ignored = { .len = 0 };
  struct probe p = { .deadline_ns = eva_now () + (uint64_t) DEFAULT_TIMEOUT_MS * 1000000,
                     .sent = &ignored,
                     .got = &ignored };
  enum status status = dial_open (address, config.has_no_start ? DIAL_NO_START : 0, &p.dial);

  if (status) return status;
  if (!probe_reply (&p, NULL)) probe_say (&p, "BYE\n");
  probe_close (&p);
  return STATUS_OK;
}

static enum status
run_on (struct address *address) {
  enum status status;

  if (address->kind == ADDRESS_FD || (address->server && *address->server->prefix))
    return message_fail (
        STATUS_USAGE,
        "%s: each check needs a connection of its own; give a socket or exec:", address->text);
  status = address_resolve (address);
  if (!status) status = tunnel_open (address, NULL);
  if (!status) status = meet (address);
  return status ? status : run_all (address);
}

static enum status
run (const struct arguments *arguments) {
  struct address address = { .kind = ADDRESS_NAME };
  char **words = NULL;
  enum status status;
  size_t n;

  if (config.lists) {
    print_list ();
    return STATUS_OK;
  }
  status = address_take (arguments, &address, &words, &n);
  if (!status && n) status = message_fail (STATUS_USAGE, "conform takes one address");
  if (!status) status = run_on (&address);
  free (words);
  address_deinit (&address);
  return status;
}

const struct subcommand conform_subcommand = {
  .name = "conform",
  .synopsis = "ADDRESS\n-- PROGRAM [ARG...]\n--list",
  .purpose = "Check whether a server keeps the rules of the protocol",
  .options = options,
  .n_options = N_ELEMENTS (options),
  .set = set,
  .run = run,
};
