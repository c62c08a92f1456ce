/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* service.c - the service of the example servers, the same in every loop.

   The result of a handler ends its command, here as in every Assuan server.  A handler that has
   more to do puts the end off: see count.c.  */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "service.h" /* before gcrypt.h, for GPG_ERR_SOURCE_DEFAULT */

#include <gcrypt.h>

gpg_error_t
service_parse_number (assuan_context_t ctx, const char *line, uint64_t *ret_number) {
  if (eva_word_number (line, 0, UINT64_MAX, ret_number) || eva_word_next (line))
    return assuan_set_error (ctx, gpg_error (GPG_ERR_ASS_PARAMETER), "one number is needed");
  return 0;
}

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  return assuan_send_data (ctx, line, strlen (line));
}

static gpg_error_t
cmd_fail (assuan_context_t ctx, char *line) {
  uint64_t code;

  if (eva_word_number (line, 1, GPG_ERR_CODE_DIM - 1, &code))
    return assuan_set_error (ctx, gpg_error (GPG_ERR_ASS_PARAMETER), "the code must be 1 to 65535");
  return assuan_set_error (ctx, gpg_error ((gpg_err_code_t) code), eva_word_next (line));
}

/* A connection has ended.  Only the unusual is worth a message.  */
static void
was_closed (assuan_context_t ctx, gpg_error_t reason) {
  switch (gpg_err_code (reason)) {
  case GPG_ERR_EOF:      /* the client has said BYE, or closed */
  case GPG_ERR_EPIPE:    /* it did so without waiting for its answer */
  case GPG_ERR_CANCELED: /* we are ending */
    break;
  default:
    fprintf (stderr, "%s: client %d: %s\n", program_invocation_short_name,
             (int) assuan_get_pid (ctx), gpg_strerror (reason));
  }
}

/* What some commands take.  The library checks that, and HELP shows it.  */
static const struct eva_parameter text[] = {
  { .name = "text", .type = EVA_REST, .is_optional = true },
};
static const struct eva_parameter number[] = { { .name = "n", .type = EVA_NUMBER } };
static const struct eva_parameter error[] = {
  { .name = "code", .type = EVA_NUMBER, .min = 1, .max = GPG_ERR_CODE_DIM - 1 },
  { .name = "text", .type = EVA_REST, .is_optional = true },
};

/* HELP shows the synopsis of each, HELP NAME the whole text.  A handler that is NULL is the
   library's own.  */
static const struct eva_command commands[] = {
  { .name = "ECHO",
    .handler = cmd_echo,
    .help = "Answer with the text as data.",
    .flags = EVA_COMMAND_CHECKED,
    .parameters = text,
    .n_parameters = 1 },
  { .name = "COUNT",
    .handler = cmd_count,
    .help = "Count to n, ten times a second, with a status line each time:\n"
            "  S PROGRESS COUNT ? <now> <n>",
    .flags = EVA_COMMAND_CHECKED,
    .parameters = number,
    .n_parameters = 1 },
  { .name = "LIST",
    .handler = cmd_list,
    .help = "Answer with n lines of data, the numbers from 1 to n.",
    .flags = EVA_COMMAND_CHECKED,
    .parameters = number,
    .n_parameters = 1 },
  { .name = "DIGEST",
    .handler = cmd_digest,
    .help = "DIGEST\n\n"
            "Ask for data with\n"
            "  INQUIRE DATA\n"
            "and answer with their SHA-256 in hex.  They may have 16 MiB." },
  { .name = "INPUT",
    .help = "INPUT FD\n\n"
            "Take the descriptor that was passed last as the input of COPY and GET." },
  { .name = "OUTPUT",
    .help = "OUTPUT FD\n\n"
            "Take the descriptor that was passed last as the output of COPY and PUT." },
  { .name = "COPY",
    .handler = cmd_copy,
    .help = "COPY\n\n"
            "Copy INPUT to OUTPUT up to its end and close both.  Then tell the\n"
            "number of octets:\n"
            "  S COPIED <n>" },
  { .name = "GET",
    .handler = cmd_get,
    .help = "GET\n\n"
            "Answer with INPUT as data and close it.  Now and then tell how far that is:\n"
            "  S PROGRESS GET ? <octets> 0" },
  { .name = "PUT",
    .handler = cmd_put,
    .help = "PUT\n\n"
            "Ask for data with\n"
            "  INQUIRE DATA\n"
            "write them to OUTPUT and close it.  Now and then tell how far that is:\n"
            "  S PROGRESS PUT ? <octets> 0" },
  { .name = "FAIL",
    .handler = cmd_fail,
    .help = "Fail with the error code and the text.",
    .flags = EVA_COMMAND_CHECKED,
    .parameters = error,
    .n_parameters = 2 },
};

const struct eva_service service = {
  .commands = commands,
  .n_commands = sizeof commands / sizeof *commands,
  .close = was_closed,
};

int
service_init (void) {
  /* This comes before any other call of libgcrypt, and sets it up.  */
  if (!gcry_check_version (GCRYPT_VERSION)) {
    fprintf (stderr, "%s: libgcrypt is older than %s\n", program_invocation_short_name,
             GCRYPT_VERSION);
    return -1;
  }
  /* Nothing here is secret, so there is no need of memory that is never swapped out.  */
  gcry_control (GCRYCTL_DISABLE_SECMEM, 0);
  gcry_control (GCRYCTL_INITIALIZATION_FINISHED, 0);
  return 0;
}
