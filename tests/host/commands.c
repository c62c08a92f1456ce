/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* commands.c - commands that tests need.  See commands.h.  */

#include "commands.h"

#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "words.h"

struct host_figures host_figures;

/* Reads the number in LINE, or takes OTHERWISE if there is none.  */
static gpg_error_t
parse_optional (assuan_context_t ctx, const char *line, unsigned long otherwise,
                unsigned long *ret_number) {
  *ret_number = otherwise;
  return *line ? service_parse_number (ctx, line, ret_number) : 0;
}

/* --- ASK and TAKE ----------------------------------------------------------------------------- */

static gpg_error_t
answered (void *arg, gpg_error_t err, unsigned char *data, size_t data_len) {
  assuan_context_t ctx = arg;

  if (!err) err = assuan_send_data (ctx, data, data_len);
  assuan_free (ctx, data);
  return err;
}

gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  unsigned long max_len;
  gpg_error_t err = parse_optional (ctx, line, 1 << 20, &max_len);

  return err ? err : assuan_inquire_ext (ctx, "DATA", max_len, answered, ctx);
}

static void
taken (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n_pumped) {
  char text[32];

  (void) arg;
  snprintf (text, sizeof text, "%" PRIu64, n_pumped);
  assuan_write_status (ctx, "TAKEN", text);
  assuan_process_done (ctx, err);
}

/* Closes FD, which was to be the pump's, if the pump did not begin.  */
static gpg_error_t
pump (assuan_context_t ctx, const struct eva_pump_config *config, int fd) {
  gpg_error_t err = fd < 0 ? gpg_error_from_syserror () : eva_pump (ctx, config);

  if (err && fd >= 0) close (fd);
  return err;
}

gpg_error_t
cmd_take (assuan_context_t ctx, char *line) {
  struct eva_pump_config config = {
    .from_fd = EVA_PUMP_CONNECTION,
    .to_fd = open ("/dev/null", O_WRONLY | O_CLOEXEC),
    .flags = EVA_PUMP_CLOSE_TO,
    .inquiry = "DATA",
    .done = taken,
  };

  (void) line;
  return pump (ctx, &config, config.to_fd);
}

/* --- BULK ------------------------------------------------------------------------------------- */

/* A file with LEN zeros, which takes no room.  */
static int
open_zeros (unsigned long len) {
  int fd = memfd_create ("zeros", MFD_CLOEXEC);

  if (fd >= 0 && ftruncate (fd, (off_t) len)) {
    close (fd);
    return -1;
  }
  return fd;
}

gpg_error_t
cmd_bulk (assuan_context_t ctx, char *line) {
  struct eva_pump_config config = { .to_fd = EVA_PUMP_CONNECTION, .flags = EVA_PUMP_CLOSE_FROM };
  unsigned long len;
  gpg_error_t err = parse_optional (ctx, line, 0, &len);

  if (err) return err;
  config.from_fd = *line ? open_zeros (len) : open ("/dev/zero", O_RDONLY | O_CLOEXEC);
  return pump (ctx, &config, config.from_fd);
}

/* --- WAIT ------------------------------------------------------------------------------------- */

struct wait {
  assuan_context_t ctx;
  eva_source *timer; /* or NULL */
};

static void
wait_free (struct wait *wait) {
  host_figures.n_waits--;
  eva_source_free (wait->timer);
  free (wait);
}

static void
wait_cancelled (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  (void) ctx;
  (void) reason;
  wait_free (arg);
}

static void
wait_over (void *arg) {
  assuan_context_t ctx = ((struct wait *) arg)->ctx;

  wait_free (arg);
  assuan_process_done (ctx, 0);
}

gpg_error_t
cmd_wait (assuan_context_t ctx, char *line) {
  unsigned long ms;
  gpg_error_t err = parse_optional (ctx, line, 0, &ms);
  struct wait *wait = err ? NULL : calloc (1, sizeof *wait);

  if (err) return err;
  if (!wait) return gpg_error_from_syserror ();
  wait->ctx = ctx;
  host_figures.n_waits++;
  if (*line) {
    wait->timer = eva_loop_add_timer (eva_get_loop (ctx), (unsigned int) ms, wait_over, wait);
    if (!wait->timer) err = gpg_error_from_syserror ();
  }
  if (!err) err = eva_set_cancel (ctx, wait_cancelled, wait);
  if (!err) return eva_defer (ctx);
  wait_free (wait);
  return err;
}

/* --- LIMIT and STATS -------------------------------------------------------------------------- */

gpg_error_t
cmd_limit (assuan_context_t ctx, char *line) {
  struct eva_limits limits = { .high_water_len = 0 };

  if (!limits_set (&limits, line))
    return assuan_set_error (ctx, gpg_error (GPG_ERR_ASS_PARAMETER), "no such limit");
  return eva_set_limits (ctx, &limits);
}

gpg_error_t
cmd_limits (assuan_context_t ctx, char *line) {
  if (!limits_set_of_server (&host_limits, line))
    return assuan_set_error (ctx, gpg_error (GPG_ERR_ASS_PARAMETER), "no such limit");
  return eva_server_set_limits (host_server, &host_limits);
}

/* Where a sanitizer stands in for the allocator, it knows.  */
size_t __sanitizer_get_current_allocated_bytes (void) __attribute__ ((weak));

void
host_sample_heap (void) {
  size_t len;

  if (__sanitizer_get_current_allocated_bytes) {
    len = __sanitizer_get_current_allocated_bytes ();
  } else {
    struct mallinfo2 info = mallinfo2 ();
    len = info.uordblks + info.hblkhd;
  }
  host_figures.heap_len = len;
  if (len > host_figures.most_heap_len) host_figures.most_heap_len = len;
  host_figures.n_heap_samples++;
}

gpg_error_t
cmd_stats (assuan_context_t ctx, char *line) {
  struct host_figures *f = &host_figures;
  struct eva_stats s;
  char text[2048];
  int len;

  (void) line;
  host_sample_heap ();
  eva_server_get_stats (host_server, &s);
  len = snprintf (text, sizeof text,
                  "n_connections %u\nmost_connections %u\nn_open_commands %u\nheld_len %zu\n"
                  "most_held_len %zu\nn_accepted %" PRIu64 "\nn_refused %" PRIu64
                  "\nn_commands %" PRIu64 "\nn_cancelled %" PRIu64 "\nn_timed_out %" PRIu64
                  "\nn_dropped %" PRIu64 "\nn_accept_pauses %" PRIu64
                  "\nn_passed_fds %u\nn_opened %" PRIu64 "\nn_closed %" PRIu64 "\nn_waits %" PRIu64
                  "\nheap_len %zu\nmost_heap_len %zu\n"
                  "n_heap_samples %" PRIu64 "\n",
                  s.n_connections, s.most_connections, s.n_open_commands, s.held_len,
                  s.most_held_len, s.n_accepted, s.n_refused, s.n_commands, s.n_cancelled,
                  s.n_timed_out, s.n_dropped, s.n_accept_pauses, s.n_passed_fds, f->n_opened,
                  f->n_closed, f->n_waits, f->heap_len, f->most_heap_len, f->n_heap_samples);
  return assuan_send_data (ctx, text, (size_t) len);
}
