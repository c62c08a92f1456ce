// SPDX-License-Identifier: LGPL-2.1-or-later
// cpp-client.cpp - an Assuan client in C++: it sends all commands at once and prints their replies.
//
// Inquiries are answered with standard input.
//
// usage: cpp-client ADDRESS COMMAND...     (such as unix:/PATH 'NOTE one' 'NOTE two' SHOW)
// exit status: 0 if all were answered with OK, 1 otherwise, 2 for bad usage

#include <eva.hpp>

#include <iostream>
#include <iterator>

namespace {

gpg_error_t
answer (eva::pending_call call) {
  std::istreambuf_iterator<char> begin (std::cin), end;

  call.answer (std::string (begin, end));
  call.end ();
  return 0;
}

// Returns whether all went well.
bool
ask (const std::string &address, const std::vector<std::string> &commands) {
  eva::loop loop;
  eva::client client (loop, address);
  size_t n_left = commands.size ();
  bool is_ok = true;

  for (const std::string &command : commands) {
    eva::callbacks cb;

    cb.inquire = [] (eva::pending_call call, const char *) { return answer (call); };
    cb.replied = [&] (gpg_error_t err, const eva_reply &reply) {
      std::cout.write (reply.data, static_cast<std::streamsize> (reply.data_len));
      for (size_t i = 0; i < reply.n_status; i++)
        std::cerr << "S " << reply.status[i] << "\n";
      if (err) {
        std::cerr << "cpp-client: " << command << ": "
                  << (reply.text ? reply.text : gpg_strerror (err)) << "\n";
        is_ok = false;
      }
      if (!--n_left) loop.stop ();
    };
    client.call (command, std::move (cb));
  }
  loop.run ();
  return is_ok;
}

} // namespace

int
main (int argc, char **argv) {
  if (argc < 3 || argv[1][0] == '-') {
    std::cerr << "usage: cpp-client ADDRESS COMMAND...     (such as unix:/PATH 'NOTE one' SHOW)\n";
    return 2;
  }
  try {
    return ask (argv[1], std::vector<std::string> (argv + 2, argv + argc)) ? 0 : 1;
  } catch (const std::exception &e) {
    std::cerr << "cpp-client: " << e.what () << "\n";
    return 1;
  }
}
