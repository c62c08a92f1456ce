/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* help.c - what --help and --version print.  */

#include "help.h"
#include "output.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>

static void
print_option (const struct option_spec *option, void *arg) {
  int width = 26;

  (void) arg;
  if (option->letter)
    width -= printf ("  -%c, --%s", option->letter, option->name);
  else
    width -= printf ("      --%s", option->name);
  if (option->argument) width -= printf ("=%s", option->argument);
  if (width < 2) {
    putchar ('\n');
    width = 26;
  }
  printf ("%*s  %s\n", width, "", option->help);
}

static void
print_title (const char *title) {
  printf ("\n%s%s%s\n", terminal_color (TERMINAL_NAME), title, terminal_color (TERMINAL_PLAIN));
}

static void
print_synopsis (const struct subcommand *subcommand) {
  const char *line = subcommand->synopsis;

  for (const char *word = "usage:";; word = "      ") {
    size_t len = strcspn (line, "\n");
    printf ("%s assuanctl %s [OPTIONS]%s%.*s\n", word, subcommand->name, len ? " " : "", (int) len,
            line);
    line += len;
    if (!*line++) return;
  }
}

static void
print_tool (void) {
  puts ("usage: assuanctl [OPTIONS] SUBCOMMAND ...\n\n"
        "Call, serve, watch and check Assuan servers, as GnuPG's programs are.");
  print_title ("Subcommands");
  for (size_t i = 0; subcommands[i]; i++)
    if (subcommands[i]->purpose)
      printf ("  %-10s  %s\n", subcommands[i]->name, subcommands[i]->purpose);
  print_title ("Options of all subcommands");
}

static void
print_addresses (const struct subcommand *subcommand) {
  print_title ("Addresses");
  if (subcommand && subcommand->listens)
    puts ("  /PATH ./PATH unix:/PATH @NAME tcp:IP:PORT fd:N stdio: systemd:[NAME]");
  if (subcommand && subcommand->relays) puts ("and of the server");
  if (!subcommand || !subcommand->listens || subcommand->relays)
    puts ("  agent agent-extra agent-browser dirmngr keyboxd scdaemon uiserver\n"
          "  /PATH ./PATH unix:/PATH @NAME tcp:IP:PORT exec:PROGRAM fd:N\n"
          "  ssh:[USER@]HOST[:PORT]/PATH");
  puts ("\nMore in assuanctl(1).");
}

enum status
help_print (const struct subcommand *subcommand) {
  terminal_start_pager ();
  if (subcommand) {
    print_synopsis (subcommand);
    if (subcommand->purpose) printf ("\n%s.\n", subcommand->purpose);
    print_title ("Options");
  } else {
    print_tool ();
  }
  options_each (subcommand, print_option, NULL);
  print_addresses (subcommand);
  return output_finish ();
}

enum status
help_print_version (void) {
  puts ("assuanctl " ASSUANCTL_VERSION);
  return output_finish ();
}
