// SPDX-License-Identifier: LGPL-2.1-or-later
// test-clients.cpp - eva.hpp: how clients begin and end, what they say of it, and what they tell of
// failures.

#include "kit.hpp"

namespace {

eva::pending_call
ask_formatted (pair &p, const std::string &text) {
  return p.client->callf (
      [] (gpg_error_t err, const eva_reply &reply) {
        note (name (err) + " '" + std::string (reply.data, reply.data_len) + "'");
      },
      "ECHO %s %d", text.c_str (), 7);
}

void
test_formatted () {
  pair p;
  eva::callbacks cb;

  cb.done = [] (gpg_error_t err, const char *) { note ("done " + name (err)); };
  cb.data = [] (const char *buf, size_t len) -> gpg_error_t {
    note (std::string (buf, len));
    return 0;
  };
  ask_formatted (p, "a b\n%");
  p.client->callf (std::move (cb), "ECHO %-s", "c d\n");
  p.settle ();
  EXPECT_RECORD ("0 'a b%0A%25 7';c%20d%0A;done 0;");
  ask_formatted (p, std::string (1000, 'x'));
  EXPECT_RECORD ("");
  p.settle ();
  EXPECT_RECORD (name (GPG_ERR_ASS_LINE_TOO_LONG) + " '';");
}

// --- Ends ----------------------------------------------------------------------------------------

// A server that is the other end of a descriptor.
struct peer {
  explicit peer (eva::loop &loop) {
    int fd[2];

    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) std::abort ();
    end = fd[0];
    client.reset (new eva::client (loop, "fd:" + std::to_string (fd[1])));
    client->on_closed (
        [] (gpg_error_t err) { note (eva::is_orderly (err) ? "orderly" : "a failure"); });
  }

  void say (const std::string &text) {
    EXPECT (write (end, text.data (), text.size ()) == static_cast<ssize_t> (text.size ()));
  }

  void leave () {
    close (end);
  }

  std::unique_ptr<eva::client> client;
  int end;
};

void
await_end (eva::loop &loop) {
  while (record.find ("orderly") == std::string::npos
         && record.find ("a failure") == std::string::npos)
    loop.dispatch (1000);
}

void
test_orderly () {
  eva::loop loop;

  {
    peer at_rest (loop);

    at_rest.say ("OK\n");
    at_rest.leave ();
    await_end (loop);
    EXPECT_RECORD ("orderly;");
    EXPECT (at_rest.client->reason ().empty ());
  }
  {
    peer in_call (loop);

    in_call.say ("OK\n");
    in_call.client->call ("NOP", [] (gpg_error_t err, const eva_reply &) { note (name (err)); });
    in_call.leave ();
    await_end (loop);
    EXPECT (record.find ("a failure;") != std::string::npos);
    record.clear ();
  }
  {
    peer ungreeted (loop);

    ungreeted.leave ();
    await_end (loop);
    EXPECT_RECORD ("a failure;");
    EXPECT (ungreeted.client->reason ().find ("without a greeting") != std::string::npos);
  }
  {
    peer refusing (loop);

    refusing.say ("ERR 1 no room\n");
    await_end (loop);
    EXPECT_RECORD ("a failure;");
    EXPECT (refusing.client->reason () == "no room");
    EXPECT (refusing.client->greeting ().empty ());
    refusing.leave ();
  }
}

void
test_greeting () {
  pair p;

  p.client->on_ready ([&p] { note (p.client->greeting ()); });
  p.settle ();
  EXPECT_RECORD ("hi;");
  EXPECT (p.client->greeting ().empty ());
}

// --- What waits ----------------------------------------------------------------------------------

void
test_writable () {
  const std::string captured (100, 'c');
  eva_limits limits = eva_limits ();
  pair p;

  p.settle ();
  limits.high_water_len = 100;
  p.client->set_limits (limits);
  EXPECT (p.client->queued_len () == 0);
  p.client->on_writable ([&p, captured] {
    p.client->on_writable ([&p, captured] {
      p.client.reset ();
      note (captured);
    });
    note ("writable");
  });
  p.await (captured);
  EXPECT_RECORD ("writable;" + captured + ";");
}

// --- Contexts of assuan.h ------------------------------------------------------------------------

assuan_context_t
connect_blocking (eva::loop &loop) {
  assuan_context_t ctx;
  int fd[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) std::abort ();
  the_server.reset (new eva::server (loop, make_service ()));
  the_server->adopt (fd[0]);
  for (int i = 0; i < 5; i++)
    loop.dispatch (0);
  if (assuan_new (&ctx) || assuan_socket_connect_fd (ctx, fd[1], 0)) std::abort ();
  return ctx;
}

void
test_attached () {
  eva::loop loop;
  {
    eva::client client (loop, connect_blocking (loop));

    client.on_closed ([&loop] (gpg_error_t err) {
      note ("closed " + name (err));
      loop.stop ();
    });
    client.call ("ECHO x", [] (gpg_error_t err, const eva_reply &reply) {
      note (name (err) + reply.data);
      the_server.reset ();
    });
    loop.run ();
    EXPECT_RECORD ("0x;left " + name (GPG_ERR_CANCELED) + ";closed " + name (GPG_ERR_EOF) + ";");
    try {
      client.call ("NOP", eva::callbacks ());
      EXPECT (!"called");
    } catch (const eva::error &e) {
      EXPECT (e.code () == GPG_ERR_EPIPE);
    }
    try {
      eva::client twice (loop, client.get ());
      EXPECT (!"attached");
    } catch (const eva::error &e) {
      EXPECT (e.code () == GPG_ERR_ASS_INV_VALUE);
    }
  }
  EXPECT (n_sessions == 0);
}

// --- Failures ------------------------------------------------------------------------------------

// Sentences of failures are for the program's user, and no affair of a client's.
void
test_failure_in_handler () {
  pair p (eva::service<my_session> ().command ("DIAL", [] (my_session &s, char *) -> gpg_error_t {
    eva::client client (s.home (), "unix:no/such/path");
    return 0;
  }));

  p.ask ("DIAL");
  p.settle ();
  EXPECT (record.find ("such") == std::string::npos);
  EXPECT (p.loop.failure ()
          && std::string (p.loop.failure ()).find ("no/such/path") != std::string::npos);
  EXPECT (p.loop.now () <= eva_now ());
}

const test tests[] = {
  TEST (formatted), TEST (orderly),  TEST (greeting),
  TEST (writable),  TEST (attached), TEST (failure_in_handler),
};

} // namespace

int
main () {
  return run_tests (tests, sizeof tests / sizeof *tests);
}
