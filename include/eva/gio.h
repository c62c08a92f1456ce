/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva/gio.h - calls as the asynchronous functions of GIO: GTask, GCancellable, GError.  Link with
   GIO (pkg-config gio-2.0).

       loop = eva_loop_from_glib (NULL);                             eva/glib.h
       err = eva_connect (loop, "unix:/path", NULL, &ctx);
       eva_call_async (ctx, "GETINFO version", cancellable, came, user_data);

       static void
       came (GObject *none, GAsyncResult *result, gpointer user_data) {
         GError *error = NULL;
         eva_gio_reply *reply = eva_call_finish (result, &error);
         ...
         eva_gio_reply_free (reply);
       }

   eva_connect has no such form, because it waits for nothing: calls can be made at once.  If the
   connection fails, they end with its error.  A call of NOP ends when the server is in service.

   Where callbacks run

   The functions of this header work in the thread-default GMainContext, which is the one that
   g_main_context_push_thread_default has pushed, or else the default GMainContext.  The eva_loop of
   the context has to live in the same one.  The GAsyncReadyCallback runs out of that GMainContext,
   with the priority of its GTask, and never within a function of eva.h or of this header.  So it
   may do everything, and in particular release the context and run the GMainContext.

   Cancelling

   g_cancellable_cancel, from any thread, gives the call up like eva_call_cancel: a command that was
   not sent is never sent, and the connection stays usable.  The call then ends with
   G_IO_ERROR_CANCELLED, as in all of GIO, even if its reply came at the same time.  If the context
   is released, or the connection closed by eva_close, the call ends with GPG_ERR_CANCELED of
   EVA_ERROR.

   The functions of this header are inline, and live in no library.  */

#ifndef EVA_GIO_H
#define EVA_GIO_H

#include <eva.h>
#include <gio/gio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The domain of errors that are gpg_error_t.  The code of the GError is the gpg_err_code_t, so that
   g_error_matches (error, EVA_ERROR, GPG_ERR_NO_SECKEY) works whatever the source.  The message is
   what the server said behind the code of its ERR, which usually names the source (`No secret key
   <GPG Agent>`), or what gpg_strerror says.  It is UTF-8; of a server's text that is not, the
   octets that are not ASCII stand as \ooo.  */
#define EVA_ERROR (eva_error_quark ())

/* All of a reply, as struct eva_reply of eva.h tells it, in memory of its own.  */
typedef struct eva_reply eva_gio_reply;

/* A reply and all that it points to is one block of this many octets.  */
struct eva_gio_block {
  eva_gio_reply reply;
  size_t size;
};

/* A call under way, and then what became of it.  */
struct eva_gio_call {
  GTask *task;
  GSource *cancel; /* NULL: nothing cancels it */
  struct eva_pending_call *call;
  GError *error;
  eva_gio_reply *reply;
  gpg_error_t (*comment) (void *arg, const char *text);
  gpg_error_t (*inquire) (void *arg, struct eva_pending_call *call, const char *text);
  void *arg; /* of both */
};

static inline GQuark
eva_error_quark (void) {
  return g_quark_from_static_string ("eva-error-quark");
}

/* Makes a GError of EVA_ERROR from ERR, which is not 0, and from what a server said of it, or NULL.
   The caller owns it.  From everywhere.  */
static inline GError *
eva_gio_error_new (gpg_error_t err, const char *text) {
  const char *message = text ? text : gpg_strerror (err);
  gchar *ascii = g_utf8_validate (message, -1, NULL) ? NULL : g_strescape (message, NULL);
  GError *error =
      g_error_new_literal (EVA_ERROR, (gint) gpg_err_code (err), ascii ? ascii : message);

  g_free (ascii);
  return error;
}

/* Wipes REPLY, of eva_call_finish, and frees it.  NULL is allowed.  There is also g_autoptr
   (eva_gio_reply).  From everywhere.  */
static inline void
eva_gio_reply_free (eva_gio_reply *reply) {
  struct eva_gio_block *block = (struct eva_gio_block *) (void *) reply;
  volatile char *octets = (volatile char *) block;
  size_t size = block ? block->size : 0;

  for (size_t i = 0; i < size; i++)
    octets[i] = 0;
  g_free (block);
}

#ifdef G_DEFINE_AUTOPTR_CLEANUP_FUNC
G_DEFINE_AUTOPTR_CLEANUP_FUNC (eva_gio_reply, eva_gio_reply_free)
#endif

/* Copies LEN octets and a NUL to *P, and moves *P behind them.  Returns the copy.  */
static inline const char *
eva_gio_put (char **p, const char *octets, size_t len) {
  char *to = *p;

  memcpy (to, octets, len);
  to[len] = 0;
  *p += len + 1;
  return to;
}

static inline eva_gio_reply *
eva_gio_reply_copy (const struct eva_reply *from) {
  size_t size =
      sizeof (struct eva_gio_block) + from->n_status * sizeof (char *) + from->data_len + 1;
  struct eva_gio_block *block;
  const char **status;
  char *p;

  for (size_t i = 0; i < from->n_status; i++)
    size += strlen (from->status[i]) + 1;
  if (from->text) size += strlen (from->text) + 1;
  block = (struct eva_gio_block *) g_malloc0 (size);
  block->size = size;
  status = (const char **) (void *) (block + 1);
  p = (char *) (status + from->n_status);
  block->reply.data = eva_gio_put (&p, from->data, from->data_len);
  block->reply.data_len = from->data_len;
  block->reply.status = status;
  block->reply.n_status = from->n_status;
  for (size_t i = 0; i < from->n_status; i++)
    status[i] = eva_gio_put (&p, from->status[i], strlen (from->status[i]));
  if (from->text) block->reply.text = eva_gio_put (&p, from->text, strlen (from->text));
  return &block->reply;
}

static inline void
eva_gio_call_free (gpointer arg) {
  struct eva_gio_call *self = (struct eva_gio_call *) arg;

  if (self->cancel) {
    g_source_destroy (self->cancel);
    g_source_unref (self->cancel);
  }
  g_clear_error (&self->error);
  eva_gio_reply_free (self->reply);
  g_object_unref (self->task);
  g_free (self);
}

static inline void
eva_gio_free_reply_of_task (gpointer reply) {
  eva_gio_reply_free ((eva_gio_reply *) reply);
}

static inline gboolean
eva_gio_return (gpointer arg) {
  struct eva_gio_call *self = (struct eva_gio_call *) arg;
  eva_gio_reply *reply = self->reply;
  GError *error = self->error;

  self->reply = NULL;
  self->error = NULL;
  if (error)
    g_task_return_error (self->task, error);
  else
    g_task_return_pointer (self->task, reply, eva_gio_free_reply_of_task);
  return G_SOURCE_REMOVE;
}

/* Lets SOURCE call CALLBACK with SELF out of the GMainContext of its task.  */
static inline void
eva_gio_attach (struct eva_gio_call *self, GSource *source, GSourceFunc callback,
                GDestroyNotify notify) {
  g_source_set_callback (source, callback, self, notify);
  g_source_set_priority (source, g_task_get_priority (self->task));
  g_source_attach (source, g_task_get_context (self->task));
}

/* Ends the task of SELF with what SELF has, out of the GMainContext.  GTask itself would call back
   at once if an earlier turn had made the task.  */
static inline void
eva_gio_end (struct eva_gio_call *self) {
  GSource *source = g_idle_source_new ();

  self->call = NULL;
  if (self->cancel) g_source_destroy (self->cancel);
  eva_gio_attach (self, source, eva_gio_return, eva_gio_call_free);
  g_source_unref (source);
}

/* The reply goes with this callback, which may run within eva_close and assuan_release: the program
   gets a copy of it after that.  */
static inline void
eva_gio_replied (void *arg, gpg_error_t err, const struct eva_reply *reply) {
  struct eva_gio_call *self = (struct eva_gio_call *) arg;

  if (err)
    self->error = eva_gio_error_new (err, reply->text);
  else
    self->reply = eva_gio_reply_copy (reply);
  eva_gio_end (self);
}

static inline gboolean
eva_gio_cancelled (GCancellable *cancellable, gpointer arg) {
  (void) cancellable;
  eva_call_cancel (((struct eva_gio_call *) arg)->call);
  return G_SOURCE_REMOVE;
}

static inline gpg_error_t
eva_gio_comment (void *arg, const char *text) {
  struct eva_gio_call *self = (struct eva_gio_call *) arg;

  return self->comment (self->arg, text);
}

static inline gpg_error_t
eva_gio_inquire (void *arg, struct eva_pending_call *call, const char *text) {
  struct eva_gio_call *self = (struct eva_gio_call *) arg;

  return self->inquire (self->arg, call, text);
}

/* A cancellable may be cancelled in another thread, while the call belongs to this one: so a source
   of the GMainContext hears of it.  */
static inline void
eva_gio_watch_cancellable (struct eva_gio_call *self) {
  GCancellable *cancellable = g_task_get_cancellable (self->task);

  if (!cancellable) return;
  self->cancel = g_cancellable_source_new (cancellable);
  eva_gio_attach (self, self->cancel, (GSourceFunc) (void (*) (void)) eva_gio_cancelled, NULL);
}

/* Sends COMMAND on CTX as eva_call does, and lets the end of the call be the end of TASK, for
   functions of the program that have a GTask of their own.

   CALLBACKS, which may be NULL, is copied.  Of its members count inquire, comment, which get ARG,
   max_reply_len, the timeouts, the flags and the descriptor; data, status, done and replied are
   NULL.  Without inquire the call refuses inquiries and ends with GPG_ERR_ASS_NO_INQUIRE_CB.

   TASK stays the caller's, which may unref it at once.  It ends with a reply for eva_call_finish,
   or with an error, and never within this function: errors of eva_call, too, come so.  From
   everywhere.  */
static inline void
eva_call_task (assuan_context_t ctx, const char *command, const struct eva_callbacks *callbacks,
               void *arg, GTask *task) {
  struct eva_gio_call *self = g_new0 (struct eva_gio_call, 1);
  struct eva_callbacks cb;
  gpg_error_t err;

  self->task = G_TASK (g_object_ref (task));
  if (g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &self->error)) {
    eva_gio_end (self);
    return;
  }
  memset (&cb, 0, sizeof cb);
  if (callbacks) cb = *callbacks;
  self->comment = cb.comment;
  self->inquire = cb.inquire;
  self->arg = arg;
  if (cb.comment) cb.comment = eva_gio_comment;
  if (cb.inquire) cb.inquire = eva_gio_inquire;
  err = cb.replied ? gpg_err_make (GPG_ERR_SOURCE_ASSUAN, GPG_ERR_ASS_INV_VALUE) : 0;
  cb.replied = eva_gio_replied;
  if (!err) err = eva_call (ctx, command, &cb, self, &self->call);
  if (!err) {
    eva_gio_watch_cancellable (self);
    return;
  }
  self->error = eva_gio_error_new (err, NULL);
  eva_gio_end (self);
}

/* Sends COMMAND on CTX, a context of eva_connect or a client that is attached, when the calls
   before it are answered.  CALLBACK runs once with a NULL object, the result, and USER_DATA, when
   all of the reply came, or when it is known that it does not come; eva_call_finish then says
   which.  It runs in every case, also if CTX is released before.  CANCELLABLE may be NULL, and is
   kept by reference.  Inquiries are refused: eva_call_task answers them.  From everywhere.  */
static inline void
eva_call_async (assuan_context_t ctx, const char *command, GCancellable *cancellable,
                GAsyncReadyCallback callback, gpointer user_data) {
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  eva_call_task (ctx, command, NULL, NULL, task);
  g_object_unref (task);
}

/* Returns the reply of the call that RESULT is of, which the caller frees with eva_gio_reply_free,
   or NULL with an error at ERROR, unless that is NULL: of EVA_ERROR, or G_IO_ERROR_CANCELLED.  What
   came of the reply of a call that failed is dropped.  Once for each result; the context does not
   have to be there any more.  */
static inline eva_gio_reply *
eva_call_finish (GAsyncResult *result, GError **error) {
  return (eva_gio_reply *) g_task_propagate_pointer (G_TASK (result), error);
}

#ifdef __cplusplus
}
#endif

#endif /* EVA_GIO_H */
