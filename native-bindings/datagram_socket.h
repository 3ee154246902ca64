// A UDP socket that tells with what TTL (hop limit) each datagram came, which Node's do not. BFD lives on that (RFC 5881 5).
// Never blocks; waiting is for `wait_for_datagrams`.
#pragma once

#include <cstdint>
#include <vector>

#include "descriptor.h"
#include "socket_address.h"

namespace ecmp {

struct Datagram {
  // More than was asked for means that it was cut.
  size_t length;
  SocketAddress source;
  uint32_t ttl;
  uint32_t interface_index;
};

class DatagramSocket {
 public:
  // `ttl`: of what it sends.
  DatagramSocket(const SocketAddress& address, int ttl);

  int descriptor() const { return descriptor_.number(); }

  // The errno, 0 if it went out. That a network is unreachable for a while is no failure of the program.
  int send(const uint8_t* data, size_t length, const SocketAddress& to) const;

  // False when none waits.
  bool receive(uint8_t* data, size_t capacity, Datagram& datagram) const;

 private:
  void set_option(int level, int name, int value, const char* title) const;

  Descriptor descriptor_;
};

// Returns when one of them has a datagram, when the event was signaled (which it then is no more), and after the time-out.
void wait_for_datagrams(const std::vector<const DatagramSocket*>& sockets, int event, double timeout_ms);

}  // namespace ecmp
