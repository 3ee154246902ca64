// Waits for frames on several rings at once, and for an eventfd with which other threads end the wait.
#pragma once

#include <vector>

namespace ecmp {

class Ring;

// The longest a thread stays in the kernel. Node cannot interrupt native code: a worker that nobody wakes still ends after this.
constexpr double kLongestWaitMs = 1000;

// A wake-up is an eventfd: a number that any thread of the process may signal.
int open_event();
void signal_event(int descriptor);

// Returns when a ring has a frame, when the event was signaled (which it then is no more), on an interrupting signal, when an
// interface went down, and after the time-out at the latest. No system call where a frame waits already.
void wait_for_frames(const std::vector<Ring*>& rings, int event, double timeout_ms);

}  // namespace ecmp
