#include "program.h"

#include <fcntl.h>
#include <unistd.h>

#include "failure.h"

namespace ecmp {

void replace_program(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  // Node closes its own standard streams on exec, since its children get theirs otherwise.
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const int flags = fcntl(stream, F_GETFD);
    if (flags >= 0) fcntl(stream, F_SETFD, flags & ~FD_CLOEXEC);
  }
  execvp(arguments[0], arguments.data());
  fail(words[0], "start", "a program that can be run");
}

}  // namespace ecmp
