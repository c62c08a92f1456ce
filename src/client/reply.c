/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reply.c - replies that are collected, for calls that want all of one at once.

   They may be secrets: what is outgrown is wiped, and all of it when the call was told.  */

#include "client/reply.h"

#include "assuan/error.h"
#include "assuan/memory.h"

#include <string.h>

static gpg_error_t
add (struct eva_pending_call *call, struct eva__membuf *mb, const void *octets, size_t len) {
  assuan_context_t ctx = eva__client_context (call->client);
  size_t max_len = call->cb.max_reply_len ? call->cb.max_reply_len : EVA_DEFAULT_MAX_REPLY_LEN;

  if (len > max_len - call->reply.data.len - call->reply.status.len)
    return eva__ctx_error (ctx, GPG_ERR_TOO_LARGE);
  return eva__membuf_add (ctx, mb, octets, len);
}

gpg_error_t
eva__reply_add_data (struct eva_pending_call *call, const void *buf, size_t len) {
  return add (call, &call->reply.data, buf, len);
}

gpg_error_t
eva__reply_add_status (struct eva_pending_call *call, const char *text) {
  gpg_error_t err = add (call, &call->reply.status, text, strlen (text) + 1);

  if (!err) call->reply.n_status++;
  return err;
}

/* Returns the status lines of REPLY, memory of CTX, or NULL if there is none.  */
static const char **
list_status (assuan_context_t ctx, const struct eva__reply *reply) {
  const char *text = (const char *) reply->status.data;
  const char **lines = eva__ctx_malloc (ctx, reply->n_status * sizeof *lines);

  if (!lines) return NULL;
  for (size_t i = 0; i < reply->n_status; i++) {
    lines[i] = text;
    text += strlen (text) + 1;
  }
  return lines;
}

/* The buffer of the data has room for a NUL, always.  */
void
eva__reply_tell (assuan_context_t ctx, const struct eva__reply *reply,
                 const struct eva_callbacks *cb, void *arg, struct eva__reply_end end) {
  struct eva_reply told = { .data = "", .text = end.text };
  const char **lines = reply->n_status ? list_status (ctx, reply) : NULL;

  if (reply->data.data) {
    reply->data.data[reply->data.len] = 0;
    told.data = (const char *) reply->data.data;
    told.data_len = reply->data.len;
  }
  if (lines) {
    told.status = lines;
    told.n_status = reply->n_status;
  } else if (reply->n_status && !end.err) {
    end.err = eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  }
  cb->replied (arg, end.err, &told);
  eva__ctx_free (ctx, lines);
}

void
eva__reply_free (assuan_context_t ctx, struct eva__reply *reply) {
  eva__membuf_free (ctx, &reply->data);
  eva__membuf_free (ctx, &reply->status);
}
