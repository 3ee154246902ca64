// The floor of `npm run bench:wire`: what this way to receive and send can reach at all. The rings, the sockets and the waiting
// are the router's own (native-bindings); it looks nothing up and has no JavaScript: an IPv4 frame of the first port
// leaves by one of the others, which a byte of it says, and theirs by the first, with the MAC addresses that it is told and a TTL
// one less, so that it sends what the others send.
//
//   wire-floor PORT FROM TO PORT FROM TO ...      FROM and TO: the MAC addresses of frames that leave by that port
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
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
constexpr uint32_t kDestinationAt = 30;
constexpr uint32_t kSourcePortAt = 34;
constexpr uint32_t kShortest = 38;
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

// The first node is 10.0.11.2, the next one 10.0.12.2; the address that they share goes by the source port.
uint32_t node_of(const uint8_t* frame, uint32_t nodes) {
  const bool is_own = frame[kDestinationAt] == 10;
  return (is_own ? frame[kDestinationAt + 2] - 11u : frame[kSourcePortAt] << 8 | frame[kSourcePortAt + 1]) % nodes;
}

uint32_t pass(std::vector<std::unique_ptr<Side>>& sides, size_t from) {
  const auto last = static_cast<uint32_t>(sides.size()) - 1;
  const uint32_t count = sides[from]->ring.receive();
  if (count == 0) return 0;
  uint8_t* const bytes = sides[from]->ring.mapping()->base();
  const uint64_t length = sides[from]->ring.frame_bytes();
  auto* const rows = reinterpret_cast<ecmp::Row*>(bytes + length);
  for (uint32_t i = 0; i < count; i++) {
    uint8_t* const frame = bytes + rows[i].offset;
    if (rows[i].length < kShortest || frame[kTypeAt] != 8 || frame[kTypeAt + 1] != 0) continue;
    rows[i].egress = from == 0 ? 1 + node_of(frame, last) : 0;
    memcpy(frame, sides[rows[i].egress]->addresses, sizeof sides[0]->addresses);
    decrement_ttl(frame);
    rows[i].verdict = ecmp::kVerdictForward;
  }
  const uint32_t end = from == 0 ? last + 1 : 1;
  for (uint32_t to = from == 0 ? 1 : 0; to < end; to++) sides[to]->ring.transmit(bytes, length, rows, count, to);
  return count;
}

}  // namespace

int main(int count, char** words) try {
  if (count < 7 || count % 3 != 1) throw ecmp::Failure(std::to_string(count - 1) + " words; wanted PORT FROM TO, twice or more");
  std::vector<std::unique_ptr<Side>> sides;
  std::vector<ecmp::Ring*> rings;
  for (int at = 1; at < count; at += 3) {
    sides.push_back(std::make_unique<Side>(words + at));
    rings.push_back(&sides.back()->ring);
  }
  const int event = ecmp::open_event();
  puts("ready");
  fflush(stdout);
  for (;;) {
    uint32_t passed = 0;
    for (size_t from = 0; from < sides.size(); from++) passed += pass(sides, from);
    if (passed == 0) ecmp::wait_for_frames(rings, event, kIdleMs);
  }
} catch (const std::exception& error) {
  fprintf(stderr, "wire-floor: %s\n", error.what());
  return 2;
}
