// An IP address with its port, as the border hands it over (4 or 16 bytes, network order), and as the kernel wants it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace ecmp {

struct SocketAddress {
  sockaddr_storage storage{};

  SocketAddress() = default;
  SocketAddress(const uint8_t* bytes, size_t length, uint16_t port) {
    if (length == 4) {
      auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      std::memcpy(&v4.sin_addr, bytes, 4);
    } else {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      std::memcpy(&v6.sin6_addr, bytes, 16);
    }
  }

  bool is_ipv4() const { return storage.ss_family == AF_INET; }
  int family() const { return storage.ss_family; }
  const sockaddr* generic() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&storage); }
  socklen_t length() const { return is_ipv4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }
  uint16_t port() const {
    return ntohs(is_ipv4() ? reinterpret_cast<const sockaddr_in&>(storage).sin_port
                           : reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
  }
  const uint8_t* bytes() const {
    return is_ipv4() ? reinterpret_cast<const uint8_t*>(&reinterpret_cast<const sockaddr_in&>(storage).sin_addr)
                     : reinterpret_cast<const uint8_t*>(&reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr);
  }
  std::string text() const {
    char address[INET6_ADDRSTRLEN] = "?";
    inet_ntop(family(), bytes(), address, sizeof address);
    return is_ipv4() ? std::string(address) + ":" + std::to_string(port())
                     : "[" + std::string(address) + "]:" + std::to_string(port());
  }
};

}  // namespace ecmp
