// Sends the frames of a batch, 64 a system call, straight from the memory they lie in.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>

#include "counters.h"
#include "packet_socket.h"
#include "row.h"

namespace ecmp {

class Sender {
 public:
  Sender(PacketSocket& socket, Counters& counters);

  // Sends the rows whose verdict is forward and whose egress is `egress`; returns how many were refused. Every frame is tried
  // once (see sender.cc for the one exception), so the work is bounded. A row that points outside of `bytes` throws before
  // anything of its 64 is sent.
  uint32_t transmit(uint8_t* bytes, size_t byte_length, const Row* rows, uint32_t count, uint32_t egress);

 private:
  static constexpr uint32_t kMessages = 64;

  uint32_t flush(uint32_t count);
  bool retry_segmented(uint32_t index);

  PacketSocket& socket_;
  Counters& counters_;
  bool bypass_ = true;
  mmsghdr messages_[kMessages];
  iovec vectors_[kMessages];
};

}  // namespace ecmp
