/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* watching.h - standing between clients and a server, for `monitor` and `capture`, which differ in
   how they show what goes by.  Three ways to get there:

       ADDRESS -- PROGRAM ARG...      a program of ours finds us in place of the server's socket
       ADDRESS --listen=ADDRESS       clients come to an address of ours
       --stdio -- SERVER ARG...       we are started as a server, and start the real one

   What is shown has no secrets (secret.h).  */

#ifndef ASSUANCTL_WATCHING_H
#define ASSUANCTL_WATCHING_H

#include "options.h"
#include "sink.h"
#include "status.h"

/* The options of both: they begin the tables.  */
#define WATCHING_OPTIONS                                                                           \
  { "write", 'w', "FILE", "write to FILE" },                                                       \
      { "listen", 0, "ADDRESS", "listen at a socket, for clients that are to come there" },        \
      { "stdio", 0, NULL, "be a server on stdin and stdout, and start the real one" }
#define WATCHING_N_OPTIONS 3

#define WATCHING_SYNOPSIS                                                                          \
  "ADDRESS -- PROGRAM [ARG...]\nADDRESS --listen=ADDRESS\n--stdio -- SERVER [ARG...]"

/* Handles option INDEX of these.  */
enum status watching_set (size_t index, const char *value);

/* Runs a subcommand.  Returns also the exit status of PROGRAM.  */
enum status watching_run (const struct arguments *arguments, const struct sink *sink);

#endif /* ASSUANCTL_WATCHING_H */
