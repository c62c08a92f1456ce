/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe.h - a client that sends what it likes, octet by octet, and reads whole replies, within a
   limited time: the hand with which `conform` feels a server.  */

#ifndef ASSUANCTL_PROBE_H
#define ASSUANCTL_PROBE_H

#include "dial.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The beginning of what went one way, for the report.  */
struct record {
  char octets[1024];
  size_t len;
  bool is_cut;
};

/* Octets of one direction that are no whole line yet.  */
struct probe_line {
  char octets[1024];
  size_t len;
};

struct probe {
  struct dial dial;
  uint64_t deadline_ns; /* as eva_now */
  char *input;          /* what came and was not handed out */
  size_t input_len, input_size;
  char *line; /* the last one that was handed out, without its end */
  bool is_eof;
  struct record *sent, *got;   /* the caller's */
  struct spectator *spectator; /* with --verbose */
  struct probe_line to_server, from_server;
};

/* What a server says at last.  */
enum reply_kind {
  REPLY_OK,
  REPLY_ERR,
  REPLY_INQUIRE,
  REPLY_CLOSED,  /* the server closed the connection */
  REPLY_TIMEOUT, /* nothing came in time */
  REPLY_JUNK,    /* a line that is none of the protocol, or without end */
};

/* Connects to ADDRESS, with the next number for --verbose.  SENT and GOT record both ways.  Returns
   false if there is no connection.  P is given to probe_close in any case.  */
bool probe_open (struct probe *p, const struct address *address, uint64_t deadline_ns,
                 struct record *sent, struct record *got);
void probe_close (struct probe *p);

/* Sends LEN octets at BUF, and meanwhile takes what comes.  Returns false if the server does not
   take them.  */
bool probe_send (struct probe *p, const void *buf, size_t len);
bool probe_say (struct probe *p, const char *text);

/* The same with a descriptor.  */
bool probe_send_fd (struct probe *p, const char *text, int fd);

/* Ends what this client says.  The server still can be heard.  */
void probe_shut (struct probe *p);

/* Reads up to a line that ends a reply, or inquires; p->line is that line.  The lines before it are
   added to *COMMENTS, without their `#`, one a line, if they are comments, and if COMMENTS is not
   NULL: a string to be freed.  */
enum reply_kind probe_reply (struct probe *p, char **comments);

/* The same for at most TIMEOUT_MS from now.  */
enum reply_kind probe_reply_within (struct probe *p, unsigned int timeout_ms);

/* The number of the last line if it is an ERR with one, else 0.  */
uint32_t probe_error (const struct probe *p);

#endif /* ASSUANCTL_PROBE_H */
