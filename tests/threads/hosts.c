/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hosts.c - servers in threads.  See hosts.h.  */

#include "hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAIN_MS 60000u

struct hosts hosts;

/* --- The service ------------------------------------------------------------------------------ */

static gpg_error_t
answered (void *arg, gpg_error_t err, unsigned char *data, size_t data_len) {
  assuan_context_t ctx = arg;

  if (!err) err = assuan_send_data (ctx, data, data_len);
  assuan_free (ctx, data);
  return err;
}

static gpg_error_t
ask (assuan_context_t ctx, char *line) {
  return assuan_inquire_ext (ctx, line, 1000, answered, ctx);
}

/* A helper is forked, which cleans up and ends, while the other threads go on.  */
static gpg_error_t
fork_helper (assuan_context_t ctx, char *line) {
  pid_t pid = fork ();
  int status;

  if (pid < 0) return gpg_error_from_syserror ();
  if (!pid) {
    eva_loop *loop = eva_get_loop (ctx);
    eva_server_free (eva_get_server (ctx));
    eva_loop_free (loop);
    _exit (0);
  }
  if (waitpid (pid, &status, 0) != pid || status) return gpg_error (GPG_ERR_FALSE);
  return pair_echo (ctx, line);
}

static const struct eva_command commands[] = {
  { .name = "ECHO", .handler = pair_echo, .help = "ECHO text" },
  { .name = "ASK", .handler = ask },
  { .name = "BULK", .handler = pair_bulk },
  { .name = "FAIL", .handler = pair_fail },
  { .name = "FORK", .handler = fork_helper },
};

static const struct eva_service service = { .commands = commands,
                                            .n_commands = sizeof commands / sizeof *commands };

/* --- The threads ------------------------------------------------------------------------------ */

static void
drained (eva_server *server, void *loop) {
  (void) server;
  eva_loop_stop (loop);
}

static void
stop_came (void *arg, unsigned int revents) {
  struct host *host = arg;
  eventfd_t count;

  (void) revents;
  if (eventfd_read (host->stop_fd, &count)) return;
  if (eva_server_drain (host->server, DRAIN_MS, drained, host->loop)) eva_loop_stop (host->loop);
}

static gpg_error_t
run (struct host *host) {
  eva_source *stop = eva_loop_add_fd (host->loop, host->stop_fd, EVA_READABLE, stop_came, host);
  gpg_error_t err = stop ? 0 : gpg_error_from_syserror ();
  char address[20];

  snprintf (address, sizeof address, "fd:%d", hosts.listen_fd);
  if (!err) err = eva_server_new (host->loop, &service, NULL, &host->server);
  if (!err) err = eva_server_listen (host->server, address, 0);
  if (!err && eva_loop_run (host->loop)) err = gpg_error_from_syserror ();
  if (!err) eva_server_get_stats (host->server, &host->stats);
  eva_server_free (host->server);
  eva_source_free (stop);
  return err;
}

static gpg_error_t
serve (int index) {
  struct host *host = &hosts.hosts[index];
  gpg_error_t err;

  host->loop = eva_loop_new ();
  err = host->loop ? run (host) : gpg_error_from_syserror ();
  eva_loop_free (host->loop);
  return err;
}

void
hosts_start (void) {
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  memset (&hosts, 0, sizeof hosts);
  strcpy (hosts.dir, "/tmp/evaXXXXXX");
  assert_non_null (mkdtemp (hosts.dir));
  snprintf (hosts.address, sizeof hosts.address, "unix:%s/S", hosts.dir);
  hosts.path = hosts.address + strlen ("unix:");
  hosts.listen_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  strcpy (address.sun_path, hosts.path);
  assert_int_equal (bind (hosts.listen_fd, (struct sockaddr *) &address, sizeof address), 0);
  assert_int_equal (listen (hosts.listen_fd, 100), 0);
  for (int i = 0; i < N_HOSTS; i++) {
    hosts.hosts[i].stop_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true (hosts.hosts[i].stop_fd >= 0);
    job_start (&hosts.hosts[i].job, serve, i);
  }
}

void
hosts_drain (int index) {
  assert_int_equal (eventfd_write (hosts.hosts[index].stop_fd, 1), 0);
}

void
hosts_finish (void) {
  for (int i = 0; i < N_HOSTS; i++) {
    jobs_finish (&hosts.hosts[i].job, 1);
    close (hosts.hosts[i].stop_fd);
  }
  close (hosts.listen_fd);
  unlink (hosts.path);
  rmdir (hosts.dir);
}
