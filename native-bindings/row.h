// The descriptor of one frame, as src/port/batch.ts lays it out: eight words. Both sides must agree on every word; the port
// suite (test/common/port.ts) fails if they do not.
#pragma once

#include <cstdint>

namespace ecmp {

struct Row {
  uint32_t offset;
  uint32_t length;
  uint32_t wire_length;
  uint32_t vlan_tci;
  uint32_t verdict;
  uint32_t reason;
  uint32_t egress;
  uint32_t next_hop;
};
static_assert(sizeof(Row) == 32, "ROW_WORDS of batch.ts");

constexpr uint32_t kVerdictForward = 1;

// struct virtio_net_hdr without num_buffers: what PACKET_VNET_HDR puts in front of every frame.
constexpr uint32_t kVirtioHeaderLength = 10;
// Where its gso_type lies; 0: one packet, not to be segmented.
constexpr uint32_t kVirtioGsoType = 1;
constexpr uint32_t kEthernetHeaderLength = 14;

}  // namespace ecmp
