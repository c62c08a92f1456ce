/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.h - clients whose octets the test sends and takes by hand, without ever waiting, between the
   turns of the server's loop.  */

#ifndef EVA_TESTS_SERVER_PEER_H
#define EVA_TESTS_SERVER_PEER_H

#include "kit.h"

struct peer {
  int in_fd, out_fd; /* the same for a socket; -1: closed */
  struct guest *guest;
  char *data; /* what came and was not looked at yet, with a NUL behind it */
  size_t start, len, size;
  bool at_end;   /* end of file */
  bool is_reset; /* reading failed */
  int fds[16];   /* that came along */
  unsigned int n_fds;
};

/* --- Coming and going ------------------------------------------------------------------------- */

/* A client that the server was given one end of a pair of sockets of; the greeting was read.  */
struct peer *peer_new (void);

/* The same with one that passes descriptors.  */
struct peer *peer_new_passing (void);

/* The same with FLAGS, and without reading.  Returns NULL, and stores why at RET_ERR, if the server
   does not take it.  */
struct peer *peer_adopt (unsigned int flags, gpg_error_t *ret_err);

/* A client on FD, or two pipes, that knows of no guest.  */
struct peer *peer_on (int in_fd, int out_fd);

/* A client that connects to the server's listener with number INDEX.  */
struct peer *peer_connect (size_t index);

/* Closes; the memory goes in peer_close_all.  */
void peer_close (struct peer *p);
void peer_close_all (void);

/* Nothing more will be sent.  */
void peer_shut (struct peer *p);

/* Ends of the connection from the other side: eva_server_free, eva_close, assuan_release.  */
void peer_lose_server (struct peer *p);
void peer_close_guest (struct peer *p);
void peer_release_guest (struct peer *p);

/* --- Sending ---------------------------------------------------------------------------------- */

/* Sends all of it; the loop makes turns if there is no room.  */
void peer_send (struct peer *p, const void *data, size_t len);
void peer_say (struct peer *p, const char *text);

/* Sends as much as goes in, once.  Returns the octets.  */
size_t peer_push (struct peer *p, const void *data, size_t len);

/* Sends TEXT with descriptors along.  */
void peer_send_fds (struct peer *p, const char *text, const int *fds, unsigned int n_fds);

/* --- Taking ----------------------------------------------------------------------------------- */

/* Takes what is there, at most MAX_LEN octets.  */
void peer_take (struct peer *p, size_t max_len);

/* Makes turns until the next octets are there, which must be these.  */
#define peer_expect(p, text)        peer_expect_ ((p), (text), strlen (text), __FILE__, __LINE__)
#define peer_expect_octets(p, t, n) peer_expect_ ((p), (t), (n), __FILE__, __LINE__)
void peer_expect_ (struct peer *p, const void *text, size_t len, const char *file, int line);

/* An ERR line of the tests' source, with ` - TEXT` unless that is NULL.  */
#define peer_expect_err(p, code, text) peer_expect_err_ ((p), (code), (text), __FILE__, __LINE__)
void peer_expect_err_ (struct peer *p, gpg_err_code_t code, const char *text, const char *file,
                       int line);

/* The greeting, whatever it is.  */
#define peer_expect_greeting(p) peer_expect_greeting_ ((p), __FILE__, __LINE__)
void peer_expect_greeting_ (struct peer *p, const char *file, int line);

/* The data lines of service_octet's LEN octets, and OK.  */
void peer_expect_data (struct peer *p, size_t len);

/* The end of file, a reset included, and nothing before it.  */
#define peer_expect_end(p) peer_expect_end_ ((p), __FILE__, __LINE__)
void peer_expect_end_ (struct peer *p, const char *file, int line);

/* Whatever comes up to the end.  */
void peer_drop_all (struct peer *p);

/* After some turns nothing came.  */
#define peer_expect_nothing(p) peer_expect_nothing_ ((p), __FILE__, __LINE__)
void peer_expect_nothing_ (struct peer *p, const char *file, int line);

/* Says TEXT and expects ANSWER.  */
#define peer_ask(p, text, answer) (peer_say ((p), (text)), peer_expect ((p), (answer)))

/* Takes what is there; returns true if that has a whole line, or is the end.  */
bool peer_has_line (struct peer *p);

/* Takes the next line, which must be there, without its LF.  Valid until the next call.  */
const char *peer_line (struct peer *p);

#endif /* EVA_TESTS_SERVER_PEER_H */
