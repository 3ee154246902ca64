// The program of this process.
#pragma once

#include <string>
#include <vector>

namespace ecmp {

// Another program in this process, under its id and with its standard streams (execvp): returns only by a Failure. All other
// threads end, and every other descriptor that Node has opened is closed.
[[noreturn]] void replace_program(const std::vector<std::string>& words);

}  // namespace ecmp
