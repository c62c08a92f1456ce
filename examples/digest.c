/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* digest.c - DIGEST: data that the client is asked for, and a long computation.

   assuan_inquire_ext asks and returns; data_came is called once, with the data or with the reason
   why there are none.  Its result would end the command, but there is still the hash.  Hashing 16
   MiB at once would take some 50 ms, in which no other client is served, so a timer does it piece
   by piece.  */

#include <stdio.h>
#include <stdlib.h>

#include "service.h" /* before gcrypt.h, for GPG_ERR_SOURCE_DEFAULT */

#include <gcrypt.h>

#define MAX_LEN   (16u << 20)  /* octets that DIGEST takes */
#define PIECE_LEN (256u << 10) /* octets that are hashed in one go */

struct digest {
  assuan_context_t ctx;
  eva_source *timer;   /* for the next piece */
  unsigned char *data; /* the library has allocated it for us */
  size_t data_len, done_len;
  gcry_md_hd_t hash;
};

static void
digest_free (struct digest *digest) {
  eva_source_free (digest->timer);
  gcry_md_close (digest->hash);
  assuan_free (digest->ctx, digest->data);
  free (digest);
}

static void
cancelled (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  (void) ctx;
  (void) reason;
  digest_free (arg);
}

static gpg_error_t
say_digest (struct digest *digest) {
  const unsigned char *hash = gcry_md_read (digest->hash, GCRY_MD_SHA256);
  char hex[2 * 32 + 1];

  for (size_t i = 0; i < 32; i++)
    snprintf (hex + 2 * i, 3, "%02x", hash[i]);
  return assuan_send_data (digest->ctx, hex, 2 * 32);
}

static void
hash_piece (void *arg) {
  struct digest *digest = arg;
  assuan_context_t ctx = digest->ctx;
  size_t len = digest->data_len - digest->done_len;
  gpg_error_t err;

  if (len > PIECE_LEN) len = PIECE_LEN;
  if (len) gcry_md_write (digest->hash, digest->data + digest->done_len, len);
  digest->done_len += len;
  if (digest->done_len < digest->data_len) {
    eva_source_set_delay (digest->timer, 0);
    return;
  }
  err = say_digest (digest);
  digest_free (digest);
  assuan_process_done (ctx, err);
}

/* The inquiry is over.  */
static gpg_error_t
data_came (void *arg, gpg_error_t err, unsigned char *data, size_t data_len) {
  struct digest *digest = arg;
  assuan_context_t ctx = digest->ctx;

  digest->data = data;
  digest->data_len = data_len;
  if (!err) {
    digest->timer = eva_loop_add_timer (eva_get_loop (ctx), 0, hash_piece, digest);
    if (!digest->timer) err = gpg_error_from_syserror ();
  }
  if (!err) err = eva_set_cancel (ctx, cancelled, digest);
  if (!err) return eva_defer (ctx);
  digest_free (digest);
  return err;
}

gpg_error_t
cmd_digest (assuan_context_t ctx, char *line) {
  struct digest *digest = calloc (1, sizeof *digest);
  gpg_error_t err;

  (void) line;
  if (!digest) return gpg_error_from_syserror ();
  digest->ctx = ctx;
  err = gcry_md_open (&digest->hash, GCRY_MD_SHA256, 0);
  if (!err) err = assuan_inquire_ext (ctx, "DATA", MAX_LEN, data_came, digest);
  if (err) digest_free (digest);
  return err;
}
