// SPDX-License-Identifier: LGPL-2.1-or-later
// test-servers.cpp - eva.hpp: where servers listen, which clients they take, and how they end.

#include "kit.hpp"

#include <sys/stat.h>

namespace {

// A directory of its own, gone with all that a test makes in it.
struct directory {
  directory () {
    char made[] = "/tmp/eva-cpp-XXXXXX";

    if (!mkdtemp (made)) std::abort ();
    path = made;
    address = "unix:" + path + "/S";
  }

  ~directory () {
    unlink ((path + "/S").c_str ());
    EXPECT (!rmdir (path.c_str ()));
  }

  std::string path, address;
};

void
await (eva::loop &loop, const std::string &text) {
  while (record.find (text) == std::string::npos)
    loop.dispatch (1000);
}

void
expect_served (eva::loop &loop, const std::string &address) {
  eva::client client (loop, address);

  client.call ("ECHO x",
               [] (gpg_error_t err, const eva_reply &reply) { note (name (err) + reply.data); });
  await (loop, "0x;");
  record.clear ();
}

// --- Listeners -----------------------------------------------------------------------------------

void
test_handed_over () {
  directory d;
  eva::loop loop;
  int fd;

  {
    eva::server first (loop, make_service ());

    first.listen (d.address);
    EXPECT (first.fd () >= 0 && first.fd (1) == ASSUAN_INVALID_FD);
    fd = first.hand_over ();
    EXPECT (fd != first.fd ());
    try {
      first.hand_over (1);
      EXPECT (!"handed over");
    } catch (const eva::error &e) {
      EXPECT (e.code () == GPG_ERR_ASS_INV_VALUE);
    }
    first.stop_listening ();
    EXPECT (first.address ().empty ());
  }
  eva::server second (loop, make_service ());
  second.listen ("fd:" + std::to_string (fd));
  close (fd);
  expect_served (loop, d.address);
}

void
test_lost () {
  const std::string captured (100, 'c');
  directory d;
  eva::loop loop;

  the_server.reset (new eva::server (loop, make_service ()));
  the_server->listen (d.address);
  the_server->on_lost ([&d, captured] (const char *address, bool is_replaced) {
    EXPECT (address == d.address && !is_replaced);
    the_server->listen (address);
    the_server->on_lost ([captured] (const char *, bool) {
      the_server.reset ();
      note (captured);
    });
    note ("lost");
  });
  unlink ((d.path + "/S").c_str ());
  await (loop, "lost;");
  record.clear ();
  expect_served (loop, d.address);
  unlink ((d.path + "/S").c_str ());
  await (loop, captured);
  EXPECT (!the_server);
}

// --- Clients -------------------------------------------------------------------------------------

// The program speaks with the client itself.
void
test_taken () {
  int taken = -1, fd[2];
  char text[10] = "";
  eva::loop loop;
  eva::server server (loop, eva::service<my_session> ().on_take ([&taken] (int sock) {
    if (taken >= 0) throw eva::error (GPG_ERR_USER_1);
    taken = sock;
    return 0u;
  }));

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) std::abort ();
  EXPECT (!server.adopt (fd[0]));
  EXPECT (taken == fd[0] && n_sessions == 0);
  EXPECT (write (taken, "hello", 5) == 5 && read (fd[1], text, sizeof text) == 5);
  try {
    server.adopt (fd[1]);
    EXPECT (!"taken");
  } catch (const eva::error &e) {
    EXPECT (e.code () == GPG_ERR_USER_1);
  }
  close (fd[0]);
  close (fd[1]);
}

void
test_pipe () {
  int in[2], out[2];
  char text[100];
  std::string told;
  eva::loop loop;
  eva::server server (loop, make_service ());
  ssize_t n;

  if (pipe (in) || pipe (out)) std::abort ();
  EXPECT (server.adopt_pipe (in[0], out[1]));
  loop.dispatch (0);
  EXPECT (read (out[0], text, sizeof text) == 6); // the greeting
  EXPECT (write (in[1], "ECHO x\n", 7) == 7);
  while (told.size () < 19) {
    loop.dispatch (1000);
    n = read (out[0], text, sizeof text);
    if (n > 0) told.append (text, static_cast<size_t> (n));
  }
  EXPECT (told == "S ECHOING x\nD x\nOK\n");
  close (in[1]);
  await (loop, "left");
  EXPECT_RECORD ("left " + name (GPG_ERR_EOF) + ";");
  close (out[0]);
}

// All that are there, also when one of them is just made, and none that is over.
void
test_each () {
  auto count = [] (eva::session &) { note ("one"); };
  pair p (
      make_service ().on_close ([count] (my_session &, gpg_error_t) { the_server->each (count); }));
  eva::client other (p.loop, "fd:" + std::to_string ([] {
                               int fd[2];

                               if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
                                 std::abort ();
                               the_server->adopt (fd[0]);
                               return fd[1];
                             }()));

  p.settle ();
  the_server->each (count);
  EXPECT_RECORD ("one;one;");
  the_server->each ([&p] (eva::session &s) {
    EXPECT (&s.home () == &p.loop);
    s.close ();
    throw 7;
  });
  try {
    p.settle ();
    EXPECT (!"not thrown");
  } catch (int number) {
    EXPECT (number == 7);
  }
  p.settle ();
  EXPECT_RECORD ("one;"); // the first one that closed saw the other
}

// --- The end -------------------------------------------------------------------------------------

void
test_idle () {
  eva::loop loop;

  the_server.reset (new eva::server (loop, make_service ()));
  the_server->set_idle (EVA_NO_LIMIT);
  the_server->set_idle (0, [] { note ("replaced"); });
  the_server->set_idle (0, [] {
    the_server.reset ();
    note ("idle");
  });
  await (loop, "idle;");
  EXPECT_RECORD ("idle;");
  EXPECT (!the_server);
}

const test tests[] = {
  TEST (handed_over), TEST (lost), TEST (taken), TEST (pipe), TEST (each), TEST (idle),
};

} // namespace

int
main () {
  return run_tests (tests, sizeof tests / sizeof *tests);
}
