/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A SOCKS5 proxy for one client, in a thread of its own.  It does what a script says.  */

#ifndef EVA_TESTS_ASSUAN_PROXY_H
#define EVA_TESTS_ASSUAN_PROXY_H

#include "suite.h"

enum { PORT_SOCKS = 1080, PORT_TOR = 9050, PORT_TOR_BROWSER = 9150 };

/* What a proxy answers to the choice of a method, the credentials and the request, and what the
 * server behind it says then.  Where an answer is missing, the proxy hangs up, or stays silent
   until
 * the client leaves.  */
struct script {
  const char *method, *status, *reply;
  size_t method_len, status_len, reply_len;
  const char *hello;
  bool is_silent;
};
#define OCTETS(text) (text), sizeof (text) - 1

/* Plain success: no credentials, and the proxy's own address is an IPv4 one.  */
#define METHOD_NONE  .method = "\5\0", .method_len = 2
#define METHOD_LOGIN .method = "\5\2", .method_len = 2
#define STATUS_OK    .status = "\1\0", .status_len = 2
#define REPLY_OK     .reply = "\5\0\0\1\177\0\0\1\22\64", .reply_len = 10
extern const struct script success;
/* Success, with credentials.  */
extern const struct script login;

struct proxy {
  const struct script *script;
  int listener, fd;
  pthread_t thread;
  /* Valid after proxy_stop.  */
  bool came;                /* a client connected */
  unsigned char said[1000]; /* the packets that came */
  size_t said_len;
  char app[100]; /* what the client said to the server behind the proxy */
};

/* What main does first: moves to a network of its own, if the kernel grants one, so that the ports
   of
 * the machine do not matter.  Returns false if they are taken.  */
bool proxy_init (void);
/* A socket that listens at PORT of the loopback, -1 if that is taken.  */
int listen_at (unsigned short port);
/* Listen at PORT, which must be free.  */
void proxy_start (struct proxy *p, unsigned short port, const struct script *script);
/* Wait for the client's end; if no client came, do not wait.  */
void proxy_stop (struct proxy *p);

#endif /* EVA_TESTS_ASSUAN_PROXY_H */
