// An AF_PACKET socket (packet(7), net/packet/af_packet.c) with the options that every port of ours has: virtio headers, no
// queueing discipline, nothing that we sent ourselves. Binding is a step of its own: a ring must exist before the first frame.
#pragma once

#include <cstdint>
#include <string>

#include "descriptor.h"

namespace ecmp {

constexpr uint32_t kNoFanout = UINT32_MAX;

class PacketSocket {
 public:
  explicit PacketSocket(const std::string& interface);

  // Protocol is ETH_P_ALL, or 0 to send only.
  void bind(uint16_t protocol);
  // When it listens, those frames are left out for which this program (a descriptor that outlives the socket) says 0.
  void filter_by(int program) { program_ = program; }
  // Frames are left out, from `deafen` until `listen`.
  void deafen();
  void listen();
  // Joins the group in which the kernel gives each flow, in both directions, to one member.
  void join_fanout(uint32_t group);
  // From now on frames pass the queueing discipline, which also segments those the device cannot.
  bool leave_bypass();
  bool device_segments_tcp() const;
  void set_option(int name, int value, const char* title);

  // The pending error of the socket (the interface went down or away), 0 if there is none. Reading clears it.
  int take_error() const;

  const std::string& interface() const { return interface_; }
  int descriptor() const { return descriptor_.number(); }
  uint32_t receive_buffer_bytes() const;
  void close() { descriptor_.reset(); }

 private:
  std::string interface_;
  int index_;
  Descriptor descriptor_;
  int program_ = -1;
  bool is_deaf_ = false;
};

// Frames that the kernel had no room for at a packet socket of this process, whoever opened it, since this was last asked; -1
// if it is no packet socket. Not for sockets of ours: their rings ask themselves.
int64_t packet_drops(int descriptor);

}  // namespace ecmp
