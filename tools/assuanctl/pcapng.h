/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pcapng.h - files that Wireshark reads, with a record for each line.

   A record is an "exported PDU" (link type 252): tags that name the dissector, the connection and
   the direction, and then the line with its LF.  Without the dissector of ../wireshark/assuan.lua
   the octets are still readable.  A line has at most 1002 octets, and never takes two records.
   Each block is written whole, in one write.  */

#ifndef ASSUANCTL_PCAPNG_H
#define ASSUANCTL_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct pcapng_record {
  uint64_t time_ns; /* since 1970 */
  uint32_t connection;
  bool is_from_server;
  const char *line; /* without LF */
  size_t len;
  const char *comment; /* of the record, or NULL */
};

/* Writes the head of a file: the PROGRAM that writes it, COMMENT, which may be NULL, and INTERFACE,
   the server's address.  */
void pcapng_begin (FILE *out, const char *program, const char *comment, const char *interface);

void pcapng_put (FILE *out, const struct pcapng_record *record);

#endif /* ASSUANCTL_PCAPNG_H */
