/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small program as GPGME's users write them, for test-gpgme.py.
 *
 *   gpgme-client transact COMMAND...      talk to gpg-agent, print what it said
 *   gpgme-client parallel N COMMAND       N conversations at once, in one loop
 *   gpgme-client crypt openpgp|cms KEY    encrypt, decrypt, sign and verify the standard input
 *
 * Instead of gpg-agent it is the server on the socket that the environment variable
 * EVA_GPGME_SOCKET names, if there is one.
 *
 * GPGME gives libassuan its own allocator, log callback and system functions, dups its descriptors
 * and reads its lines one by one: no other program puts a client to such use. */

#include <gpgme.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Give up with the error's text unless ERR is none. */
static void
check (gpgme_error_t err, const char *what) {
  if (!err) return;
  fprintf (stderr, "%s: %s <%s>\n", what, gpgme_strerror (err), gpgme_strsource (err));
  exit (1);
}

static gpgme_ctx_t
new_context (gpgme_protocol_t protocol) {
  gpgme_ctx_t ctx;
  check (gpgme_new (&ctx), "gpgme_new");
  check (gpgme_set_protocol (ctx, protocol), "gpgme_set_protocol");
  const char *socket = getenv ("EVA_GPGME_SOCKET");
  if (socket && protocol == GPGME_PROTOCOL_ASSUAN)
    check (gpgme_ctx_set_engine_info (ctx, protocol, socket, NULL), "gpgme_ctx_set_engine_info");
  return ctx;
}

/* Conversations */

static gpgme_error_t
on_data (void *opaque, const void *data, size_t data_len) {
  (void) opaque;
  printf ("D ");
  fwrite (data, 1, data_len, stdout);
  putchar ('\n');
  return 0;
}

/* GPGME does not let us answer with data; without any, it sends a bare END. */
static gpgme_error_t
on_inquiry (void *opaque, const char *name, const char *args, gpgme_data_t *ret_data) {
  (void) opaque;
  (void) ret_data;
  if (name) printf ("INQUIRE %s %s\n", name, args);
  return 0;
}

static gpgme_error_t
on_status (void *opaque, const char *status, const char *args) {
  (void) opaque;
  printf ("S %s %s\n", status, args);
  return 0;
}

static int
transact (int n_commands, char **commands) {
  gpgme_ctx_t ctx = new_context (GPGME_PROTOCOL_ASSUAN);
  for (int i = 0; i < n_commands; i++) {
    gpgme_error_t op_err = 0;
    check (gpgme_op_assuan_transact_ext (ctx, commands[i], on_data, NULL, on_inquiry, NULL,
                                         on_status, NULL, &op_err),
           commands[i]);
    if (op_err)
      printf ("ERR %u %s\n", gpgme_err_code (op_err), gpgme_strsource (op_err));
    else
      puts ("OK");
  }
  gpgme_release (ctx);
  return 0;
}

/* Count what comes, to know that it came to the right conversation. */
static gpgme_error_t
count_data (void *opaque, const void *data, size_t data_len) {
  (void) data;
  *(size_t *) opaque += data_len;
  return 0;
}

static int
parallel (size_t n, const char *command) {
  gpgme_ctx_t *ctx = calloc (n, sizeof *ctx);
  size_t *n_octets = calloc (n, sizeof *n_octets);
  if (!ctx || !n_octets) return 1;
  for (size_t i = 0; i < n; i++) {
    ctx[i] = new_context (GPGME_PROTOCOL_ASSUAN);
    check (gpgme_op_assuan_transact_start (ctx[i], command, count_data, &n_octets[i], NULL, NULL,
                                           NULL, NULL),
           "gpgme_op_assuan_transact_start");
  }
  /* The last one first: while it waits, the loop serves the others too. */
  for (size_t i = n; i-- > 0;) {
    gpgme_error_t err = 0, op_err = 0;
    gpgme_wait_ext (ctx[i], &err, &op_err, 1);
    check (err, "a conversation");
    check (op_err, "a command");
  }
  size_t n_good = 0;
  for (size_t i = 0; i < n; i++) {
    if (n_octets[i] && n_octets[i] == n_octets[0]) n_good++;
    gpgme_release (ctx[i]);
  }
  printf ("%zu answers\n", n_good);
  free (ctx);
  free (n_octets);
  return n_good != n;
}

/* Operations on data */

/* All of standard input; the test gives less than this. */
static gpgme_data_t
read_input (void) {
  static char octets[1 << 20];
  gpgme_data_t data;
  size_t n = fread (octets, 1, sizeof octets, stdin);
  check (gpgme_data_new_from_mem (&data, octets, n, 1), "gpgme_data_new_from_mem");
  return data;
}

static gpgme_data_t
new_data (void) {
  gpgme_data_t data;
  check (gpgme_data_new (&data), "gpgme_data_new");
  return data;
}

static gpgme_data_t
rewound (gpgme_data_t data) {
  if (gpgme_data_seek (data, 0, SEEK_SET) < 0) check (gpgme_error_from_syserror (), "seek");
  return data;
}

/* Compare two data objects, and release them. */
static int
take_equal (gpgme_data_t a, gpgme_data_t b) {
  size_t a_len, b_len;
  char *a_mem = gpgme_data_release_and_get_mem (a, &a_len);
  char *b_mem = gpgme_data_release_and_get_mem (b, &b_len);
  int equal = a_len == b_len && (!a_len || !memcmp (a_mem, b_mem, a_len));
  gpgme_free (a_mem);
  gpgme_free (b_mem);
  return equal;
}

static void
check_signature (gpgme_ctx_t ctx, gpgme_data_t input) {
  gpgme_data_t signature = new_data ();
  check (gpgme_op_sign (ctx, rewound (input), signature, GPGME_SIG_MODE_DETACH), "sign");
  check (gpgme_op_verify (ctx, rewound (signature), rewound (input), NULL), "verify");
  gpgme_verify_result_t result = gpgme_op_verify_result (ctx);
  check (result->signatures ? result->signatures->status : GPG_ERR_NO_DATA, "signature");
  puts ("good signature");
  gpgme_data_release (signature);
}

static int
crypt_input (const char *protocol, const char *pattern) {
  gpgme_ctx_t ctx =
      new_context (strcmp (protocol, "cms") ? GPGME_PROTOCOL_OPENPGP : GPGME_PROTOCOL_CMS);
  gpgme_key_t keys[2] = { NULL, NULL };
  check (gpgme_get_key (ctx, pattern, &keys[0], 1), "gpgme_get_key");
  printf ("key of %s\n", keys[0]->uids->uid);
  check (gpgme_signers_add (ctx, keys[0]), "gpgme_signers_add");
  gpgme_data_t input = read_input (), sealed = new_data (), opened = new_data ();
  check (gpgme_op_encrypt (ctx, keys, GPGME_ENCRYPT_ALWAYS_TRUST, input, sealed), "encrypt");
  check (gpgme_op_decrypt (ctx, rewound (sealed), opened), "decrypt");
  check_signature (ctx, input);
  gpgme_data_release (sealed);
  int same = take_equal (input, opened);
  puts (same ? "same text" : "another text");
  gpgme_key_release (keys[0]);
  gpgme_release (ctx);
  return !same;
}

int
main (int argc, char **argv) {
  gpgme_check_version (NULL);
  setvbuf (stdout, NULL, _IOLBF, 0);
  if (argc > 2 && !strcmp (argv[1], "transact")) return transact (argc - 2, argv + 2);
  if (argc == 4 && !strcmp (argv[1], "parallel"))
    return parallel (strtoul (argv[2], NULL, 10), argv[3]);
  if (argc == 4 && !strcmp (argv[1], "crypt")) return crypt_input (argv[2], argv[3]);
  fputs ("usage: gpgme-client transact COMMAND... | parallel N COMMAND | crypt openpgp|cms KEY\n",
         stderr);
  return 2;
}
