// SPDX-License-Identifier: LGPL-2.1-or-later
// cpp-server.cpp - an Assuan server in C++: each connection is an object.
//
// Whatever a connection has is a member of its object, and goes away with it: here the notes that
// its client made, and the timer of a command that takes its time.
//
// usage: cpp-server ADDRESS     ends gently on SIGINT and SIGTERM

#include <eva.hpp>

#include <csignal>
#include <iostream>
#include <sys/signalfd.h>
#include <unistd.h>

namespace {

struct notepad : eva::session {
  using eva::session::session;

  // NOTE text
  gpg_error_t note (char *line) {
    if (notes.size () == 100) throw eva::error (GPG_ERR_LIMIT_REACHED, "100 notes are enough");
    notes.push_back (line);
    return 0;
  }

  // SHOW: all notes, a line each
  gpg_error_t show (char *) {
    for (const std::string &note : notes)
      send (note + "\n");
    status ("NOTES", std::to_string (notes.size ()));
    return 0;
  }

  // FILL: a note of any length, for which the server asks with INQUIRE NOTE
  gpg_error_t fill (char *) {
    return inquire ("NOTE", 100000, [this] (gpg_error_t err, const char *text, size_t len) {
      if (!err) notes.emplace_back (text, len);
      return err;
    });
  }

  // REMIND seconds: answers that much later with the last note
  gpg_error_t remind (char *line) {
    unsigned int seconds = static_cast<unsigned int> (std::stoul (line));

    if (notes.empty ()) throw eva::error (GPG_ERR_NO_DATA, "there are no notes");
    timer.reset (new eva::timer (home (), seconds * 1000, [this] {
      send (notes.back ());
      finish ();
    }));
    on_cancel ([this] (gpg_error_t) { timer.reset (); });
    return defer ();
  }

  std::vector<std::string> notes;
  std::unique_ptr<eva::timer> timer;
};

// Makes SIGINT and SIGTERM readable, so that they come between callbacks.
int
open_signals () {
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  sigprocmask (SIG_BLOCK, &set, nullptr);
  return signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void
serve (const char *address) {
  eva::service<notepad> service;
  eva::loop loop;

  service.command ("NOTE", &notepad::note, "NOTE text\n\nKeep the text.")
      .command ("SHOW", &notepad::show, "SHOW\n\nAnswer with all notes.")
      .command ("FILL", &notepad::fill, "FILL\n\nAsk for a note with INQUIRE NOTE.")
      .command ("REMIND", &notepad::remind, "REMIND seconds\n\nAnswer later with the last note.")
      .on_reset ([] (notepad &pad, char *) -> gpg_error_t {
        pad.notes.clear ();
        return 0;
      });

  eva::server server (loop, service);
  const int signals = open_signals ();
  eva::watch signal (loop, signals, EVA_READABLE, [&] (unsigned int) {
    server.drain (3000, [&loop] { loop.stop (); });
    signal.set (0); // once is enough
  });

  server.listen (address);
  std::cout << "cpp-server: listening on " << server.address () << std::endl;
  loop.run ();
  close (signals);
}

} // namespace

int
main (int argc, char **argv) {
  if (argc != 2 || argv[1][0] == '-') {
    std::cerr << "usage: cpp-server ADDRESS     (such as unix:/PATH)\n";
    return 2;
  }
  try {
    serve (argv[1]);
  } catch (const std::exception &e) {
    std::cerr << "cpp-server: " << e.what () << "\n";
    return 1;
  }
  return 0;
}
