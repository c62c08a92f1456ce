/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main.c - assuanctl: call, serve, watch and check Assuan servers.

   Each subcommand is a file of its own, which defines a struct subcommand (options.h): its name,
   its synopsis, a table of options, a function that is told of each option, and one that runs it.
   To add one:

   1. Write NAME.c with `const struct subcommand NAME_subcommand`, declare that below, and put it
   into
      the table.  The file stands on the nouns beside it: address.h (what ADDRESS is), connection.h
      (a client's connection), wait.h (the loop, --timeout and Ctrl-C), output.h and json.h (what
      goes to stdout), message.h (what goes wrong), secret.h (what is shown of a line), text.h.
   2. Name it in meson.build, document it in man/assuanctl.1.
   3. Write tests/tool/test-NAME.py, whose kit is tests/tool/kit.py.

   Results go to stdout, everything else to stderr; run returns one of status.h.  */

#include "help.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "settings.h"
#include "terminal.h"
#include "tunnel.h"
#include "wait.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>

extern const struct subcommand call_subcommand;
extern const struct subcommand capture_subcommand;
extern const struct subcommand complete_subcommand;
extern const struct subcommand conform_subcommand;
extern const struct subcommand describe_subcommand;
extern const struct subcommand inquire_subcommand;
extern const struct subcommand list_subcommand;
extern const struct subcommand monitor_subcommand;
extern const struct subcommand relay_subcommand;
extern const struct subcommand serve_subcommand;
extern const struct subcommand shell_subcommand;
extern const struct subcommand wait_subcommand;

const struct subcommand *const subcommands[] = {
  &call_subcommand,
  &capture_subcommand,
  &complete_subcommand,
  &conform_subcommand,
  &describe_subcommand,
  &inquire_subcommand,
  &list_subcommand,
  &monitor_subcommand,
  &relay_subcommand,
  &serve_subcommand,
  &shell_subcommand,
  &wait_subcommand,
  NULL,
};

struct settings settings;

/* Scripts tell from how a process ended whether Ctrl-C was meant for them, too.  */
static _Noreturn void
die_of_interrupt (void) {
  signal (SIGINT, SIG_DFL);
  raise (SIGINT);
  _Exit (STATUS_INTERRUPTED);
}

static enum status
run (const struct subcommand *subcommand, int argc, char **argv) {
  struct arguments arguments = { 0 };
  bool is_done = false;
  enum status status = options_parse (subcommand, argc, argv, &arguments, &is_done), output_status;

  if (!status && !is_done) {
    if (settings.shows_secrets) message_note ("secrets are shown");
    status = wait_init ();
    if (!status) status = subcommand->run (&arguments);
    output_status = output_finish ();
    if (!status) status = output_status;
    tunnel_close ();
    wait_deinit ();
  }
  free (arguments.words);
  return status;
}

static enum status
find_and_run (int argc, char **argv) {
  const struct subcommand *subcommand;
  bool is_done = false;
  int at = 1;
  enum status status = options_parse_global (argc, argv, &at, &is_done);

  if (status || is_done) return status;
  if (at == argc) return message_fail (STATUS_USAGE, "which subcommand? try: assuanctl --help");
  subcommand = options_find (argv[at]);
  if (!subcommand)
    return message_fail (STATUS_USAGE, "there is no subcommand '%s'; try: assuanctl --help",
                         argv[at]);
  return run (subcommand, argc - at, argv + at);
}

int
main (int argc, char **argv) {
  enum status status;

  /* For what is typed and how wide it is.  All else is C; to load it would cost a short call more
     than what it says to the server.  */
  setlocale (LC_CTYPE, "");
  signal (SIGPIPE, SIG_DFL);
  signal (SIGCHLD, SIG_DFL); /* where it is ignored, no child can be waited for */
  status = find_and_run (argc, argv);
  terminal_end ();
  if (status == STATUS_INTERRUPTED) die_of_interrupt ();
  return (int) status;
}
