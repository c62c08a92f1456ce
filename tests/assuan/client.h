/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients for the tests of assuan_transact and its kind: a client context on one end of a
 * socketpair, the test as its raw server on the other end, both in one thread.  The test says
 * the reply before it asks: what the client will read is there already, so nothing waits, and
 * a call that blocks shows as a hang.  */

#ifndef EVA_TESTS_ASSUAN_CLIENT_H
#define EVA_TESTS_ASSUAN_CLIENT_H

#include "suite.h"

struct client {
  assuan_context_t ctx;
  int peer; /* the server's end */

  /* What the callbacks return.  */
  gpg_error_t data_rc;
  gpg_error_t inquire_rc;
  gpg_error_t status_rc;
  /* What the inquiry callback does before it returns inquire_rc; may be NULL.  */
  void (*answer) (struct client *c);
  void *arg; /* for ANSWER */

  /* What the callbacks were given: D[data] E (a bare END) I[inquiry] S[status], separated by
   * blanks, octets that are not printable as \xx.  */
  char notes[16384];
  size_t notes_len;
};

/* A connected client; FLAGS as for assuan_socket_connect.  */
void client_open (struct client *c, unsigned int flags);
/* Release the context and close the other end; the server must see BYE and the end of file.  */
void client_close (struct client *c);
/* The same without looking at what the server sees.  */
void client_drop (struct client *c);

/* The three callbacks, for struct client *ARG.  */
gpg_error_t client_on_data (void *arg, const void *buf, size_t len);
gpg_error_t client_on_inquire (void *arg, const char *text);
gpg_error_t client_on_status (void *arg, const char *text);

/* assuan_transact with all three callbacks; without any.  */
gpg_error_t client_ask (struct client *c, const char *command);
gpg_error_t client_ask_bare (struct client *c, const char *command);
/* Say REPLY, then ask COMMAND; its result.  What the server saw stays to be expected.  */
gpg_error_t client_try (struct client *c, const char *command, const char *reply);

void client_note (struct client *c, const char *tag, const void *buf, size_t len);
/* Compare the notes and forget them.  */
#define client_expect_notes(c, text) client_assert_notes ((c), (text), __FILE__, __LINE__)
void client_assert_notes (struct client *c, const char *text, const char *file, int line);
/* client_try, its result and what the callbacks were given.  */
#define client_check(c, command, reply, rc, text)                                                  \
  (assert_err (client_try ((c), (command), (reply)), (rc)), client_expect_notes ((c), (text)))
/* Nothing is there to be read by the server.  */
#define expect_silence(fd) client_assert_silence ((fd), __FILE__, __LINE__)
void client_assert_silence (int fd, const char *file, int line);

/* Remove all descriptors of CTX that were received and not taken; their number.  */
int take_all_fds (assuan_context_t ctx);

#endif /* EVA_TESTS_ASSUAN_CLIENT_H */
