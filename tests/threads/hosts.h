/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hosts.h - servers in threads, one loop and one eva_server in each, all of them on one listening
   socket and with one service.  */

#ifndef EVA_TESTS_THREADS_HOSTS_H
#define EVA_TESTS_THREADS_HOSTS_H

#include "eva.h"

#include "pair.h"

#define N_HOSTS 3

/* A host: its commands are those of pair_register.  */
struct host {
  struct job job;
  int stop_fd;
  eva_loop *loop;
  eva_server *server;
  struct eva_stats stats; /* valid when it has ended */
};

struct hosts {
  char dir[20];
  char address[40]; /* for eva_connect; its path is for assuan_socket_connect */
  const char *path;
  int listen_fd;
  struct host hosts[N_HOSTS];
};
extern struct hosts hosts;

/* Listens, and starts them.  */
void hosts_start (void);

/* Lets one of them end gently.  */
void hosts_drain (int index);

/* Waits for the end of all, which were drained, and stops listening; clients that connect, or wait
   for a greeting, fail.  */
void hosts_finish (void);

#endif /* EVA_TESTS_THREADS_HOSTS_H */
