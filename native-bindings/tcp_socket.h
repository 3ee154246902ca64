// The options of TCP sockets that Node does not know: a signature on every segment (TCP-MD5, RFC 2385), the TTL that we send,
// the least TTL that we take (GTSM, RFC 5082). The sockets themselves become Node's: these functions work on descriptors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "descriptor.h"
#include "socket_address.h"

namespace ecmp {

// TCP_MD5SIG_MAXKEYLEN of linux/tcp.h.
constexpr size_t kLongestSignatureKey = 80;

// Neither connected nor listening. An IPv6 socket takes no IPv4.
Descriptor open_tcp(int family);

// Where it listens, or where it dials from; `reuse` for listeners. The device, if one is named, is all that it hears and uses.
void bind_tcp(int descriptor, const SocketAddress& address, bool reuse);
void bind_to_device(int descriptor, const std::string& device);

// Segments from and to `peer` are signed with the key, on a listener those of its connections too; an empty key ends that. A
// connection keeps the key that it began with.
void sign_tcp(int descriptor, const SocketAddress& peer, uint8_t prefix_length, const uint8_t* key, size_t key_length);

void set_ttl(int descriptor, int ttl);

// What comes with a lower TTL is dropped by the kernel: IP_MINTTL, which has one value for a socket.
void set_minimum_ttl(int descriptor, int ttl);

struct MinimumTtl {
  SocketAddress peer;
  uint8_t prefix_length;
  uint8_t ttl;
};

// The same for a listener, by neighbor, from the SYN on: a socket filter, which its connections inherit. The first row that
// fits the source decides, and whom no row fits may have any TTL.
void require_ttl(int descriptor, const std::vector<MinimumTtl>& rows);

// Segments that the kernel dropped at this socket: signature, TTL, full queue.
uint32_t dropped_segments(int descriptor);

}  // namespace ecmp
