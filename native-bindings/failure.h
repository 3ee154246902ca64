// What the ring code throws and the border turns into a JavaScript Error: a text for people (where, value, wanted) and the
// errno that caused it.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace ecmp {

class Failure : public std::runtime_error {
 public:
  Failure(const std::string& text, int code = 0) : std::runtime_error(text), code(code) {}
  const int code;
};

// "r0: cannot bind: No such device". Reads errno first of all, so nothing may come between it and the failing call.
[[noreturn]] inline void fail(const std::string& where, const std::string& action, const std::string& wanted = "") {
  const int code = errno;
  throw Failure(where + ": cannot " + action + ": " + std::strerror(code) + (wanted.empty() ? "" : "; wanted " + wanted), code);
}

}  // namespace ecmp
