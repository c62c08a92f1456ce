/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* service.h - what the server of the tests offers, and the books that it keeps of what it was told.

   Guests are the connections, with the command that each has, jobs the commands that were deferred,
   inquiries the continuations.  Each is owed exactly one end: service_check looks after all of them
   once the server is gone, so every test is also a test of that.  */

#ifndef EVA_TESTS_SERVER_SERVICE_H
#define EVA_TESTS_SERVER_SERVICE_H

#include "kit.h"

/* A connection that was opened.  */
struct guest {
  struct guest *next;
  unsigned int number;  /* from 1 on */
  assuan_context_t ctx; /* NULL once it was closed */
  unsigned int n_closed;
  gpg_err_code_t reason;
  unsigned int n_resets;
  char option[64];     /* the last one, NAME=VALUE */
  const char *command; /* that before let pass, and after has not told the end of; or NULL */
  unsigned int n_commands;
  const char *last_command;   /* that after told the end of, or NULL */
  gpg_err_code_t last_result; /* and its result */
};

/* A command that was deferred.  */
struct job {
  struct job *next;
  struct guest *guest;
  assuan_context_t ctx;
  unsigned int n_finished;  /* by the test */
  unsigned int n_cancelled; /* by the server */
  gpg_err_code_t reason;
};

/* An inquiry.  */
struct inquiry {
  struct inquiry *next;
  struct guest *guest;
  assuan_context_t ctx;
  unsigned int n_continued;
  gpg_error_t err;
  char *data; /* with a NUL behind it, or NULL */
  size_t len;
};

struct service {
  struct guest *guests; /* the newest one first, of all lists */
  struct job *jobs;
  struct inquiry *inquiries;
  unsigned int n_guests;
  unsigned int n_runs;    /* of RUN */
  unsigned int n_refused; /* by the test's own open function */

  /* What tests put in: each may be NULL, and runs after the books were written.  */
  gpg_error_t (*open) (assuan_context_t ctx);
  void (*close) (assuan_context_t ctx, gpg_error_t reason);
  gpg_error_t (*option) (assuan_context_t ctx, const char *name, const char *value);
  gpg_error_t (*reset) (assuan_context_t ctx, char *line);
  gpg_error_t (*input) (assuan_context_t ctx, char *line);
  gpg_error_t (*output) (assuan_context_t ctx, char *line);
  gpg_error_t (*bye) (assuan_context_t ctx, char *line);
  gpg_error_t (*cancel_command) (assuan_context_t ctx, char *line);
  gpg_error_t (*before) (assuan_context_t ctx, const char *name);
  void (*after) (assuan_context_t ctx, const char *name, gpg_error_t result);
  gpg_error_t (*run) (assuan_context_t ctx, char *line); /* the command RUN */
  void (*cancel) (assuan_context_t ctx, gpg_error_t reason);
  bool before_finishes; /* before ends the command itself: it has no after */
  gpg_error_t (*answered) (struct inquiry *inquiry); /* else ASK sends the data back */
};
extern struct service service;

/* What eva_server_new gets.  Its commands:

     ECHO TEXT     TEXT as data
     DATA N        N octets of data: service_octet of 0, 1, ...
     STATUS N      N status lines `S COUNT I`
     FAIL CODE     ERR with CODE; its parameter is described and checked
     TEXT TEXT     OK TEXT
     WAIT          deferred: a job
     ASK [N]       INQUIRE ASKED, at most N octets
     RUN ...       the test's own
     PASSWD ...    the same, and secret
     INPUT, OUTPUT the built-in ones  */
extern const struct eva_service service_offer;

void service_reset (void);
void service_check (void);
void service_free (void);

char service_octet (size_t i);

/* The guest with NUMBER; the one of CTX.  */
struct guest *service_guest (unsigned int number);
struct guest *service_guest_of (assuan_context_t ctx);

/* Defers the command of CTX: the new job is service.jobs.  */
gpg_error_t service_defer (assuan_context_t ctx);

/* Finishes the newest job, or JOB.  */
void service_finish (gpg_error_t err);
void service_finish_job (struct job *job, gpg_error_t err);

/* Inquires, with books; a continuation: see struct service.  */
gpg_error_t service_ask (assuan_context_t ctx, size_t max_len);

#endif /* EVA_TESTS_SERVER_SERVICE_H */
