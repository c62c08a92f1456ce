// SPDX-License-Identifier: LGPL-2.1-or-later
// kit.hpp - what tests of eva.hpp share: a server and a client in one loop, and a record of what
// their callbacks were told.

#ifndef EVA_TESTS_CPP_KIT_HPP
#define EVA_TESTS_CPP_KIT_HPP

#include <eva.hpp>

#include <cstdio>
#include <cstdlib>
#include <sys/socket.h>
#include <unistd.h>

// Whether an expectation of the test under way failed.
extern bool failed;

void expect (bool ok, const char *what, int line);
#define EXPECT(condition) expect ((condition), #condition, __LINE__)

// What the callbacks were told.
extern std::string record;

void note (const std::string &text);
std::string name (gpg_error_t err);

// Compares the record, and begins a new one.
void expect_record (const std::string &wanted, int line);
#define EXPECT_RECORD(wanted) expect_record (wanted, __LINE__)

extern int n_sessions;
extern std::unique_ptr<eva::server> the_server;
extern bool refuses; // sessions throw when they are made

struct my_session : eva::session {
  explicit my_session (assuan_context_t ctx) : eva::session (ctx) {
    if (refuses) throw eva::error (GPG_ERR_USER_1, "closed today");
    n_sessions++;
  }

  ~my_session () override {
    n_sessions--;
  }

  gpg_error_t echo (char *line) {
    status ("ECHOING", line);
    send (line);
    n_echoes++;
    return 0;
  }

  gpg_error_t later (char *line) {
    text = line;
    on_cancel ([this] (gpg_error_t reason) {
      note ("cancelled " + name (reason));
      timer.reset ();
    });
    if (!*line) return defer (); // for good
    timer.reset (new eva::timer (home (), 1, [this] {
      send (text);
      finish ();
      timer.reset ();
    }));
    return defer ();
  }

  gpg_error_t ask (char *) {
    return inquire ("WHAT", 100,
                    [this] (gpg_error_t err, const char *data, size_t len) -> gpg_error_t {
                      if (err) return err;
                      if (std::string (data, len) == "throw")
                        throw eva::error (GPG_ERR_USER_2, "thrown late");
                      send ("got " + std::string (data, len));
                      return 0;
                    });
  }

  std::unique_ptr<eva::timer> timer;
  std::string text;
  int n_echoes = 0;
};

eva::service<my_session> make_service ();

// A server and a client of it.
struct pair {
  explicit pair (const eva::service<my_session> &service = make_service ()) {
    int fd[2];

    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) std::abort ();
    the_server.reset (new eva::server (loop, service));
    the_server->adopt (fd[0]);
    client.reset (new eva::client (loop, "fd:" + std::to_string (fd[1])));
  }

  ~pair () {
    client.reset ();
    the_server.reset ();
    if (n_sessions) settle ();
    EXPECT (n_sessions == 0);
    record.clear ();
  }

  // Whatever is due has happened.
  void settle () {
    for (int i = 0; i < 30; i++)
      loop.dispatch (0);
  }

  void await (const std::string &text) {
    while (record.find (text) == std::string::npos)
      loop.dispatch (1000);
  }

  // Tells what came of COMMAND.
  eva::pending_call ask (const std::string &command) {
    return client->call (command, [] (gpg_error_t err, const eva_reply &reply) {
      std::string told = name (err) + " '" + std::string (reply.data, reply.data_len) + "'";

      for (size_t i = 0; i < reply.n_status; i++)
        told += std::string (" [") + reply.status[i] + "]";
      if (reply.text) told += std::string (" ") + reply.text;
      note (told);
    });
  }

  eva::loop loop;
  std::unique_ptr<eva::client> client;
};

// Calls ASK, whose inquiry F answers.
void answer (pair &p, std::function<gpg_error_t (eva::pending_call, const char *)> f);

struct test {
  const char *name;
  void (*run) ();
};

#define TEST(name) { #name, test_##name }

// Runs the N tests.  Returns what main does.
int run_tests (const test *tests, size_t n);

#endif // EVA_TESTS_CPP_KIT_HPP
