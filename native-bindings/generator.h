// A source of traffic for tests and benchmarks, not for the product: one UDP frame sent again and again, with the source port
// naming the flow and the payload a sequence number. Blocks its thread, for a bounded time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ecmp {

struct TrafficPlan {
  std::string interface;
  // Ethernet, IPv4 or IPv6 without options, UDP, at least four bytes of payload.
  std::vector<uint8_t> frame;
  uint64_t count;
  double seconds;
  // 0: as fast as it goes.
  double packets_per_second;
  // Frame n belongs to flow n % flows: its source port is the template's plus that.
  uint32_t flows;
  // False: UDP checksum zero (IPv4 only).
  bool checksum;
};

struct TrafficResult {
  uint64_t sent;
  // How often the kernel refused a frame, which was then tried again.
  uint64_t refusals;
  double seconds;
};

// Ends after `count` frames or `seconds`, whichever is first. The first four bytes of frame n's payload are n, big-endian.
TrafficResult generate(const TrafficPlan& plan);

}  // namespace ecmp
