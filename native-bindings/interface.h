// What the kernel says of a network interface, up or down (os.networkInterfaces of Node hides those that are down).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ecmp {

struct InterfaceAddress {
  // 4 or 16 bytes, network order.
  std::vector<uint8_t> bytes;
  uint32_t prefix_length;
};

struct InterfaceInfo {
  std::string name;
  uint32_t index;
  std::array<uint8_t, 6> mac;
  uint32_t mtu;
  bool up;
  bool running;
  bool loopback;
  std::vector<InterfaceAddress> addresses;
};

// Every interface of this thread's network namespace, by index.
std::vector<InterfaceInfo> list_interfaces();

}  // namespace ecmp
