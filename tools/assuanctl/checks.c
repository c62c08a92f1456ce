/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checks.c - the table of rules, and trying one.  */

#include "checks.h"
#include "checking.h"

#include <eva-loop.h>
#include <stdlib.h>
#include <string.h>

/* Initializers of checks: a mere dialogue, and a function.  */
#define DIALOGUE(...)         .run = check_dialogue, .steps = { __VA_ARGS__ }
#define NEEDS(function, what) .run = (function), .needs = (what)

#define SHIFT "one reply each, or all later ones are shifted"

/* clang-format off */
const struct check checks[] = {
  { .id = "greet", .level = CHECK_MUST,
    .rule = "greets with OK, at most comments before it; else clients hang",
    .run = check_greet },
  { .id = "nop", .level = CHECK_MUST, .rule = "NOP is OK",
    DIALOGUE ({ "NOP\n", 'O' }) },
  { .id = "case", .level = CHECK_MUST, .rule = "nop is OK; some clients write commands so",
    DIALOGUE ({ "nop\n", 'O' }) },
  { .id = "crlf", .level = CHECK_MUST, .rule = "NOP CR LF is OK; some clients end lines so",
    DIALOGUE ({ "NOP\r\n", 'O' }) },
  { .id = "empty", .level = CHECK_MUST, .rule = "empty lines and comments get no reply",
    DIALOGUE ({ "\n", 0 }, { "# comment\n", 0 }, { "NOP\n", 'O' }) },
  { .id = "unknown", .level = CHECK_MUST,
    .rule = "an unknown command is ERR 275, and the connection goes on",
    .run = check_unknown },
  { .id = "number", .level = CHECK_MUST,
    .rule = "ERR has a decimal number that names a source; programs read it",
    .run = check_number },
  { .id = "blank", .level = CHECK_MUST, .rule = "a line that begins with a blank: " SHIFT,
    DIALOGUE ({ " NOP\n", 'E' }, { "NOP\n", 'O' }) },
  { .id = "end", .level = CHECK_MUST, .rule = "END outside of an inquiry: " SHIFT,
    DIALOGUE ({ "END\n", 'E' }, { "NOP\n", 'O' }) },
  { .id = "can", .level = CHECK_MUST, .rule = "CAN outside of an inquiry: " SHIFT,
    DIALOGUE ({ "CAN\n", 'E' }, { "NOP\n", 'O' }) },
  { .id = "data", .level = CHECK_MUST, .rule = "data outside of an inquiry: " SHIFT,
    DIALOGUE ({ "D x\n", 'E' }, { "NOP\n", 'O' }) },
  { .id = "ahead", .level = CHECK_MUST, .rule = "three commands in one write have three replies",
    .run = check_ahead },
  { .id = "octets", .level = CHECK_MUST, .rule = "a command may come octet by octet",
    .run = check_octets },
  { .id = "eof", .level = CHECK_MUST, .rule = "half a line before the end of file is no command",
    .run = check_eof },
  { .id = "shut", .level = CHECK_MUST, .rule = "a client that says no more still gets its reply",
    .run = check_shut },
  { .id = "line-1000", .level = CHECK_MUST, .rule = "a line of 1000 octets is taken",
    .run = check_line_1000 },
  { .id = "line-long", .level = CHECK_MUST,
    .rule = "a line of 2000 octets is ERR or the end; no part of it is a command",
    .run = check_line_long },
  { .id = "bye", .level = CHECK_MUST, .rule = "BYE is OK, and closes",
    .run = check_bye },
  { .id = "reset", .level = CHECK_MUST, .rule = "RESET is OK, and the connection goes on",
    DIALOGUE ({ "RESET\n", 'O' }, { "NOP\n", 'O' }) },
  { .id = "option", .level = CHECK_SHOULD,
    .rule = "an unknown option is ERR; so clients find out what there is",
    DIALOGUE ({ "OPTION x-nosuch=1\n", 'E' }, { "NOP\n", 'O' }) },
  { .id = "help", .level = CHECK_SHOULD, .rule = "HELP lists NOP, BYE, RESET, HELP and OPTION",
    .run = check_help },
  { .id = "help-name", .level = CHECK_SHOULD,
    .rule = "HELP NAME is OK for every NAME that HELP lists",
    .run = check_help_name },
  { .id = "two", .level = CHECK_MUST,
    .rule = "a client that has sent half a line holds up no other",
    NEEDS (check_two, CHECK_NEEDS_SOCKET) },
  { .id = "idle-32", .level = CHECK_SHOULD, .rule = "32 clients at rest hold up no other",
    NEEDS (check_idle, CHECK_NEEDS_SOCKET) },
  { .id = "fd", .level = CHECK_INFO, .rule = "a descriptor that nothing asked for does no harm",
    NEEDS (check_fd, CHECK_NEEDS_UNIX) },
  { .id = "nul", .level = CHECK_INFO, .rule = "a NUL in a line does no harm",
    .run = check_nul },
  { .id = "utf8", .level = CHECK_INFO, .rule = "octets above 127, UTF-8 or not, do no harm",
    DIALOGUE ({ "NOP \xc3\xa4 \xff\n", '*' }, { "NOP\n", 'O' }) },
  { .id = "long-arg", .level = CHECK_INFO, .rule = "a long argument does no harm",
    .run = check_long_arg },
  { .id = "inquire", .level = CHECK_MUST, .rule = "an answer, ended with END, leads to one reply",
    NEEDS (check_inquire, CHECK_NEEDS_COMMAND) },
  { .id = "inquire-can", .level = CHECK_MUST,
    .rule = "CAN in place of an answer leads to one reply",
    NEEDS (check_inquire_can, CHECK_NEEDS_COMMAND) },
  { .id = "inquire-cancel", .level = CHECK_MUST,
    .rule = "CANCEL, which some clients say, leads to one reply",
    NEEDS (check_inquire_cancel, CHECK_NEEDS_COMMAND) },
  { .id = "inquire-big", .level = CHECK_MUST, .rule = "an answer of 2 MiB is taken, or is one ERR",
    NEEDS (check_inquire_big, CHECK_NEEDS_COMMAND) },
  { .id = "escape", .level = CHECK_MUST,
    .rule = "bad and lower-case escapes in an answer lead to one reply",
    NEEDS (check_escape, CHECK_NEEDS_COMMAND) },
  { .id = "leave", .level = CHECK_SHOULD,
    .rule = "a client that leaves in the middle of a command holds up no other",
    NEEDS (check_leave, CHECK_NEEDS_COMMAND | CHECK_NEEDS_SOCKET) },
  { .id = NULL },
};
/* clang-format on */

/* --- Running one ------------------------------------------------------------------------------ */

const struct check *
check_find (const char *id, size_t len) {
  for (const struct check *check = checks; check->id; check++)
    if (strlen (check->id) == len && !memcmp (check->id, id, len)) return check;
  return NULL;
}

const char *
check_level_name (enum check_level level) {
  return level == CHECK_MUST ? "must" : level == CHECK_SHOULD ? "should" : "info";
}

static const char *
missing_for (const struct check *check, const struct checking *c) {
  enum address_kind kind = c->address->kind;

  if ((check->needs & CHECK_NEEDS_COMMAND) && !c->command) return "needs --command";
  if ((check->needs & CHECK_NEEDS_SOCKET) && kind == ADDRESS_EXEC)
    return "a started server has one client";
  if ((check->needs & CHECK_NEEDS_UNIX) && kind != ADDRESS_UNIX && kind != ADDRESS_NAME)
    return "no descriptor can be passed there";
  return NULL;
}

enum check_result
check_run (const struct check *check, struct checking *c) {
  const char *missing = missing_for (check, c);
  enum check_result result;

  c->check = check;
  c->sent = c->got = (struct record) { .len = 0 };
  c->deadline_ns = eva_now () + (uint64_t) c->timeout_ms * 1000000;
  free (c->reason);
  c->reason = NULL;
  if (missing) return checking_end (c, CHECK_SKIP, "%s", missing);
  result = check->run (c);
  return result == CHECK_FAIL && check->level != CHECK_MUST ? CHECK_WARN : result;
}
