/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva.hpp - servers and clients of eva.h in C++11 and later: objects that free themselves, and
   std::function for callbacks.

       eva::loop loop;                                   or an adapter's: loop (eva_loop_from_qt ())
       eva::client client (loop, "unix:/path");
       client.call ("GETINFO version", [&] (gpg_error_t err, const eva_reply &reply) { ... });
       loop.run ();

       struct my_session : eva::session {                one of these for each connection
         using eva::session::session;
         gpg_error_t echo (char *line) { send (line); return 0; }
       };
       eva::service<my_session> service;
       service.command ("ECHO", &my_session::echo, "ECHO text");
       service.command ("PASSWD", &my_session::passwd, "", EVA_COMMAND_SECRET);
       eva::server server (loop, service);
       server.listen ("unix:/path");
       loop.run ();

   What the functions of eva.h and eva-loop.h promise holds here, too.  get () gives the thing of C
   that an object owns, for all functions that have no counterpart here: those of assuan.h, and what
   eva.h has for contexts outside of a loop.  eva-words.h takes strings as they are.

   Errors and exceptions

   Constructors, and functions that return nothing or a value, throw eva::error.  Callbacks hear of
   errors as gpg_error_t.  No exception passes through the library, which is written in C:

   * A callback that returns gpg_error_t may throw.  To throw an eva::error is the same as to return
     its value; in a server the client also gets its text, if it has one.  std::bad_alloc stands for
     GPG_ERR_ENOMEM.  Any other exception stands for GPG_ERR_GENERAL, and the peer hears nothing of
     what it says.
   * If a callback that returns void throws, the function of loop::on_exception gets the exception.
     Without such a function loop::run or loop::dispatch throws it, the first one of several.  An
     adapter's loop has neither of these two, so there the program ends by std::terminate.

   Lifetimes

   A loop outlives what is made in it.  A callback may destroy the object that it belongs to, and
   every other one but the loop.  Everything belongs to the thread of the loop.  */

#ifndef EVA_HPP
#define EVA_HPP

#include <eva.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace eva {

/* --- Errors ----------------------------------------------------------------------------------- */

/* A gpg_error_t that is thrown.  what () has TEXT and what gpg_strerror says.  */
class error : public std::runtime_error {
public:
  explicit error (gpg_error_t err) : error (as_it_is (), err, gpg_strerror (err)) {
  }

  error (gpg_error_t err, const std::string &text)
      : std::runtime_error (text + ": " + gpg_strerror (err)), err_ (err), text_ (text) {
  }

  /* The error with its source, and without.  */
  gpg_error_t value () const noexcept {
    return err_;
  }

  gpg_err_code_t code () const noexcept {
    return gpg_err_code (err_);
  }

  /* What the constructor was given, or "".  */
  const std::string &text () const noexcept {
    return text_;
  }

protected:
  struct as_it_is {};

  error (as_it_is, gpg_error_t err, const std::string &what)
      : std::runtime_error (what), err_ (err) {
  }

private:
  gpg_error_t err_;
  std::string text_;
};

/* What client and server::listen throw: what () has the sentence of eva_loop_get_failure, and
   text () is "", because paths of this host are no affair of a peer.  */
class failure : public error {
public:
  failure (gpg_error_t err, const char *sentence)
      : error (as_it_is (), err, sentence ? sentence : gpg_strerror (err)) {
  }
};

/* As eva_is_orderly: nothing has gone wrong with a connection that ended with ERR.  */
inline bool
is_orderly (gpg_error_t err) noexcept {
  return eva_is_orderly (err);
}

namespace detail {

/* Throws ERR unless it is 0.  */
inline void
check (gpg_error_t err) {
  if (err) throw error (err);
}

/* The same for a function that may leave a sentence in HOME.  */
inline void
check (gpg_error_t err, eva_loop *home) {
  if (err) throw failure (err, eva_loop_get_failure (home));
}

inline gpg_error_t
make_error (gpg_err_code_t code) {
  return gpg_err_make (GPG_ERR_SOURCE_ASSUAN, code);
}

inline void
throw_errno () {
  throw error (make_error (gpg_err_code_from_errno (errno)));
}

/* The rest of a string behind a NUL would be lost.  */
inline const char *
c_string (const std::string &text) {
  if (text.find ('\0') != std::string::npos) throw error (make_error (GPG_ERR_ASS_INV_VALUE));
  return text.c_str ();
}

/* Returns what F returns or throws.  CTX, which may be NULL, is a server that tells the text.  */
template <typename F>
gpg_error_t
guard (assuan_context_t ctx, F f) noexcept {
  try {
    return f ();
  } catch (const error &e) {
    if (ctx && !e.text ().empty ()) return assuan_set_error (ctx, e.value (), e.text ().c_str ());
    return e.value ();
  } catch (const std::bad_alloc &) {
    return make_error (GPG_ERR_ENOMEM);
  } catch (...) {
    return make_error (GPG_ERR_GENERAL);
  }
}

/* Overwrites LEN octets at BUF, which are freed next: a compiler would leave out a memset.  */
inline void
wipe (void *buf, size_t len) noexcept {
  volatile char *octets = static_cast<volatile char *> (buf);

  while (len--)
    *octets++ = 0;
}

struct source_free {
  void operator() (eva_source *source) const noexcept {
    eva_source_free (source);
  }
};

struct server_free {
  void operator() (eva_server *server) const noexcept {
    eva_server_free (server);
  }
};

struct context_free {
  void operator() (assuan_context_t ctx) const noexcept {
    assuan_release (ctx);
  }
};

} // namespace detail

/* --- Loops ------------------------------------------------------------------------------------ */

/* An event loop.  It is neither copied nor moved: what lives in it knows where it is.  */
class loop {
public:
  /* The embedded one, as eva_loop_new.  */
  loop () : loop (eva_loop_new ()) {
    is_embedded_ = true;
  }

  /* MADE, of an adapter such as eva_loop_from_uv, which becomes this object's.  If it is NULL, this
     throws what errno says.  */
  explicit loop (eva_loop *made) : loop_ (made) {
    if (!made) detail::throw_errno ();
  }

  ~loop () {
    eva_loop_free (loop_);
  }

  loop (const loop &) = delete;
  loop &operator= (const loop &) = delete;

  eva_loop *get () const noexcept {
    return loop_;
  }

  /* As eva_loop_run, eva_loop_dispatch and eva_loop_stop: for the embedded loop.  */
  void run () {
    rethrow ();
    const bool was_running = is_running_; /* then a callback calls this, and the loop refuses */
    is_running_ = true;
    int rc = eva_loop_run (loop_);
    is_running_ = was_running;
    rethrow ();
    if (rc) detail::throw_errno ();
  }

  void dispatch (int timeout_ms) {
    rethrow ();
    int rc = eva_loop_dispatch (loop_, timeout_ms);
    rethrow ();
    if (rc) detail::throw_errno ();
  }

  void stop () noexcept {
    eva_loop_stop (loop_);
  }

  /* As eva_loop_get_fd.  */
  int fd () const {
    int fd = eva_loop_get_fd (loop_);
    if (fd < 0) detail::throw_errno ();
    return fd;
  }

  /* As eva_loop_now, and as eva_loop_get_failure, which may be NULL.  */
  uint64_t now () const noexcept {
    return eva_loop_now (loop_);
  }

  const char *failure () const noexcept {
    return eva_loop_get_failure (loop_);
  }

  /* Lets F have the exceptions of callbacks that return void, in place of run and dispatch.  F
     throws none itself.  */
  void on_exception (std::function<void (std::exception_ptr)> f) {
    on_exception_ = std::move (f);
  }

  /* Calls F, a callback that returns void.  For callbacks of C that a program writes itself.  */
  template <typename F> void guard (F f) noexcept {
    try {
      f ();
    } catch (...) {
      caught (std::current_exception ());
    }
  }

private:
  void caught (std::exception_ptr exception) noexcept {
    if (on_exception_) {
      on_exception_ (exception);
      return;
    }
    if (!is_embedded_) std::terminate ();
    if (!exception_) exception_ = exception;
    if (is_running_) eva_loop_stop (loop_);
  }

  void rethrow () {
    std::exception_ptr exception = exception_;

    exception_ = nullptr;
    if (exception) std::rethrow_exception (exception);
  }

  eva_loop *loop_;
  bool is_embedded_ = false, is_running_ = false;
  std::exception_ptr exception_;
  std::function<void (std::exception_ptr)> on_exception_;
};

/* A timer, as eva_loop_add_timer.  It runs F once, and once more after each set.  */
class timer {
public:
  timer (loop &in, unsigned int delay_ms, std::function<void ()> f)
      : state_ (std::make_shared<state> (in, std::move (f))),
        source_ (eva_loop_add_timer (in.get (), delay_ms, rang, state_.get ())) {
    if (!source_) detail::throw_errno ();
  }

  /* As eva_source_set_delay.  */
  void set (unsigned int delay_ms) noexcept {
    eva_source_set_delay (source_.get (), delay_ms);
  }

private:
  struct state : std::enable_shared_from_this<state> {
    state (loop &in, std::function<void ()> f) : home (in), function (std::move (f)) {
    }
    loop &home;
    std::function<void ()> function;
  };

  static void rang (void *arg) noexcept {
    std::shared_ptr<state> self = static_cast<state *> (arg)->shared_from_this ();

    self->home.guard ([&] { self->function (); });
  }

  std::shared_ptr<state> state_;
  std::unique_ptr<eva_source, detail::source_free> source_;
};

/* A descriptor that is watched, as eva_loop_add_fd.  It runs F with what the descriptor is ready
   for, as long as it is.  The descriptor stays the program's.  */
class watch {
public:
  watch (loop &in, int fd, unsigned int events, std::function<void (unsigned int revents)> f)
      : state_ (std::make_shared<state> (in, std::move (f))),
        source_ (eva_loop_add_fd (in.get (), fd, events, ready, state_.get ())) {
    if (!source_) detail::throw_errno ();
  }

  /* As eva_source_set_events.  */
  void set (unsigned int events) {
    if (eva_source_set_events (source_.get (), events)) detail::throw_errno ();
  }

private:
  struct state : std::enable_shared_from_this<state> {
    state (loop &in, std::function<void (unsigned int)> f) : home (in), function (std::move (f)) {
    }
    loop &home;
    std::function<void (unsigned int)> function;
  };

  static void ready (void *arg, unsigned int revents) noexcept {
    std::shared_ptr<state> self = static_cast<state *> (arg)->shared_from_this ();

    self->home.guard ([&] { self->function (revents); });
  }

  std::shared_ptr<state> state_;
  std::unique_ptr<eva_source, detail::source_free> source_;
};

/* --- Clients ---------------------------------------------------------------------------------- */

class pending_call;

/* What a program wants to hear of a call, as struct eva_callbacks of eva.h says.  All members may
   be left as they are.  Errors of eva_call come to done or replied, like all others.  */
struct callbacks {
  std::function<gpg_error_t (const char *buf, size_t len)> data; /* a bare END is (NULL, 0) */
  std::function<gpg_error_t (const char *text)> status;
  std::function<gpg_error_t (const char *text)> comment;
  std::function<gpg_error_t (pending_call call, const char *text)> inquire;
  std::function<void (gpg_error_t err, const char *text)> done;

  /* In place of data, status and done.  */
  std::function<void (gpg_error_t err, const eva_reply &reply)> replied;

  size_t max_reply_len = 0;
  unsigned int timeout_ms = 0;
  unsigned int reply_timeout_ms = 0;
  unsigned int flags = 0;
  int fd = -1; /* a descriptor to pass */
};

namespace detail {

/* A call under way keeps itself until done.  A callback may end it, so each of them keeps it.  */
struct call_state {
  call_state (loop &in, callbacks &&what) : home (in), cb (std::move (what)) {
  }

  loop &home;
  callbacks cb;
  eva_pending_call *call = nullptr; /* until done */
  std::shared_ptr<call_state> self;
};

} // namespace detail

/* A call under way, or one that has ended.  It may be copied and kept, and does not keep the
   call.  */
class pending_call {
public:
  pending_call () = default;

  explicit pending_call (const std::shared_ptr<detail::call_state> &state) : state_ (state) {
  }

  /* As eva_call_cancel: done has run when this returns.  Does nothing once the call has ended.  */
  void cancel () noexcept {
    eva_call_cancel (get ());
  }

  /* NULL once the call has ended.  */
  eva_pending_call *get () const noexcept {
    std::shared_ptr<detail::call_state> state = state_.lock ();

    return state ? state->call : nullptr;
  }

  /* As eva_answer_data, eva_answer_end and eva_answer_cancel.  They throw GPG_ERR_ASS_GENERAL once
     the call has ended.  */
  void answer (const void *buf, size_t len) {
    detail::check (eva_answer_data (open (), buf, len));
  }

  void answer (const std::string &data) {
    answer (data.data (), data.size ());
  }

  void end () {
    detail::check (eva_answer_end (open ()));
  }

  void refuse () {
    detail::check (eva_answer_cancel (open ()));
  }

private:
  eva_pending_call *open () const {
    eva_pending_call *call = get ();

    if (!call) throw error (detail::make_error (GPG_ERR_ASS_GENERAL));
    return call;
  }

  std::weak_ptr<detail::call_state> state_;
};

/* A call that is given up when this object goes away.  */
class scoped_call {
public:
  scoped_call () = default;

  scoped_call (pending_call call) : call_ (std::move (call)) {
  }

  scoped_call (scoped_call &&from) noexcept : call_ (std::move (from.call_)) {
    from.call_ = pending_call ();
  }

  scoped_call &operator= (scoped_call &&from) noexcept {
    std::swap (call_, from.call_);
    return *this;
  }

  ~scoped_call () {
    call_.cancel ();
  }

  pending_call &operator* () noexcept {
    return call_;
  }

  pending_call *operator->() noexcept {
    return &call_;
  }

private:
  pending_call call_;
};

namespace detail {

/* The functions of C that run the callbacks of a call.  */
struct call_hooks {
  static std::shared_ptr<call_state> state_of (void *arg) {
    return static_cast<call_state *> (arg)->self;
  }

  static gpg_error_t data (void *arg, const void *buf, size_t len) noexcept {
    std::shared_ptr<call_state> state = state_of (arg);

    return guard (nullptr, [&] { return state->cb.data (static_cast<const char *> (buf), len); });
  }

  static gpg_error_t status (void *arg, const char *text) noexcept {
    std::shared_ptr<call_state> state = state_of (arg);

    return guard (nullptr, [&] { return state->cb.status (text); });
  }

  static gpg_error_t comment (void *arg, const char *text) noexcept {
    std::shared_ptr<call_state> state = state_of (arg);

    return guard (nullptr, [&] { return state->cb.comment (text); });
  }

  static gpg_error_t inquire (void *arg, eva_pending_call *, const char *text) noexcept {
    std::shared_ptr<call_state> state = state_of (arg);

    return guard (nullptr, [&] { return state->cb.inquire (pending_call (state), text); });
  }

  static std::shared_ptr<call_state> end (void *arg) noexcept {
    std::shared_ptr<call_state> state;

    state.swap (static_cast<call_state *> (arg)->self);
    state->call = nullptr;
    return state;
  }

  static void done (void *arg, gpg_error_t err, const char *text) noexcept {
    std::shared_ptr<call_state> state = end (arg);

    if (state->cb.done) state->home.guard ([&] { state->cb.done (err, text); });
  }

  static void replied (void *arg, gpg_error_t err, const eva_reply *reply) noexcept {
    std::shared_ptr<call_state> state = end (arg);

    state->home.guard ([&] { state->cb.replied (err, *reply); });
  }

  static eva_callbacks of (const callbacks &cb) {
    eva_callbacks to;

    std::memset (&to, 0, sizeof to);
    if (cb.data) to.data = data;
    if (cb.status) to.status = status;
    if (cb.comment) to.comment = comment;
    if (cb.inquire) to.inquire = inquire;
    if (cb.done || !cb.replied) to.done = done;
    if (cb.replied) to.replied = replied;
    to.max_reply_len = cb.max_reply_len;
    to.timeout_ms = cb.timeout_ms;
    to.reply_timeout_ms = cb.reply_timeout_ms;
    to.flags = cb.flags | EVA_CALL_LATE_ERRORS;
    to.has_fd = cb.fd >= 0;
    to.fd = cb.fd;
    return to;
  }
};

} // namespace detail

/* A client.  When it goes away, its calls end with GPG_ERR_CANCELED.  */
class client {
public:
  /* As eva_connect.  CONFIG, which may be NULL, is copied.  All its functions are NULL, because the
     argument that they would get is this object's.  on_ready and on_closed are in place of two of
     them, and ON_STDERR, if it is set, in place of on_stderr.  */
  client (loop &in, const std::string &address, const eva_connect_config *config = nullptr,
          std::function<void (const char *line)> on_stderr = nullptr)
      : state_ (std::make_shared<state> (in)) {
    eva_connect_config ours;
    assuan_context_t ctx;

    std::memset (&ours, 0, sizeof ours);
    if (config) ours = *config;
    if (ours.ready || ours.closed || ours.on_stderr)
      throw error (detail::make_error (GPG_ERR_ASS_INV_VALUE));
    ours.ready = ready;
    ours.closed = closed;
    state_->wrote = std::move (on_stderr);
    if (state_->wrote) ours.on_stderr = wrote;
    ours.arg = state_.get ();
    detail::check (eva_connect (in.get (), detail::c_string (address), &ours, &ctx), in.get ());
    ctx_.reset (ctx);
  }

  /* As eva_attach: CTX, a client that the program has connected with assuan.h, becomes this
     object's.  on_ready does not run, and call throws all errors of eva_call.  If this throws, CTX
     stays the program's.  */
  client (loop &in, assuan_context_t ctx) : state_ (std::make_shared<state> (in)) {
    detail::check (eva_attach (ctx, in.get (), closed, state_.get ()));
    ctx_.reset (ctx);
  }

  client (client &&) = default;

  /* The client that was here goes away.  */
  client &operator= (client &&from) noexcept {
    ctx_ = std::move (from.ctx_);
    state_ = std::move (from.state_);
    return *this;
  }

  assuan_context_t get () const noexcept {
    return ctx_.get ();
  }

  /* What runs once when the server has greeted, and once when the connection is over, as ready and
     closed of struct eva_connect_config.  Both come out of the loop, so they may be set after the
     constructor.  */
  void on_ready (std::function<void ()> f) {
    state_->ready = std::move (f);
  }

  void on_closed (std::function<void (gpg_error_t err)> f) {
    state_->closed = std::move (f);
  }

  /* As eva_get_greeting, which on_ready alone can ask for, and eva_get_reason: "" if there is
     none.  */
  std::string greeting () const {
    const char *text = eva_get_greeting (get ());

    return text ? text : "";
  }

  std::string reason () const {
    const char *text = eva_get_reason (get ());

    return text ? text : "";
  }

  /* As eva_call.  Throws std::bad_alloc, GPG_ERR_ENOMEM, or, if COMMAND has a NUL,
     GPG_ERR_ASS_INV_VALUE; all other errors come to done or replied.  */
  pending_call call (const std::string &command, callbacks what) {
    const char *line = detail::c_string (command);
    std::shared_ptr<detail::call_state> call = new_call (std::move (what));
    const eva_callbacks cb = detail::call_hooks::of (call->cb);

    return begun (call, eva_call (get (), line, &cb, call.get (), &call->call));
  }

  /* The same for a call whose reply comes at once.  */
  pending_call call (const std::string &command,
                     std::function<void (gpg_error_t err, const eva_reply &reply)> replied) {
    callbacks what;

    what.replied = std::move (replied);
    return call (command, std::move (what));
  }

  /* As eva_callf: puts the command together, escapes what `%s` and `%-s` stand for, and wipes the
     line when it was sent.  The arguments are C's, a string's c_str () for instance.  */
  GPGRT_ATTR_PRINTF (3, 4)
  pending_call callf (callbacks what, const char *format, ...) {
    std::shared_ptr<detail::call_state> call = new_call (std::move (what));
    gpg_error_t err;
    va_list ap;

    va_start (ap, format);
    err = send (*call, format, ap);
    va_end (ap);
    return begun (call, err);
  }

  GPGRT_ATTR_PRINTF (3, 4)
  pending_call callf (std::function<void (gpg_error_t err, const eva_reply &reply)> replied,
                      const char *format, ...) {
    std::shared_ptr<detail::call_state> call = new_call (callbacks ());
    gpg_error_t err;
    va_list ap;

    call->cb.replied = std::move (replied);
    va_start (ap, format);
    err = send (*call, format, ap);
    va_end (ap);
    return begun (call, err);
  }

  /* As eva_set_limits, eva_get_queued_len and eva_set_writable: F runs once, and NULL takes it
     back.  */
  void set_limits (const eva_limits &limits) {
    detail::check (eva_set_limits (get (), &limits));
  }

  size_t queued_len () const noexcept {
    return eva_get_queued_len (get ());
  }

  void on_writable (std::function<void ()> f) {
    detail::check (eva_set_writable (get (), f ? writable : nullptr, state_.get ()));
    state_->writable = std::move (f);
  }

  /* As eva_close.  */
  void close () noexcept {
    eva_close (get ());
  }

private:
  struct state : std::enable_shared_from_this<state> {
    explicit state (loop &in) : home (in) {
    }
    loop &home;
    std::function<void ()> ready;
    std::function<void ()> writable;
    std::function<void (gpg_error_t)> closed;
    std::function<void (const char *)> wrote;
  };

  /* A call that keeps itself from here on.  */
  std::shared_ptr<detail::call_state> new_call (callbacks &&what) {
    std::shared_ptr<detail::call_state> call =
        std::make_shared<detail::call_state> (state_->home, std::move (what));

    call->self = call;
    return call;
  }

  GPGRT_ATTR_PRINTF (3, 0)
  gpg_error_t send (detail::call_state &call, const char *format, va_list ap) noexcept {
    const eva_callbacks cb = detail::call_hooks::of (call.cb);

    return eva_vcallf (get (), &cb, &call, &call.call, format, ap);
  }

  static pending_call begun (const std::shared_ptr<detail::call_state> &call, gpg_error_t err) {
    if (err) call->self.reset ();
    detail::check (err);
    return pending_call (call);
  }

  /* The client may go away within these.  */
  static void ready (assuan_context_t, void *arg) noexcept {
    loop &home = static_cast<state *> (arg)->home;
    std::function<void ()> f = std::move (static_cast<state *> (arg)->ready);

    if (f) home.guard (f);
  }

  static void writable (assuan_context_t, void *arg) noexcept {
    loop &home = static_cast<state *> (arg)->home;
    std::function<void ()> f = std::move (static_cast<state *> (arg)->writable);

    if (f) home.guard (f);
  }

  static void wrote (assuan_context_t, void *arg, const char *line) noexcept {
    std::shared_ptr<state> self = static_cast<state *> (arg)->shared_from_this ();

    self->home.guard ([&] { self->wrote (line); });
  }

  static void closed (assuan_context_t, void *arg, gpg_error_t err) noexcept {
    loop &home = static_cast<state *> (arg)->home;
    std::function<void (gpg_error_t)> f = std::move (static_cast<state *> (arg)->closed);

    if (f) home.guard ([&] { f (err); });
  }

  std::shared_ptr<state> state_;
  std::unique_ptr<assuan_context_s, detail::context_free> ctx_;
};

/* --- Servers ---------------------------------------------------------------------------------- */

class session;

/* A parameter of a command, or what OPTION may set, as struct eva_parameter; its texts are copied:

       eva::parameter ("--ttl", EVA_NUMBER).value ("seconds").limits (1, 3600).help ("how long")  */
class parameter {
public:
  explicit parameter (const std::string &name, eva_parameter_type type = EVA_PLAIN)
      : name_ (name), type_ (type) {
  }

  /* Of an option: what HELP calls its value.  */
  parameter &value (const std::string &name) {
    value_ = name;
    return *this;
  }

  parameter &help (const std::string &text) {
    help_ = text;
    return *this;
  }

  /* MAX 0: no limit.  */
  parameter &limits (uint64_t min, uint64_t max = 0) noexcept {
    min_ = min;
    max_ = max;
    return *this;
  }

  parameter &optional () noexcept {
    is_optional_ = true;
    return *this;
  }

  /* The same for C, with texts that are this object's.  Throws GPG_ERR_ASS_INV_VALUE if one of them
     has a NUL.  */
  eva_parameter c () const {
    eva_parameter to = eva_parameter ();

    to.name = detail::c_string (name_);
    to.type = type_;
    if (!value_.empty ()) to.value = detail::c_string (value_);
    if (!help_.empty ()) to.help = detail::c_string (help_);
    to.min = min_;
    to.max = max_;
    to.is_optional = is_optional_;
    return to;
  }

private:
  std::string name_, value_, help_;
  eva_parameter_type type_;
  uint64_t min_ = 0, max_ = 0;
  bool is_optional_ = false;
};

namespace detail {

/* Parameters, and the same for C once they are where they stay.  */
struct parameter_table {
  std::vector<parameter> parameters;
  std::vector<eva_parameter> c;

  void settle () {
    c.clear ();
    for (const parameter &p : parameters)
      c.push_back (p.c ());
  }
};

/* What a service does, apart from the type of its sessions.  */
struct service_table {
  /* What a command has besides its function.  */
  struct description {
    std::string help;
    unsigned int flags;
    parameter_table parameters;
  };

  virtual ~service_table () = default;

  std::string hello;
  std::map<std::string, description> descriptions;
  parameter_table options;
  std::vector<eva_command> commands;
  eva_service c = eva_service ();
};

/* What a server and its sessions share: sessions may outlive the server for a moment.  */
struct server_state : std::enable_shared_from_this<server_state> {
  server_state (loop &in, std::shared_ptr<service_table> what)
      : home (in), table (std::move (what)) {
  }

  loop &home;
  std::shared_ptr<service_table> table;
  std::function<void ()> drained, idled;

  /* Shared with the call under way, which may replace them.  */
  std::shared_ptr<std::function<void (const eva_server_notice &)>> observer;
  std::shared_ptr<std::function<void (const char *, bool)>> lost;
};

} // namespace detail

/* One connection of a server: the base of a program's own class, whose members are what a
   connection has.  The server makes it when it lets a client in, and destroys it when the
   connection is over.  */
class session {
public:
  /* If the constructor of the program's class throws, the server refuses the client.  */
  explicit session (assuan_context_t ctx)
      : ctx_ (ctx), server_ (state_of (ctx)->shared_from_this ()) {
  }

  virtual ~session () = default;
  session (const session &) = delete;
  session &operator= (const session &) = delete;

  assuan_context_t get () const noexcept {
    return ctx_;
  }

  loop &home () const noexcept {
    return server_->home;
  }

  /* As assuan_send_data.  */
  void send (const void *data, size_t len) {
    detail::check (assuan_send_data (ctx_, data, len));
  }

  void send (const std::string &data) {
    send (data.data (), data.size ());
  }

  /* As assuan_write_status.  */
  void status (const std::string &keyword, const std::string &text) {
    detail::check (assuan_write_status (ctx_, detail::c_string (keyword), detail::c_string (text)));
  }

  /* As eva_defer: `return defer ();`.  */
  gpg_error_t defer () noexcept {
    return eva_defer (ctx_);
  }

  /* As assuan_process_done: ends a command that was kept open.  Does nothing if none is.  */
  void finish (gpg_error_t err = 0) noexcept {
    assuan_process_done (ctx_, err);
  }

  /* As eva_set_cancel.  */
  void on_cancel (std::function<void (gpg_error_t reason)> f) {
    detail::check (eva_set_cancel (ctx_, f ? cancelled : nullptr, this));
    cancel_ = std::move (f);
  }

  /* As assuan_inquire_ext: `return inquire ("KEY", 1000, [this] (...) {...});`.  What F returns
     ends the command.  DATA is valid until F returns, and wiped then.  */
  gpg_error_t
  inquire (const std::string &keyword, size_t max_len,
           std::function<gpg_error_t (gpg_error_t err, const char *data, size_t len)> f) {
    std::unique_ptr<question> held (new question{ self_, std::move (f) });
    gpg_error_t err =
        assuan_inquire_ext (ctx_, detail::c_string (keyword), max_len, answered, held.get ());

    if (!err) held.release ();
    return err;
  }

  /* As eva_pump: `return pump (config, [this] (...) {...});`.  CONFIG, which is eva_pump_config ()
     but for what it says, has no done and no arg, in place of which F runs once when the pump ends.
     F finishes the command, or goes on with it; without F the pump finishes it.  */
  gpg_error_t pump (eva_pump_config config,
                    std::function<void (gpg_error_t err, uint64_t n_pumped)> f = nullptr) {
    std::unique_ptr<stream> held;
    gpg_error_t err;

    if (config.done || config.arg) throw error (detail::make_error (GPG_ERR_ASS_INV_VALUE));
    if (f) {
      held.reset (new stream{ self_, std::move (f) });
      config.done = pumped;
      config.arg = held.get ();
    }
    err = eva_pump (ctx_, &config);
    if (!err) held.release ();
    return err;
  }

  /* As eva_set_limits, eva_get_queued_len and eva_set_writable: F runs once, and NULL takes it
     back.  */
  void set_limits (const eva_limits &limits) {
    detail::check (eva_set_limits (ctx_, &limits));
  }

  size_t queued_len () const noexcept {
    return eva_get_queued_len (ctx_);
  }

  void on_writable (std::function<void ()> f) {
    detail::check (eva_set_writable (ctx_, f ? writable : nullptr, this));
    writable_ = std::move (f);
  }

  /* As eva_close.  */
  void close () noexcept {
    eva_close (ctx_);
  }

private:
  struct question {
    std::shared_ptr<session> asker;
    std::function<gpg_error_t (gpg_error_t, const char *, size_t)> function;
  };

  struct stream {
    std::shared_ptr<session> owner;
    std::function<void (gpg_error_t, uint64_t)> function;
  };

  static detail::server_state *state_of (assuan_context_t ctx) {
    return static_cast<detail::server_state *> (eva_get_userdata (ctx));
  }

  static void cancelled (assuan_context_t, void *arg, gpg_error_t reason) noexcept {
    std::shared_ptr<session> self = static_cast<session *> (arg)->self_;
    std::function<void (gpg_error_t)> f = std::move (self->cancel_);

    self->home ().guard ([&] { f (reason); });
  }

  static void writable (assuan_context_t, void *arg) noexcept {
    std::shared_ptr<session> self = static_cast<session *> (arg)->self_;
    std::function<void ()> f = std::move (self->writable_);

    self->home ().guard (f);
  }

  static void pumped (assuan_context_t, void *arg, gpg_error_t err, uint64_t n_pumped) noexcept {
    std::unique_ptr<stream> held (static_cast<stream *> (arg));

    held->owner->home ().guard ([&] { held->function (err, n_pumped); });
  }

  static gpg_error_t answered (void *arg, gpg_error_t err, unsigned char *buf,
                               size_t len) noexcept {
    std::unique_ptr<question> held (static_cast<question *> (arg));
    const char *data = reinterpret_cast<const char *> (buf);
    assuan_context_t ctx = held->asker->ctx_;

    err = detail::guard (ctx, [&] { return held->function (err, data, len); });
    if (buf) detail::wipe (buf, len);
    assuan_free (ctx, buf);
    return err;
  }

  template <typename> friend class service;
  friend class server;

  assuan_context_t ctx_;
  std::shared_ptr<detail::server_state> server_;
  std::shared_ptr<session> self_; /* until the connection is over */
  std::function<void (gpg_error_t)> cancel_;
  std::function<void ()> writable_;
};

/* What a server does, with a Session, derived from eva::session, for each connection.  A server
   copies it.  */
template <typename Session> class service {
public:
  /* A function of a command gets what follows the command's name.  It may be a member function of
     Session.  */
  using handler = std::function<gpg_error_t (Session &session, char *line)>;

  /* The command NAME.  HELP is what HELP prints of it; "" is nothing.  FLAGS are EVA_COMMAND_*
     bits: EVA_COMMAND_SECRET keeps all that belongs to the command out of logs, and
     EVA_COMMAND_CHECKED lets the library compare the arguments with PARAMETERS, from which HELP
     makes a synopsis.  With F NULL it is the built-in command of that name.  */
  service &command (const std::string &name, handler f, const std::string &help = "",
                    unsigned int flags = 0, std::vector<parameter> parameters = {}) {
    table_.handlers[name] = std::move (f);
    table_.descriptions[name] = { help, flags, { std::move (parameters), {} } };
    return *this;
  }

  /* What OPTION may set, as the options of eva_service; without this call anything, and on_option
     decides.  */
  service &options (std::vector<parameter> parameters) {
    table_.options.parameters = std::move (parameters);
    return *this;
  }

  /* The greeting, as it is.  */
  service &hello (const std::string &text) {
    table_.hello = text;
    return *this;
  }

  /* What OPTION sets, and what RESET does.  */
  service &
  on_option (std::function<gpg_error_t (Session &, const char *name, const char *value)> f) {
    table_.option = std::move (f);
    return *this;
  }

  service &on_reset (handler f) {
    table_.reset = std::move (f);
    return *this;
  }

  /* What runs within BYE before its answer, within CANCEL, and when INPUT or OUTPUT has named a
     descriptor, as the bye, cancel, input and output functions of eva_service.  */
  service &on_bye (handler f) {
    table_.bye = std::move (f);
    return *this;
  }

  service &on_cancel (handler f) {
    table_.cancel = std::move (f);
    return *this;
  }

  service &on_input (handler f) {
    table_.input = std::move (f);
    return *this;
  }

  service &on_output (handler f) {
    table_.output = std::move (f);
    return *this;
  }

  /* In place of all else: what gets the socket of each client that the server lets in, as the take
     function of eva_service.  If F returns or throws an error, the server refuses the client.  */
  service &on_take (std::function<gpg_error_t (int fd)> f) {
    table_.take = std::move (f);
    return *this;
  }

  /* What runs before each command, a built-in one too, with its NAME as the service has it.  If F
     returns or throws an error, the server answers with that and does not run the command.  It
     decides at once, and neither defers nor inquires.  */
  service &on_before (std::function<gpg_error_t (Session &, const char *name)> f) {
    table_.before = std::move (f);
    return *this;
  }

  /* What runs once when such a command is over, with what ended it, as the after function of
     eva_service.  */
  service &on_after (std::function<void (Session &, const char *name, gpg_error_t result)> f) {
    table_.after = std::move (f);
    return *this;
  }

  /* What runs when the connection is over, before Session is destroyed, with the reason that the
     close function of eva_service gets.  */
  service &on_close (std::function<void (Session &, gpg_error_t reason)> f) {
    table_.close = std::move (f);
    return *this;
  }

private:
  struct table : detail::service_table {
    std::map<std::string, handler> handlers;
    std::function<gpg_error_t (Session &, const char *, const char *)> option;
    handler reset, bye, cancel, input, output;
    std::function<gpg_error_t (int)> take;
    std::function<gpg_error_t (Session &, const char *)> before;
    std::function<void (Session &, const char *, gpg_error_t)> after;
    std::function<void (Session &, gpg_error_t)> close;
  };

  static session *base_of (assuan_context_t ctx) {
    return static_cast<session *> (assuan_get_pointer (ctx));
  }

  static gpg_error_t was_opened (assuan_context_t ctx) noexcept {
    return detail::guard (ctx, [&] () -> gpg_error_t {
      std::shared_ptr<session> made = std::make_shared<Session> (ctx);

      made->self_ = made;
      assuan_set_pointer (ctx, made.get ());
      return 0;
    });
  }

  static void was_closed (assuan_context_t ctx, gpg_error_t reason) noexcept {
    std::shared_ptr<session> base = std::move (base_of (ctx)->self_);
    std::shared_ptr<detail::server_state> state = base->server_;
    table &t = static_cast<table &> (*state->table);

    assuan_set_pointer (ctx, nullptr); /* server::each may still come here */
    if (t.close) state->home.guard ([&] { t.close (static_cast<Session &> (*base), reason); });
  }

  /* Calls F with the session and the table, which stay until it returns.  */
  template <typename F> static gpg_error_t with (assuan_context_t ctx, F f) noexcept {
    std::shared_ptr<session> base = base_of (ctx)->self_;
    std::shared_ptr<detail::server_state> state = base->server_;

    return detail::guard (ctx, [&] {
      return f (static_cast<Session &> (*base), static_cast<table &> (*state->table));
    });
  }

  static gpg_error_t came (assuan_context_t ctx, char *line) noexcept {
    base_of (ctx)->cancel_ = nullptr; /* of the command before */
    return with (ctx, [&] (Session &s, table &t) {
      return t.handlers.at (assuan_get_command_name (ctx)) (s, line);
    });
  }

  static gpg_error_t option_came (assuan_context_t ctx, const char *name,
                                  const char *value) noexcept {
    return with (ctx, [&] (Session &s, table &t) { return t.option (s, name, value); });
  }

  /* Runs the function F of the table.  */
  template <handler table::*F>
  static gpg_error_t notified (assuan_context_t ctx, char *line) noexcept {
    return with (ctx, [&] (Session &s, table &t) { return (t.*F) (s, line); });
  }

  static gpg_error_t taken (void *userdata, int fd) noexcept {
    std::shared_ptr<detail::server_state> state =
        static_cast<detail::server_state *> (userdata)->shared_from_this ();

    return detail::guard (nullptr, [&] { return static_cast<table &> (*state->table).take (fd); });
  }

  static gpg_error_t begins (assuan_context_t ctx, const char *name) noexcept {
    return with (ctx, [&] (Session &s, table &t) { return t.before (s, name); });
  }

  static void ended (assuan_context_t ctx, const char *name, gpg_error_t result) noexcept {
    std::shared_ptr<session> base = base_of (ctx)->self_;
    std::shared_ptr<detail::server_state> state = base->server_;
    table &t = static_cast<table &> (*state->table);

    state->home.guard ([&] { t.after (static_cast<Session &> (*base), name, result); });
  }

  /* Fills T's table of commands with pointers into T.  */
  static void settle_commands (table &t) {
    for (const auto &entry : t.handlers) {
      detail::service_table::description &d = t.descriptions[entry.first];
      eva_command command = eva_command ();

      d.parameters.settle ();
      command.name = detail::c_string (entry.first);
      command.handler = entry.second ? came : nullptr;
      if (!d.help.empty ()) command.help = detail::c_string (d.help);
      command.flags = d.flags;
      if (!d.parameters.c.empty ()) command.parameters = d.parameters.c.data ();
      command.n_parameters = d.parameters.c.size ();
      t.commands.push_back (command);
    }
    t.c.commands = t.commands.data ();
    t.c.n_commands = t.commands.size ();
  }

  /* A copy of the table, with pointers for C into itself.  */
  std::shared_ptr<detail::service_table> copy () const {
    std::shared_ptr<table> t = std::make_shared<table> (table_);

    settle_commands (*t);
    t->options.settle ();
    if (!t->options.c.empty ()) t->c.options = t->options.c.data ();
    t->c.n_options = t->options.c.size ();
    if (!t->hello.empty ()) t->c.hello = detail::c_string (t->hello);
    t->c.open = was_opened;
    t->c.close = was_closed;
    if (t->option) t->c.option = option_came;
    if (t->reset) t->c.reset = notified<&table::reset>;
    if (t->bye) t->c.bye = notified<&table::bye>;
    if (t->cancel) t->c.cancel = notified<&table::cancel>;
    if (t->input) t->c.input = notified<&table::input>;
    if (t->output) t->c.output = notified<&table::output>;
    if (t->take) t->c.take = taken;
    if (t->before) t->c.before = begins;
    if (t->after) t->c.after = ended;
    return t;
  }

  friend class server;

  table table_;
};

/* A server.  When it goes away, its connections do, as eva_server_free says.  */
class server {
public:
  /* As eva_server_new, with a copy of WHAT.  Throws GPG_ERR_ASS_INV_VALUE also if a text of WHAT
     has a NUL.  */
  template <typename Session>
  server (loop &in, const service<Session> &what)
      : state_ (std::make_shared<detail::server_state> (in, what.copy ())) {
    eva_server *made;

    detail::check (eva_server_new (in.get (), &state_->table->c, state_.get (), &made));
    server_.reset (made);
  }

  server (server &&) = default;

  server &operator= (server &&from) noexcept {
    server_ = std::move (from.server_);
    state_ = std::move (from.state_);
    return *this;
  }

  eva_server *get () const noexcept {
    return server_.get ();
  }

  /* As eva_server_listen.  */
  void listen (const std::string &address, unsigned int flags = 0) {
    detail::check (eva_server_listen (get (), detail::c_string (address), flags),
                   state_->home.get ());
  }

  /* As eva_server_get_address; "" if there is no such listener.  */
  std::string address (size_t index = 0) const {
    const char *address = eva_server_get_address (get (), index);

    return address ? address : "";
  }

  /* As eva_server_get_fd.  */
  int fd (size_t index = 0) const noexcept {
    return eva_server_get_fd (get (), index);
  }

  /* As eva_server_hand_over.  Returns the copy, which is the caller's.  */
  int hand_over (size_t index = 0) {
    int fd;

    detail::check (eva_server_hand_over (get (), index, &fd));
    return fd;
  }

  /* As eva_server_stop_listening.  */
  void stop_listening () noexcept {
    eva_server_stop_listening (get ());
  }

  /* As eva_server_adopt and eva_server_adopt_pipe.  Return the context of the connection, or
     NULL.  */
  assuan_context_t adopt (int fd, unsigned int flags = 0) {
    assuan_context_t ctx;

    detail::check (eva_server_adopt (get (), fd, flags, &ctx));
    return ctx;
  }

  assuan_context_t adopt_pipe (int in_fd = 0, int out_fd = 1) {
    assuan_context_t ctx;

    detail::check (eva_server_adopt_pipe (get (), in_fd, out_fd, &ctx));
    return ctx;
  }

  /* As eva_server_allow_uid and eva_server_set_limits.  */
  void allow_uid (uid_t uid) {
    detail::check (eva_server_allow_uid (get (), uid));
  }

  void set_limits (const eva_server_limits &limits) {
    detail::check (eva_server_set_limits (get (), &limits));
  }

  /* As eva_server_drain.  F may destroy the server.  */
  void drain (unsigned int timeout_ms, std::function<void ()> f = nullptr) {
    detail::check (eva_server_drain (get (), timeout_ms, drained, state_.get ()));
    state_->drained = std::move (f);
  }

  /* As eva_server_set_idle: F, which may destroy the server, runs when that drain is over.  It
     takes the place of the function of the call before.  */
  void set_idle (unsigned int idle_ms, std::function<void ()> f = nullptr) {
    state_->idled = std::move (f);
    eva_server_set_idle (get (), idle_ms, idled, state_.get ());
  }

  /* As eva_server_set_lost: F runs for each listener that no client finds any more.  It may destroy
     the server, and call this.  */
  void on_lost (std::function<void (const char *address, bool is_replaced)> f) {
    std::shared_ptr<std::function<void (const char *, bool)>> function;

    if (f) function = std::make_shared<std::function<void (const char *, bool)>> (std::move (f));
    state_->lost = std::move (function);
    eva_server_set_lost (get (), state_->lost ? lost : nullptr, state_.get ());
  }

  /* As eva_server_each, for all sessions that are made and not over; F may end them with close.  */
  void each (const std::function<void (session &)> &f) {
    visit all = { state_->home, f };

    eva_server_each (get (), visited, &all);
  }

  /* As eva_server_set_observer: F runs for each client that is refused, each connection that is
     dropped, and each pause in accepting.  It may destroy the server, and call this.  */
  void observe (std::function<void (const eva_server_notice &notice)> f) {
    std::shared_ptr<std::function<void (const eva_server_notice &)>> observer;

    if (f)
      observer = std::make_shared<std::function<void (const eva_server_notice &)>> (std::move (f));
    state_->observer = std::move (observer);
    eva_server_set_observer (get (), state_->observer ? noticed : nullptr, state_.get ());
  }

  /* As eva_server_get_stats.  */
  eva_stats stats () const {
    eva_stats stats;

    eva_server_get_stats (get (), &stats);
    return stats;
  }

private:
  struct visit {
    loop &home;
    const std::function<void (session &)> &function;
  };

  static void visited (assuan_context_t ctx, void *arg) noexcept {
    session *found = static_cast<session *> (assuan_get_pointer (ctx));
    visit &all = *static_cast<visit *> (arg);
    std::shared_ptr<session> kept = found ? found->self_ : nullptr;

    if (kept) all.home.guard ([&] { all.function (*kept); });
  }

  static void drained (eva_server *, void *arg) noexcept {
    detail::server_state *state = static_cast<detail::server_state *> (arg);
    std::function<void ()> f = std::move (state->drained);
    loop &home = state->home;

    if (f) home.guard (f);
  }

  static void idled (eva_server *, void *arg) noexcept {
    detail::server_state *state = static_cast<detail::server_state *> (arg);
    std::function<void ()> f = std::move (state->idled);
    loop &home = state->home;

    if (f) home.guard (f);
  }

  static void lost (eva_server *, void *arg, const char *address, bool is_replaced) noexcept {
    std::shared_ptr<detail::server_state> state =
        static_cast<detail::server_state *> (arg)->shared_from_this ();
    std::shared_ptr<std::function<void (const char *, bool)>> f = state->lost;

    state->home.guard ([&] { (*f) (address, is_replaced); });
  }

  static void noticed (eva_server *, void *arg, const eva_server_notice *notice) noexcept {
    std::shared_ptr<detail::server_state> state =
        static_cast<detail::server_state *> (arg)->shared_from_this ();
    std::shared_ptr<std::function<void (const eva_server_notice &)>> observer = state->observer;

    state->home.guard ([&] { (*observer) (*notice); });
  }

  std::shared_ptr<detail::server_state> state_;
  std::unique_ptr<eva_server, detail::server_free> server_;
};

} // namespace eva

#endif /* EVA_HPP */
