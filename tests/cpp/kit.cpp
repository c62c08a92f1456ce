// SPDX-License-Identifier: LGPL-2.1-or-later
// kit.cpp - what tests of eva.hpp share.  See kit.hpp.

#include "kit.hpp"

bool failed, refuses;
std::string record;
int n_sessions;
std::unique_ptr<eva::server> the_server;

void
expect (bool ok, const char *what, int line) {
  if (ok) return;
  std::printf ("# %d: %s\n", line, what);
  failed = true;
}

void
note (const std::string &text) {
  record += text + ";";
}

std::string
name (gpg_error_t err) {
  return err ? gpg_strerror (gpg_err_code (err)) : "0";
}

void
expect_record (const std::string &wanted, int line) {
  if (record != wanted) {
    std::printf ("# %d: told: %s\n# wanted: %s\n", line, record.c_str (), wanted.c_str ());
    failed = true;
  }
  record.clear ();
}

eva::service<my_session>
make_service () {
  eva::service<my_session> service;

  service.hello ("hi")
      .command ("ECHO", &my_session::echo, "ECHO text")
      .command ("LATER", &my_session::later)
      .command ("ASK", &my_session::ask)
      .command ("COUNT",
                [] (my_session &s, char *) {
                  s.send (std::to_string (s.n_echoes));
                  return 0u;
                })
      .command ("THROW",
                [] (my_session &, char *line) -> gpg_error_t {
                  switch (*line) {
                  case 'e':
                    throw eva::error (GPG_ERR_NOT_FOUND, "no such thing");
                  case 'p':
                    throw eva::error (GPG_ERR_NOT_FOUND);
                  case 'm':
                    throw std::bad_alloc ();
                  case 'r':
                    throw std::runtime_error ("a secret");
                  default:
                    throw 1;
                  }
                })
      .command ("FREE",
                [] (my_session &s, char *) -> gpg_error_t {
                  the_server.reset ();
                  EXPECT (n_sessions == 1);
                  s.text = "still there";
                  return 0;
                })
      .command ("CLOSE",
                [] (my_session &s, char *) -> gpg_error_t {
                  s.close ();
                  return 0;
                })
      .on_option ([] (my_session &, const char *key, const char *value) -> gpg_error_t {
        note (std::string ("option ") + key + "=" + value);
        if (*value == 'x') throw eva::error (GPG_ERR_USER_1, "not x");
        return 0;
      })
      .on_reset ([] (my_session &s, char *) -> gpg_error_t {
        s.n_echoes = 0;
        return 0;
      })
      .on_close ([] (my_session &, gpg_error_t reason) { note ("left " + name (reason)); });
  return service;
}

void
answer (pair &p, std::function<gpg_error_t (eva::pending_call, const char *)> f) {
  eva::callbacks cb;

  cb.inquire = std::move (f);
  cb.replied = [] (gpg_error_t err, const eva_reply &reply) {
    note (name (err) + " " + (reply.text ? reply.text : reply.data));
  };
  p.client->call ("ASK", std::move (cb));
  p.settle ();
}

int
run_tests (const test *tests, size_t n) {
  int n_failed = 0;

  std::setvbuf (stdout, nullptr, _IOLBF, 0);
  alarm (300);
  std::printf ("1..%zu\n", n);
  for (size_t i = 0; i < n; i++) {
    failed = false;
    record.clear ();
    tests[i].run ();
    if (failed) n_failed++;
    std::printf ("%sok %zu - %s\n", failed ? "not " : "", i + 1, tests[i].name);
  }
  return n_failed ? 1 : 0;
}
