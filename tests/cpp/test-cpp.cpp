// SPDX-License-Identifier: LGPL-2.1-or-later
// test-cpp.cpp - eva.hpp: servers and clients of C++ in one loop, what they throw, and what goes
// away in the middle of a callback.

#include "kit.hpp"

namespace {

// --- Talk ----------------------------------------------------------------------------------------

void
test_talk () {
  pair p;

  p.client->on_ready (
      [&p] { note (std::string ("ready ") + eva_get_greeting (p.client->get ())); });
  p.ask ("ECHO one");
  p.ask ("ECHO");
  p.ask ("COUNT");
  p.ask ("RESET");
  p.ask ("COUNT");
  p.ask ("NONSENSE");
  p.ask ("OPTION a=b");
  p.ask ("OPTION a=x");
  p.settle ();
  EXPECT_RECORD ("ready hi;0 'one' [ECHOING one];0 '' [ECHOING];0 '2';0 '';0 '0';"
                 + name (GPG_ERR_ASS_UNKNOWN_CMD)
                 + " '' Unknown IPC command <User defined source 1>;"
                 + "option a=b;0 '';option a=x;" + name (GPG_ERR_USER_1)
                 + " '' User defined error code 1 <Unspecified source> - not x;");
}

void
test_help () {
  pair p;
  eva::callbacks cb;

  cb.comment = [] (const char *text) -> gpg_error_t {
    note (text);
    return 0;
  };
  p.client->call ("HELP ECHO", cb);
  p.client->call ("HELP LATER", cb);
  p.settle ();
  EXPECT_RECORD ("# ECHO text;");
}

void
test_pieces () {
  pair p;
  eva::callbacks cb;

  cb.data = [] (const char *buf, size_t len) -> gpg_error_t {
    note ("data " + std::string (buf, len));
    return 0;
  };
  cb.status = [] (const char *text) -> gpg_error_t {
    note (std::string ("status ") + text);
    return 0;
  };
  cb.done = [] (gpg_error_t err, const char *text) {
    note ("done " + name (err) + (text ? text : ""));
  };
  p.client->call ("ECHO a", cb);
  p.client->call ("ECHO b", std::move (cb));
  p.client->call ("ECHO c", eva::callbacks ());
  p.settle ();
  EXPECT_RECORD ("status ECHOING a;data a;done 0;status ECHOING b;data b;done 0;");
}

void
test_deferred () {
  pair p;

  p.ask ("LATER x");
  p.ask ("ECHO y");
  p.await ("'y'");
  EXPECT_RECORD ("0 'x';0 'y' [ECHOING y];");
}

void
test_cancelled () {
  {
    pair p;

    p.ask ("LATER");
    p.settle ();
    p.client.reset ();
    p.await ("left");
    EXPECT_RECORD (name (GPG_ERR_CANCELED) + " '';cancelled " + name (GPG_ERR_EPIPE) + ";left "
                   + name (GPG_ERR_EPIPE) + ";");
  }
  pair p;

  p.ask ("LATER");
  p.settle ();
  the_server.reset ();
  p.settle ();
  EXPECT_RECORD ("cancelled " + name (GPG_ERR_CANCELED) + ";left " + name (GPG_ERR_CANCELED) + ";"
                 + name (GPG_ERR_EOF) + " '';");
}

// --- Inquiries -----------------------------------------------------------------------------------

void
test_inquiries () {
  pair p;
  eva::pending_call kept;

  answer (p, [] (eva::pending_call call, const char *text) -> gpg_error_t {
    note (text);
    call.answer ("this");
    call.end ();
    return 0;
  });
  EXPECT_RECORD ("WHAT;0 got this;");
  answer (p, [] (eva::pending_call call, const char *) -> gpg_error_t {
    call.refuse ();
    return 0;
  });
  EXPECT_RECORD (name (GPG_ERR_ASS_CANCELED)
                 + " IPC call has been cancelled <User defined source 1>;");
  answer (p, [&kept] (eva::pending_call call, const char *) -> gpg_error_t {
    kept = call;
    return 0;
  });
  EXPECT_RECORD ("");
  kept.answer ("late");
  kept.end ();
  p.settle ();
  EXPECT_RECORD ("0 got late;");
  EXPECT (!kept.get ());
  kept.cancel ();
  try {
    kept.end ();
    EXPECT (!"ended twice");
  } catch (const eva::error &e) {
    EXPECT (e.code () == GPG_ERR_ASS_GENERAL);
  }
  answer (p, [] (eva::pending_call call, const char *) -> gpg_error_t {
    call.answer ("throw");
    call.end ();
    return 0;
  });
  EXPECT_RECORD (name (GPG_ERR_USER_2)
                 + " User defined error code 2 <Unspecified source> - thrown late;");
  answer (p, [] (eva::pending_call, const char *) -> gpg_error_t { throw 1; });
  EXPECT_RECORD (name (GPG_ERR_GENERAL) + " ;");
}

// --- Exceptions ----------------------------------------------------------------------------------

void
test_thrown_by_handlers () {
  pair p;

  for (const char *what : { "e", "p", "m", "r", "1" })
    p.ask (std::string ("THROW ") + what);
  p.ask ("ECHO on");
  p.settle ();
  EXPECT_RECORD (name (GPG_ERR_NOT_FOUND) + " '' Not found <Unspecified source> - no such thing;"
                 + name (GPG_ERR_NOT_FOUND) + " '' Not found <Unspecified source>;"
                 + name (GPG_ERR_ENOMEM) + " '' Cannot allocate memory <Assuan>;"
                 + name (GPG_ERR_GENERAL) + " '' General error <Assuan>;" + name (GPG_ERR_GENERAL)
                 + " '' General error <Assuan>;0 'on' [ECHOING on];");
}

void
test_thrown_by_data () {
  pair p;
  eva::callbacks cb;

  cb.data = [] (const char *, size_t) -> gpg_error_t { throw eva::error (GPG_ERR_USER_2, "why"); };
  cb.status = [] (const char *) { return 0u; };
  cb.done = [] (gpg_error_t err, const char *text) { note (name (err) + (text ? text : "")); };
  p.client->call ("ECHO x", cb);
  cb.status = [] (const char *) -> gpg_error_t { throw std::bad_alloc (); };
  p.client->call ("ECHO x", cb);
  p.ask ("ECHO on");
  p.settle ();
  EXPECT_RECORD (name (GPG_ERR_USER_2) + ";" + name (GPG_ERR_ENOMEM) + ";0 'on' [ECHOING on];");
}

// The loop throws the first one, and can go on.
void
test_thrown_by_done () {
  pair p;
  int n_caught = 0;

  for (int i = 0; i < 2; i++)
    p.client->call ("ECHO x", [i] (gpg_error_t, const eva_reply &) {
      throw std::runtime_error (i ? "2" : "1");
    });
  p.client->call ("ECHO y", [&p] (gpg_error_t, const eva_reply &) { p.loop.stop (); });
  p.client->call ("LATER y", [&p] (gpg_error_t, const eva_reply &) {
    note ("end");
    p.loop.stop ();
  });
  while (record.empty ()) {
    try {
      p.loop.run ();
    } catch (const std::runtime_error &e) {
      if (!n_caught++) EXPECT (e.what () == std::string ("1"));
    }
  }
  EXPECT (n_caught == 1 || n_caught == 2);
  // What is thrown outside of the loop comes in its next run.
  p.client->call ("LATER x", [] (gpg_error_t, const eva_reply &) { throw 3; });
  p.client.reset ();
  try {
    p.loop.run ();
    EXPECT (!"not thrown");
  } catch (int number) {
    EXPECT (number == 3);
  }
}

// A run within a run is refused, and the outer one still ends by what is thrown.
void
test_thrown_after_a_run_within () {
  eva::loop loop;
  eva::timer late (loop, 20000, [&loop] {
    note ("did not end");
    loop.stop ();
  });
  eva::timer timer (loop, 0, [&loop] {
    try {
      loop.run ();
    } catch (const eva::error &e) {
      note (name (e.value ()));
    }
    throw 5;
  });

  try {
    loop.run ();
  } catch (int number) {
    note (std::to_string (number));
  }
  EXPECT_RECORD (name (GPG_ERR_ELOOP) + ";5;");
}

void
test_thrown_in_other_loops () {
  eva::loop loop (eva_loop_new ());
  eva::timer timer (loop, 0, [] { throw 5; });

  loop.on_exception ([&loop] (std::exception_ptr e) {
    try {
      std::rethrow_exception (e);
    } catch (int number) {
      note (std::to_string (number));
    }
    loop.stop ();
  });
  loop.run ();
  EXPECT_RECORD ("5;");
  try {
    eva::loop none (static_cast<eva_loop *> (nullptr));
    EXPECT (!"made of nothing");
  } catch (const eva::error &) {}
}

void
test_thrown_by_sessions () {
  refuses = true;
  {
    eva::loop loop;
    eva::server server (loop, make_service ());
    int fd[2];

    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) std::abort ();
    try {
      server.adopt (fd[0]);
      EXPECT (!"adopted");
    } catch (const eva::error &e) {
      EXPECT (e.code () == GPG_ERR_USER_1);
    }
    close (fd[0]);
    close (fd[1]);
  }
  refuses = false;
  EXPECT (n_sessions == 0);
  EXPECT_RECORD ("");
}

void
test_constructors () {
  eva::loop loop;

  try {
    eva::client client (loop, "nonsense");
    EXPECT (!"connected");
  } catch (const eva::error &e) {
    EXPECT (e.code () == GPG_ERR_INV_ARG);
    EXPECT (e.text ().empty ());
    EXPECT (std::string (e.what ()) == loop.failure ());
    EXPECT (std::string (e.what ()).find ("cannot connect to nonsense: ") == 0);
  }
  try {
    eva::client client (loop, std::string ("unix:/a\0b", 9));
    EXPECT (!"connected");
  } catch (const eva::error &e) {
    EXPECT (e.code () == GPG_ERR_ASS_INV_VALUE);
  }
  for (int i = 0; i < 3; i++) {
    eva_connect_config config = eva_connect_config ();

    if (i == 0) config.ready = [] (assuan_context_t, void *) {};
    if (i == 1) config.closed = [] (assuan_context_t, void *, gpg_error_t) {};
    if (i == 2) config.on_stderr = [] (assuan_context_t, void *, const char *) {};
    try {
      eva::client client (loop, "exec:/bin/true", &config);
      EXPECT (!"connected");
    } catch (const eva::error &e) {
      EXPECT (e.code () == GPG_ERR_ASS_INV_VALUE);
    }
  }
  try {
    eva::server server (loop, eva::service<my_session> ().command ("", &my_session::echo));
    EXPECT (!"made");
  } catch (const eva::error &e) {
    EXPECT (e.code () == GPG_ERR_ASS_INV_VALUE);
  }
  for (int i = 0; i < 3; i++) {
    const std::string cut ("A\0B", 3);
    eva::service<my_session> service;

    if (i == 0) service.command (cut, &my_session::echo);
    if (i == 1) service.command ("A", &my_session::echo, cut);
    if (i == 2) service.hello (cut);
    try {
      eva::server server (loop, service);
      EXPECT (!"made");
    } catch (const eva::error &e) {
      EXPECT (e.code () == GPG_ERR_ASS_INV_VALUE);
    }
  }
  eva::server server (loop, make_service ());
  try {
    server.listen ("nonsense");
    EXPECT (!"listens");
  } catch (const eva::failure &e) {
    EXPECT (e.code () == GPG_ERR_INV_ARG);
    EXPECT (std::string (e.what ()).find ("cannot listen on nonsense: ") == 0);
  }
  EXPECT (server.address ().empty ());
}

// --- Giving up, and going away -------------------------------------------------------------------

void
test_cancel () {
  pair p;
  eva::pending_call call = p.ask ("LATER");

  p.settle ();
  EXPECT (call.get ());
  call.cancel ();
  EXPECT (!call.get ());
  EXPECT_RECORD (name (GPG_ERR_CANCELED) + " '';");
  {
    eva::scoped_call scoped = p.ask ("LATER");
    eva::scoped_call other = std::move (scoped);

    EXPECT (!scoped->get () && other->get ());
    scoped = std::move (other);
    EXPECT_RECORD ("");
  }
  EXPECT_RECORD (name (GPG_ERR_CANCELED) + " '';");
  p.ask (std::string (2000, 'x'));
  EXPECT_RECORD ("");
  p.await (name (GPG_ERR_ASS_LINE_TOO_LONG));
  try {
    p.ask (std::string ("A\0B", 3));
    EXPECT (!"sent");
  } catch (const eva::error &e) {
    EXPECT (e.code () == GPG_ERR_ASS_INV_VALUE);
  }
}

// What a program writes to its stderr; the client may go away with the last line.
void
test_lines_of_stderr () {
  const char *const argv[] = { "sh", "-c", "echo one >&2; echo OK; read x; echo two >&2", nullptr };
  const std::string captured (100, 'c');
  eva_connect_config config = eva_connect_config ();
  std::unique_ptr<eva::client> client;
  eva::loop loop;

  config.argv = argv;
  client.reset (new eva::client (loop, "exec:", &config, [&client, captured] (const char *line) {
    note (line);
    if (line != std::string ("two")) return;
    client.reset ();
    note (captured);
  }));
  client->call ("NOP", [] (gpg_error_t err, const eva_reply &) { note (name (err)); });
  while (client)
    loop.dispatch (1000);
  EXPECT (record.find ("one;") == 0);
  EXPECT (record.find ("two;") != std::string::npos);
  EXPECT (record.find (captured) != std::string::npos);
}

// A client goes away in each of its callbacks, whose functions still have what they captured.
void
test_client_goes () {
  for (int where = 0; where < 5; where++) {
    pair p;
    std::string captured (100, 'c');
    auto go = [&p, captured] {
      p.client.reset ();
      note (captured);
    };
    eva::callbacks cb;

    if (where == 0) p.client->on_ready (go);
    if (where == 1) p.client->on_closed ([go] (gpg_error_t) { go (); });
    cb.status = [=] (const char *) -> gpg_error_t {
      if (where == 2) go ();
      return 0;
    };
    cb.data = [=] (const char *, size_t) -> gpg_error_t {
      if (where == 3) go ();
      return 0;
    };
    cb.done = [=, &p] (gpg_error_t, const char *) {
      if (where == 4) go ();
      if (where == 1 && p.client) p.client->close ();
    };
    p.client->call ("ECHO x", cb);
    p.client->call ("ECHO y", cb);
    p.await (captured);
    p.settle ();
    EXPECT (!p.client);
  }
}

void
test_server_goes () {
  pair p;

  p.ask ("FREE");
  p.settle ();
  EXPECT (n_sessions == 0 && !the_server);
}

void
test_connection_closes () {
  pair p;

  p.ask ("CLOSE");
  p.client->on_closed ([] (gpg_error_t err) { note ("closed " + name (err)); });
  p.await ("closed");
  EXPECT (record.find ("left " + name (GPG_ERR_CANCELED)) != std::string::npos);
  EXPECT (n_sessions == 0);
}

void
test_drain () {
  pair p;

  p.settle ();
  EXPECT (the_server->stats ().n_connections == 1);
  the_server->drain (1000, [] {
    the_server.reset ();
    note ("drained");
  });
  p.await ("drained");
  EXPECT (n_sessions == 0 && !the_server);
}

void
test_moves () {
  pair p;
  eva::client client = std::move (*p.client);
  eva::server server = std::move (*the_server);

  EXPECT (!p.client->get () && !the_server->get ());
  client.call ("ECHO moved",
               [] (gpg_error_t err, const eva_reply &reply) { note (name (err) + reply.data); });
  p.settle ();
  EXPECT_RECORD ("0moved;");
  *the_server = std::move (server);
  *p.client = std::move (client);
  p.ask ("ECHO back");
  p.settle ();
  EXPECT_RECORD ("0 'back' [ECHOING back];");
}

void
test_sources () {
  eva::loop loop;
  std::unique_ptr<eva::timer> timer;
  std::unique_ptr<eva::watch> watch;
  std::string captured (100, 'c');
  int fd[2], n_rings = 0;

  if (pipe (fd)) std::abort ();
  timer.reset (new eva::timer (loop, 0, [&, captured] {
    if (++n_rings < 3) {
      timer->set (1);
      return;
    }
    timer.reset ();
    note ("timer " + captured);
    loop.stop ();
  }));
  loop.run ();
  EXPECT_RECORD ("timer " + captured + ";");
  watch.reset (new eva::watch (loop, fd[0], 0, [&, captured] (unsigned int revents) {
    EXPECT (revents == EVA_READABLE);
    watch.reset ();
    note ("watch " + captured);
    loop.stop ();
  }));
  if (write (fd[1], "x", 1) != 1) std::abort ();
  loop.dispatch (0);
  EXPECT_RECORD ("");
  watch->set (EVA_READABLE);
  loop.run ();
  EXPECT_RECORD ("watch " + captured + ";");
  EXPECT (loop.fd () >= 0);
  close (fd[0]);
  close (fd[1]);
}

const test tests[] = {
  TEST (talk),
  TEST (help),
  TEST (pieces),
  TEST (deferred),
  TEST (cancelled),
  TEST (inquiries),
  TEST (thrown_by_handlers),
  TEST (thrown_by_data),
  TEST (thrown_by_done),
  TEST (thrown_after_a_run_within),
  TEST (thrown_in_other_loops),
  TEST (thrown_by_sessions),
  TEST (constructors),
  TEST (cancel),
  TEST (lines_of_stderr),
  TEST (client_goes),
  TEST (server_goes),
  TEST (connection_closes),
  TEST (drain),
  TEST (moves),
  TEST (sources),
};

} // namespace

int
main () {
  return run_tests (tests, sizeof tests / sizeof *tests);
}
