#include "waiter.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "failure.h"
#include "ring.h"

namespace ecmp {

int open_event() {
  const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) fail("wake", "create an eventfd");
  return descriptor;
}

void signal_event(int descriptor) {
  // EAGAIN is a counter that is full of unread signals: the wait will end all the same.
  if (eventfd_write(descriptor, 1) != 0 && errno != EAGAIN) fail("wake", "signal descriptor " + std::to_string(descriptor));
}

void wait_for_frames(const std::vector<Ring*>& rings, int event, double timeout_ms) {
  std::vector<pollfd> polled;
  polled.reserve(rings.size() + 1);
  for (const Ring* ring : rings) {
    if (ring->ready()) return;
    polled.push_back({ring->socket().descriptor(), POLLIN, 0});
  }
  polled.push_back({event, POLLIN, 0});
  const auto nanoseconds = static_cast<int64_t>(std::clamp(timeout_ms, 0.0, kLongestWaitMs) * 1e6);
  const timespec timeout{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  if (ppoll(polled.data(), polled.size(), &timeout, nullptr) <= 0) return;
  for (size_t i = 0; i < rings.size(); i++) {
    // An error that nobody reads is reported at once by the next poll: a busy loop that looks like waiting.
    if ((polled[i].revents & POLLERR) != 0) rings[i]->take_interface_error();
  }
  const short woken = polled.back().revents;
  if ((woken & POLLNVAL) != 0) throw Failure("wake: descriptor " + std::to_string(event) + " is closed; wanted an open eventfd");
  eventfd_t count;
  if ((woken & POLLIN) != 0) eventfd_read(event, &count);
}

}  // namespace ecmp
