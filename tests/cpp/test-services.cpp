// SPDX-License-Identifier: LGPL-2.1-or-later
// test-services.cpp - eva.hpp: what a service says of its commands, the functions that see all of
// them, and what happens to answers.

#include "kit.hpp"

#include <cstddef>

namespace {

// The library's memory; one block of it that is freed while it has the secret counts.
const char secret[] = "0xSECRET-of-the-answer";
int n_leaked;

void *
take_memory (size_t len) {
  size_t *block = static_cast<size_t *> (std::malloc (sizeof (std::max_align_t) + len));

  if (!block) return nullptr;
  *block = len;
  return reinterpret_cast<char *> (block) + sizeof (std::max_align_t);
}

void
give_memory (void *ptr) {
  char *octets = static_cast<char *> (ptr);
  size_t *block;

  if (!ptr) return;
  block = reinterpret_cast<size_t *> (static_cast<void *> (octets - sizeof (std::max_align_t)));
  if (memmem (octets, *block, secret, sizeof secret - 1)) n_leaked++;
  std::free (block);
}

void *
move_memory (void *ptr, size_t len) {
  void *moved = take_memory (len);

  if (!moved || !ptr) return moved;
  size_t old_len =
      *reinterpret_cast<size_t *> (static_cast<char *> (ptr) - sizeof (std::max_align_t));
  std::memcpy (moved, ptr, old_len < len ? old_len : len);
  give_memory (ptr);
  return moved;
}

void
test_answers_are_wiped () {
  assuan_malloc_hooks hooks = { take_memory, move_memory, give_memory };
  assuan_malloc_hooks saved = *assuan_get_malloc_hooks ();

  assuan_set_malloc_hooks (&hooks);
  {
    pair p;
    auto say = [] (eva::pending_call call, const char *) -> gpg_error_t {
      call.answer (secret);
      call.end ();
      return 0;
    };

    answer (p, say);
    EXPECT_RECORD ("0 got " + std::string (secret) + ";");
  }
  EXPECT (n_leaked == 0);
  assuan_set_malloc_hooks (&saved);
}

// --- What a service describes --------------------------------------------------------------------

eva::service<my_session>
make_described_service () {
  return eva::service<my_session> ()
      .command ("PUT", &my_session::echo, "Stores it.", EVA_COMMAND_CHECKED,
                { eva::parameter ("--ttl", EVA_NUMBER)
                      .value ("seconds")
                      .limits (1, 3600)
                      .help ("how long it stays"),
                  eva::parameter ("key"), eva::parameter ("text", EVA_REST).optional () })
      .command ("BARE", &my_session::echo, "", EVA_COMMAND_CHECKED)
      .command ("NOP", nullptr, "Does nothing.")
      .options ({ eva::parameter ("grab"), eva::parameter ("tty", EVA_WORD) })
      .on_option ([] (my_session &, const char *key, const char *value) -> gpg_error_t {
        note (std::string (key) + "=" + value);
        return 0;
      });
}

void
test_parameters () {
  const std::string parameter = name (GPG_ERR_ASS_PARAMETER) + " '' "
                                + gpg_strerror (GPG_ERR_ASS_PARAMETER)
                                + " <User defined source 1> - ";
  pair p (make_described_service ());
  eva::callbacks cb;

  cb.comment = [] (const char *text) -> gpg_error_t {
    note (text);
    return 0;
  };
  p.client->call ("HELP PUT", cb);
  p.client->call ("HELP NOP", cb);
  p.settle ();
  EXPECT_RECORD ("# PUT [--ttl=<seconds>] <key> [<text>];# ;# Stores it.;# ;"
                 "# --ttl=<seconds>  how long it stays (1 to 3600);# Does nothing.;");
  p.ask ("PUT --ttl=5 k some text");
  p.ask ("PUT --ttl=0 k");
  p.ask ("PUT");
  p.ask ("BARE x");
  p.settle ();
  EXPECT_RECORD ("0 '--ttl=5 k some text' [ECHOING --ttl=5 k some text];" + parameter
                 + "--ttl: a number from 1 to 3600 is needed;" + parameter + "key is missing;"
                 + parameter + "too many arguments;");
  p.ask ("OPTION grab");
  p.ask ("OPTION tty=a");
  p.ask ("OPTION other");
  p.settle ();
  EXPECT_RECORD ("grab=;0 '';tty=a;0 '';" + name (GPG_ERR_UNKNOWN_OPTION) + " '' "
                 + gpg_strerror (GPG_ERR_UNKNOWN_OPTION)
                 + " <User defined source 1> - unknown option other;");
}

// What makes no sense is refused where the server is made.
void
test_bad_parameters () {
  const std::vector<eva::parameter> bad[] = {
    { eva::parameter ("") },
    { eva::parameter (std::string ("a\0b", 3)) },
    { eva::parameter ("a").help (std::string ("a\0b", 3)) },
    { eva::parameter ("a", EVA_NUMBER).limits (2, 1) },
  };
  eva::loop loop;

  for (const auto &parameters : bad)
    for (int i = 0; i < 2; i++) {
      eva::service<my_session> service;

      if (i)
        service.options (parameters);
      else
        service.command ("A", &my_session::echo, "", 0, parameters);
      try {
        eva::server server (loop, service);
        EXPECT (!"made");
      } catch (const eva::error &e) {
        EXPECT (e.code () == GPG_ERR_ASS_INV_VALUE);
      }
    }
  try {
    eva::server server (loop, eva::service<my_session> ().command ("NOSUCH", nullptr));
    EXPECT (!"made");
  } catch (const eva::error &e) {
    EXPECT (e.code () == GPG_ERR_ASS_INV_VALUE);
  }
}

unsigned int
see (assuan_context_t, void *, int, const char *line, size_t len) {
  note (std::string (line, len));
  return 0;
}

void
test_secret_command () {
  pair p (eva::service<my_session> ()
              .command ("PASSWD", &my_session::echo, "", EVA_COMMAND_SECRET)
              .command ("WATCH", [] (my_session &s, char *) -> gpg_error_t {
                assuan_set_io_monitor (s.get (), see, nullptr);
                return 0;
              }));

  p.client->call ("WATCH", eva::callbacks ());
  p.client->call ("PASSWD hunter2", [] (gpg_error_t, const eva_reply &) {});
  p.settle ();
  EXPECT_RECORD ("OK;PASSWD [confidential];S ECHOING [confidential];D [confidential];OK;");
}

void
test_hooks () {
  bool throws = false;
  pair p (make_service ()
              .on_before ([] (my_session &, const char *command) -> gpg_error_t {
                note (std::string ("before ") + command);
                if (std::string ("COUNT") == command)
                  throw eva::error (GPG_ERR_FORBIDDEN, "not for you");
                return 0;
              })
              .on_after ([&throws] (my_session &s, const char *command, gpg_error_t result) {
                note (std::string ("after ") + command + " " + name (result) + " "
                      + std::to_string (s.n_echoes));
                if (throws) throw std::runtime_error ("after");
              }));

  p.ask ("echo a");
  p.ask ("THROW m");
  p.ask ("COUNT");
  p.settle ();
  EXPECT_RECORD ("before ECHO;after ECHO 0 1;0 'a' [ECHOING a];before THROW;after THROW "
                 + name (GPG_ERR_ENOMEM) + " 1;" + name (GPG_ERR_ENOMEM)
                 + " '' Cannot allocate memory <Assuan>;before COUNT;" + name (GPG_ERR_FORBIDDEN)
                 + " '' Forbidden <Unspecified source> - not for you;");
  throws = true;
  p.ask ("NOP");
  try {
    p.settle ();
    EXPECT (!"not thrown");
  } catch (const std::runtime_error &e) {
    EXPECT (e.what () == std::string ("after"));
  }
  throws = false;
  p.ask ("LATER");
  p.settle ();
  record.clear ();
  p.client.reset ();
  p.await ("left");
  EXPECT_RECORD (name (GPG_ERR_CANCELED) + " '';cancelled " + name (GPG_ERR_EPIPE) + ";after LATER "
                 + name (GPG_ERR_EPIPE) + " 1;left " + name (GPG_ERR_EPIPE) + ";");
}

// What runs when the client says more than commands.
void
test_notifications () {
  auto noting = [] (const char *what) {
    return [what] (my_session &, char *) -> gpg_error_t {
      note (what);
      throw eva::error (GPG_ERR_USER_1); // which nothing minds
    };
  };
  pair p (make_service ()
              .on_bye (noting ("bye"))
              .on_cancel (noting ("cancel"))
              .on_input (noting ("input"))
              .on_output (noting ("output")));

  p.ask ("CANCEL");
  p.ask ("INPUT FD=0");
  p.ask ("OUTPUT FD=1");
  p.settle ();
  EXPECT (record.find ("cancel;") == 0);
  record.clear ();
  p.ask ("BYE");
  p.await ("left");
  EXPECT (record.find ("bye;") != std::string::npos);
  record.clear ();
}

// --- Bulk data -----------------------------------------------------------------------------------

int
make_pipe (const std::string &text) {
  int fd[2];

  if (pipe (fd)) std::abort ();
  EXPECT (write (fd[1], text.data (), text.size ()) == static_cast<ssize_t> (text.size ()));
  close (fd[1]);
  return fd[0];
}

void
test_pump () {
  const std::string captured (100, 'c');
  auto pump = [captured] (my_session &s, char *line) -> gpg_error_t {
    eva_pump_config config = eva_pump_config ();

    config.from_fd = make_pipe ("bulk");
    config.to_fd = EVA_PUMP_CONNECTION;
    config.flags = EVA_PUMP_CLOSE_FROM;
    if (!*line) return s.pump (config);
    if (*line == 'w') config.done = [] (assuan_context_t, void *, gpg_error_t, uint64_t) {};
    return s.pump (config, [&s, captured] (gpg_error_t err, uint64_t n_pumped) {
      note (captured.substr (0, 2) + name (err) + std::to_string (n_pumped));
      s.finish (GPG_ERR_USER_1);
    });
  };
  pair p (eva::service<my_session> ()
              .command ("PUMP", pump)
              .command ("BAD", [] (my_session &s, char *) -> gpg_error_t {
                eva_pump_config config = eva_pump_config ();

                config.from_fd = -1;
                config.to_fd = EVA_PUMP_CONNECTION;
                return s.pump (config, [] (gpg_error_t, uint64_t) { note ("never"); });
              }));

  p.ask ("PUMP");
  p.ask ("PUMP x");
  p.ask ("PUMP w");
  p.ask ("BAD");
  p.settle ();
  EXPECT (record.find ("0 'bulk';cc04;" + name (GPG_ERR_USER_1) + " 'bulk'") == 0);
  EXPECT (record.find (name (GPG_ERR_ASS_INV_VALUE) + " ''") != std::string::npos);
  EXPECT (record.find (name (GPG_ERR_EBADF) + " ''") != std::string::npos);
  EXPECT (record.find ("never") == std::string::npos);
}

void
test_writable () {
  pair p (eva::service<my_session> ().command ("WRITE", [] (my_session &s, char *) -> gpg_error_t {
    eva_limits limits = eva_limits ();

    limits.high_water_len = 100;
    s.set_limits (limits);
    s.send (std::string (1000, 'x'));
    EXPECT (s.queued_len () > 1000);
    s.on_writable ([&s] {
      EXPECT (s.queued_len () < 100);
      s.send ("more");
      s.finish ();
    });
    return s.defer ();
  }));

  p.ask ("WRITE");
  p.await ("more");
}

// A client that is refused.
void
refuse_one (eva::server &server) {
  int fd[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) std::abort ();
  refuses = true;
  try {
    server.adopt (fd[0]);
    EXPECT (!"adopted");
  } catch (const eva::error &e) {
    EXPECT (e.code () == GPG_ERR_USER_1);
  }
  refuses = false;
  close (fd[0]);
  close (fd[1]);
}

void
test_observer () {
  const std::string captured (100, 'c');
  eva::loop loop;

  the_server.reset (new eva::server (loop, make_service ()));
  the_server->observe ([] (const eva_server_notice &notice) {
    EXPECT (notice.event == EVA_SERVER_REFUSED && notice.uid == getuid ());
    note (name (notice.err));
    throw 7;
  });
  refuse_one (*the_server);
  EXPECT_RECORD (name (GPG_ERR_USER_1) + ";");
  try {
    loop.dispatch (0);
    EXPECT (!"not thrown");
  } catch (int number) {
    EXPECT (number == 7);
  }
  // It may replace itself, and still has what it captured.
  the_server->observe ([captured] (const eva_server_notice &) {
    the_server->observe (nullptr);
    note (captured);
  });
  refuse_one (*the_server);
  refuse_one (*the_server);
  EXPECT_RECORD (captured + ";");
  the_server->observe ([captured] (const eva_server_notice &) {
    the_server.reset ();
    note (captured);
  });
  refuse_one (*the_server);
  EXPECT (!the_server);
  EXPECT_RECORD (captured + ";");
}

const test tests[] = {
  TEST (answers_are_wiped),
  TEST (parameters),
  TEST (bad_parameters),
  TEST (secret_command),
  TEST (hooks),
  TEST (notifications),
  TEST (pump),
  TEST (writable),
  TEST (observer),
};

} // namespace

int
main () {
  return run_tests (tests, sizeof tests / sizeof *tests);
}
