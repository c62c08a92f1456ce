/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* service.c - what the server of the tests offers.  See service.h.  */

#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct service service;

/* --- Guests ----------------------------------------------------------------------------------- */

struct guest *
service_guest (unsigned int number) {
  for (struct guest *g = service.guests; g; g = g->next)
    if (g->number == number) return g;
  fail_msg ("there is no guest %u", number);
  return NULL;
}

struct guest *
service_guest_of (assuan_context_t ctx) {
  return assuan_get_pointer (ctx);
}

static gpg_error_t
on_open (assuan_context_t ctx) {
  gpg_error_t err = service.open ? service.open (ctx) : 0;
  struct guest *g;

  if (err) service.n_refused++;
  if (err) return err;
  assert_ptr_equal (eva_get_userdata (ctx),
                    &kit); /* of its server, which is kit.server or follows it */
  assert_ptr_equal (eva_get_loop (ctx), kit.loop.loop);
  g = kit_alloc (sizeof *g);
  g->number = ++service.n_guests;
  g->ctx = ctx;
  g->next = service.guests;
  service.guests = g;
  assuan_set_pointer (ctx, g);
  return 0;
}

static void
on_close (assuan_context_t ctx, gpg_error_t reason) {
  struct guest *g = service_guest_of (ctx);

  assert_non_null (g);
  assert_ptr_equal (g->ctx, ctx);
  assert_int_equal (g->n_closed++, 0);
  assert_null (g->command);
  g->reason = gpg_err_code (reason);
  g->ctx = NULL;
  if (service.close) service.close (ctx, reason);
}

static gpg_error_t
on_option (assuan_context_t ctx, const char *name, const char *value) {
  struct guest *g = service_guest_of (ctx);

  snprintf (g->option, sizeof g->option, "%s=%s", name, value);
  return service.option ? service.option (ctx, name, value) : 0;
}

static gpg_error_t
on_reset (assuan_context_t ctx, char *line) {
  service_guest_of (ctx)->n_resets++;
  return service.reset ? service.reset (ctx, line) : 0;
}

static gpg_error_t
on_input (assuan_context_t ctx, char *line) {
  return service.input ? service.input (ctx, line) : 0;
}

static gpg_error_t
on_output (assuan_context_t ctx, char *line) {
  return service.output ? service.output (ctx, line) : 0;
}

static gpg_error_t
on_bye (assuan_context_t ctx, char *line) {
  return service.bye ? service.bye (ctx, line) : 0;
}

static gpg_error_t
on_cancel_command (assuan_context_t ctx, char *line) {
  return service.cancel_command ? service.cancel_command (ctx, line) : 0;
}

/* The books say what passes: the test's own function may end the command, or the context.  */
static gpg_error_t
on_before (assuan_context_t ctx, const char *name) {
  struct guest *g = service_guest_of (ctx);
  gpg_error_t err;

  assert_int_equal (g->n_closed, 0);
  assert_null (g->command);
  err = service.before ? service.before (ctx, name) : 0;
  if (err || g->n_closed || service.before_finishes) return err;
  g->command = name;
  g->n_commands++;
  return 0;
}

static void
on_after (assuan_context_t ctx, const char *name, gpg_error_t result) {
  struct guest *g = service_guest_of (ctx);

  assert_int_equal (g->n_closed, 0);
  assert_ptr_equal (g->command, name);
  g->command = NULL;
  g->last_command = name;
  g->last_result = gpg_err_code (result);
  if (service.after) service.after (ctx, name, result);
}

/* --- Jobs ------------------------------------------------------------------------------------- */

static void
on_cancel (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  struct job *job = arg;

  assert_ptr_equal (job->ctx, ctx);
  assert_int_equal (job->guest->n_closed, 0);
  assert_int_equal (job->n_finished + job->n_cancelled++, 0);
  job->reason = gpg_err_code (reason);
  if (service.cancel) service.cancel (ctx, reason);
}

gpg_error_t
service_defer (assuan_context_t ctx) {
  struct job *job = kit_alloc (sizeof *job);
  gpg_error_t err = eva_set_cancel (ctx, on_cancel, job);

  if (err) {
    free (job);
    return err;
  }
  job->guest = service_guest_of (ctx);
  job->ctx = ctx;
  job->next = service.jobs;
  service.jobs = job;
  return eva_defer (ctx);
}

void
service_finish_job (struct job *job, gpg_error_t err) {
  assert_int_equal (job->n_finished + job->n_cancelled, 0);
  job->n_finished++;
  assuan_process_done (job->ctx, err);
}

void
service_finish (gpg_error_t err) {
  struct job *job = service.jobs;

  assert_non_null (job);
  service_finish_job (job, err);
}

/* --- Inquiries -------------------------------------------------------------------------------- */

static gpg_error_t
on_answer (void *arg, gpg_error_t err, unsigned char *buf, size_t len) {
  struct inquiry *inquiry = arg;

  assert_int_equal (inquiry->n_continued++, 0);
  assert_int_equal (inquiry->guest->n_closed, 0);
  inquiry->err = err;
  if (!err) {
    assert_non_null (buf);
    assert_int_equal (buf[len], 0);
    inquiry->data = kit_alloc (len + 1);
    memcpy (inquiry->data, buf, len);
    inquiry->len = len;
  } else {
    assert_null (buf);
  }
  free (buf);
  if (service.answered) return service.answered (inquiry);
  return err ? err : assuan_send_data (inquiry->ctx, inquiry->data, len);
}

gpg_error_t
service_ask (assuan_context_t ctx, size_t max_len) {
  struct inquiry *inquiry = kit_alloc (sizeof *inquiry);
  gpg_error_t err;

  inquiry->guest = service_guest_of (ctx);
  inquiry->ctx = ctx;
  err = assuan_inquire_ext (ctx, "ASKED", max_len, on_answer, inquiry);
  if (err) {
    assert_int_equal (inquiry->n_continued, 0);
    free (inquiry);
    return err;
  }
  inquiry->next = service.inquiries;
  service.inquiries = inquiry;
  return 0;
}

/* --- Commands --------------------------------------------------------------------------------- */

char
service_octet (size_t i) {
  return (char) ('a' + i % 23);
}

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  return assuan_send_data (ctx, line, strlen (line));
}

static gpg_error_t
cmd_data (assuan_context_t ctx, char *line) {
  size_t len = strtoul (line, NULL, 10);
  char *octets = kit_alloc (len + 1);
  gpg_error_t err;

  for (size_t i = 0; i < len; i++)
    octets[i] = service_octet (i);
  err = len ? assuan_send_data (ctx, octets, len) : 0;
  free (octets);
  return err;
}

static gpg_error_t
cmd_status (assuan_context_t ctx, char *line) {
  unsigned long n = strtoul (line, NULL, 10);
  gpg_error_t err = 0;
  char text[24];

  for (unsigned long i = 0; !err && i < n; i++) {
    snprintf (text, sizeof text, "%lu", i);
    err = assuan_write_status (ctx, "COUNT", text);
  }
  return err;
}

static gpg_error_t
cmd_fail (assuan_context_t ctx, char *line) {
  (void) ctx;
  return ERR ((gpg_err_code_t) strtoul (line, NULL, 10));
}

static gpg_error_t
cmd_text (assuan_context_t ctx, char *line) {
  return assuan_set_okay_line (ctx, line);
}

static gpg_error_t
cmd_wait (assuan_context_t ctx, char *line) {
  (void) line;
  return service_defer (ctx);
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  return service_ask (ctx, strtoul (line, NULL, 10));
}

static gpg_error_t
cmd_run (assuan_context_t ctx, char *line) {
  service.n_runs++;
  return service.run ? service.run (ctx, line) : 0;
}

static const struct eva_parameter code[] = {
  { .name = "code", .type = EVA_NUMBER, .help = "of the error", .max = GPG_ERR_CODE_DIM - 1 }
};

static const struct eva_command commands[] = {
  { .name = "ECHO", .handler = cmd_echo, .help = "ECHO <text>\n\nSend text back." },
  { .name = "DATA", .handler = cmd_data },
  { .name = "STATUS", .handler = cmd_status },
  { .name = "FAIL",
    .handler = cmd_fail,
    .flags = EVA_COMMAND_CHECKED,
    .parameters = code,
    .n_parameters = 1 },
  { .name = "TEXT", .handler = cmd_text },
  { .name = "WAIT", .handler = cmd_wait },
  { .name = "ASK", .handler = cmd_ask },
  { .name = "RUN", .handler = cmd_run },
  { .name = "PASSWD", .handler = cmd_run, .flags = EVA_COMMAND_SECRET },
  { .name = "INPUT" },
  { .name = "OUTPUT" },
};

const struct eva_service service_offer = {
  .commands = commands,
  .n_commands = N_ELEMENTS (commands),
  .open = on_open,
  .close = on_close,
  .option = on_option,
  .reset = on_reset,
  .input = on_input,
  .output = on_output,
  .bye = on_bye,
  .cancel = on_cancel_command,
  .before = on_before,
  .after = on_after,
};

/* --- The books -------------------------------------------------------------------------------- */

void
service_reset (void) {
  service = (struct service) { 0 };
}

void
service_check (void) {
  for (struct guest *g = service.guests; g; g = g->next) {
    assert_int_equal (g->n_closed, 1);
    assert_null (g->command);
  }
  for (struct job *j = service.jobs; j; j = j->next)
    assert_int_equal (j->n_finished + j->n_cancelled, 1);
  for (struct inquiry *i = service.inquiries; i; i = i->next)
    assert_int_equal (i->n_continued, 1);
}

/* Frees what is linked by its first member.  */
static void
free_list (void *list) {
  while (list) {
    void *next = *(void **) list;
    free (list);
    list = next;
  }
}

void
service_free (void) {
  for (struct inquiry *i = service.inquiries; i; i = i->next)
    free (i->data);
  free_list (service.guests);
  free_list (service.jobs);
  free_list (service.inquiries);
  service_reset ();
}
