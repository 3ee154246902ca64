// The floor of `npm run bench:wire`: what this way to receive and send can reach at all. The rings, the sockets and the waiting
// are the router's own (native-bindings); it decides nothing, looks nothing up and has no JavaScript: every IPv4 frame of one
// port leaves by the other, with the MAC addresses that it is told and a TTL one less, so that it sends what the others send.
//
//   wire-floor PORT FROM TO PORT FROM TO          FROM and TO: the MAC addresses of frames that leave by that port
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "../native-bindings/failure.h"
#include "../native-bindings/ring.h"
#include "../native-bindings/waiter.h"

namespace {

constexpr uint32_t kAddressLength = 6;
constexpr uint32_t kTypeAt = 12;
constexpr uint32_t kTtlAt = 22;
constexpr uint32_t kChecksumAt = 24;
constexpr uint32_t kShortest = 34;
constexpr double kIdleMs = 100;

struct Side {
  explicit Side(char** words) : ring(options_of(words[0])) {
    for (int i = 0; i < 2; i++) {
      uint8_t* at = addresses + (1 - i) * kAddressLength;
      if (sscanf(words[1 + i], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", at, at + 1, at + 2, at + 3, at + 4, at + 5) == 6) continue;
      throw ecmp::Failure(std::string(words[1 + i]) + "; wanted a MAC address");
    }
    ring.listen(ecmp::kNoFanout);
  }

  static ecmp::RingOptions options_of(const char* interface) {
    ecmp::RingOptions options;
    options.interface = interface;
    return options;
  }

  ecmp::Ring ring;
  // As a frame begins: the destination, then the source.
  uint8_t addresses[2 * kAddressLength];
};

// RFC 1624: the TTL is the upper byte of its word.
void decrement_ttl(uint8_t* frame) {
  frame[kTtlAt]--;
  const uint32_t sum = static_cast<uint32_t>(frame[kChecksumAt] << 8 | frame[kChecksumAt + 1]) + 0x100;
  const uint32_t folded = (sum & 0xffff) + (sum >> 16);
  frame[kChecksumAt] = static_cast<uint8_t>(folded >> 8);
  frame[kChecksumAt + 1] = static_cast<uint8_t>(folded);
}

uint32_t pass(Side& from, Side& to) {
  const uint32_t count = from.ring.receive();
  uint8_t* const bytes = from.ring.mapping()->base();
  auto* const rows = reinterpret_cast<ecmp::Row*>(bytes + from.ring.frame_bytes());
  for (uint32_t i = 0; i < count; i++) {
    uint8_t* const frame = bytes + rows[i].offset;
    if (rows[i].length < kShortest || frame[kTypeAt] != 8 || frame[kTypeAt + 1] != 0) continue;
    memcpy(frame, to.addresses, sizeof to.addresses);
    decrement_ttl(frame);
    rows[i].verdict = ecmp::kVerdictForward;
  }
  if (count > 0) to.ring.transmit(bytes, from.ring.frame_bytes(), rows, count, 0);
  return count;
}

}  // namespace

int main(int count, char** words) try {
  if (count != 7) throw ecmp::Failure(std::to_string(count - 1) + " arguments; wanted PORT FROM TO PORT FROM TO");
  Side one(words + 1);
  Side other(words + 4);
  const std::vector<ecmp::Ring*> rings{&one.ring, &other.ring};
  const int event = ecmp::open_event();
  puts("ready");
  fflush(stdout);
  for (;;) {
    if (pass(one, other) + pass(other, one) == 0) ecmp::wait_for_frames(rings, event, kIdleMs);
  }
} catch (const std::exception& error) {
  fprintf(stderr, "wire-floor: %s\n", error.what());
  return 2;
}
