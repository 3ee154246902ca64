#include "datagram_socket.h"

#include <netinet/ip.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <ctime>

#include "failure.h"
#include "waiter.h"

namespace ecmp {

DatagramSocket::DatagramSocket(const SocketAddress& address, int ttl)
    : descriptor_(socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  if (descriptor() < 0) fail(address.text(), "open a UDP socket");
  if (address.is_ipv4()) {
    set_option(IPPROTO_IP, IP_TTL, ttl, "IP_TTL");
    set_option(IPPROTO_IP, IP_RECVTTL, 1, "IP_RECVTTL");
    set_option(IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO");
    set_option(IPPROTO_IP, IP_TOS, IPTOS_CLASS_CS6, "IP_TOS");
  } else {
    set_option(IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
    set_option(IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl, "IPV6_UNICAST_HOPS");
    set_option(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT");
    set_option(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO");
    set_option(IPPROTO_IPV6, IPV6_TCLASS, IPTOS_CLASS_CS6, "IPV6_TCLASS");
  }
  if (bind(descriptor(), address.generic(), address.length()) != 0) fail(address.text(), "bind a UDP socket");
}

void DatagramSocket::set_option(int level, int name, int value, const char* title) const {
  if (setsockopt(descriptor(), level, name, &value, sizeof value) != 0) {
    fail("UDP socket", std::string("set ") + title + " to " + std::to_string(value));
  }
}

int DatagramSocket::send(const uint8_t* data, size_t length, const SocketAddress& to) const {
  return sendto(descriptor(), data, length, MSG_NOSIGNAL, to.generic(), to.length()) < 0 ? errno : 0;
}

bool DatagramSocket::receive(uint8_t* data, size_t capacity, Datagram& datagram) const {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in6_pktinfo))];
  iovec vector{data, capacity};
  datagram = {};
  msghdr message{};
  message.msg_name = &datagram.source.storage;
  message.msg_namelen = sizeof datagram.source.storage;
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  // MSG_TRUNC: the whole length, whatever fitted.
  const ssize_t length = recvmsg(descriptor(), &message, MSG_TRUNC);
  if (length < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    fail("UDP socket", "receive");
  }
  datagram.length = static_cast<size_t>(length);
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    const bool is_ttl = (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TTL) ||
                        (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_HOPLIMIT);
    int ttl;
    in_pktinfo info;
    in6_pktinfo info6;
    if (is_ttl) {
      std::memcpy(&ttl, CMSG_DATA(header), sizeof ttl);
      datagram.ttl = static_cast<uint32_t>(ttl);
    } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      std::memcpy(&info, CMSG_DATA(header), sizeof info);
      datagram.interface_index = static_cast<uint32_t>(info.ipi_ifindex);
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      std::memcpy(&info6, CMSG_DATA(header), sizeof info6);
      datagram.interface_index = info6.ipi6_ifindex;
    }
  }
  return true;
}

void wait_for_datagrams(const std::vector<const DatagramSocket*>& sockets, int event, double timeout_ms) {
  std::vector<pollfd> polled;
  polled.reserve(sockets.size() + 1);
  for (const DatagramSocket* socket : sockets) polled.push_back({socket->descriptor(), POLLIN, 0});
  polled.push_back({event, POLLIN, 0});
  const auto nanoseconds = static_cast<int64_t>(std::clamp(timeout_ms, 0.0, kLongestWaitMs) * 1e6);
  const timespec timeout{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  if (ppoll(polled.data(), polled.size(), &timeout, nullptr) <= 0) return;
  const short woken = polled.back().revents;
  if ((woken & POLLNVAL) != 0) throw Failure("wake: descriptor " + std::to_string(event) + " is closed; wanted an open eventfd");
  eventfd_t count;
  if ((woken & POLLIN) != 0) eventfd_read(event, &count);
}

}  // namespace ecmp
