#include "packet_socket.h"

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "failure.h"

// Linux 6.2 and later; absent from older headers.
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

namespace ecmp {

namespace {

// Frames larger than a slot wait in the socket's own queue. Each is charged with all its pages, some 70 KiB for a full GSO
// frame, so this is room for about four hundred.
constexpr int kReceiveBufferBytes = 32 << 20;
constexpr int kSendBufferBytes = 8 << 20;

// The forced form needs CAP_NET_ADMIN over the whole machine, which root of a user namespace lacks: then the sysctl
// net.core.rmem_max (wmem_max) is the limit.
void set_buffer(int descriptor, int forced, int plain, int bytes) {
  if (setsockopt(descriptor, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0) {
    setsockopt(descriptor, SOL_SOCKET, plain, &bytes, sizeof bytes);
  }
}

void require_ethernet(int descriptor, const std::string& interface) {
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(descriptor, SIOCGIFHWADDR, &request) != 0) fail(interface, "read the hardware address");
  const auto type = request.ifr_hwaddr.sa_family;
  if (type != ARPHRD_ETHER && type != ARPHRD_LOOPBACK) {
    throw Failure(interface + ": hardware type " + std::to_string(type) + "; wanted an Ethernet interface (type 1)");
  }
}

}  // namespace

PacketSocket::PacketSocket(const std::string& interface) : interface_(interface) {
  index_ = static_cast<int>(if_nametoindex(interface.c_str()));
  if (index_ == 0) fail(interface, "find the interface", "a name that `ip link` lists");
  // Protocol 0: deaf until bound, or frames of every interface would come in meanwhile.
  descriptor_ = Descriptor(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (descriptor() < 0) fail(interface, "open a packet socket", "CAP_NET_RAW: root, or a user and network namespace of your own");
  require_ethernet(descriptor(), interface);
  set_option(PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
  set_option(PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING (Linux 4.20)");
  set_option(PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS");
  set_buffer(descriptor(), SO_RCVBUFFORCE, SO_RCVBUF, kReceiveBufferBytes);
  set_buffer(descriptor(), SO_SNDBUFFORCE, SO_SNDBUF, kSendBufferBytes);
}

void PacketSocket::set_option(int name, int value, const char* title) {
  if (setsockopt(descriptor(), SOL_PACKET, name, &value, sizeof value) != 0) {
    fail(interface_, std::string("set ") + title + " to " + std::to_string(value));
  }
}

void PacketSocket::bind(uint16_t protocol) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(protocol);
  address.sll_ifindex = index_;
  if (::bind(descriptor(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    fail(interface_, "bind a packet socket", "an interface that exists");
  }
}

void PacketSocket::deafen() {
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &nothing};
  if (setsockopt(descriptor(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) fail(interface_, "attach a filter");
  is_deaf_ = true;
}

void PacketSocket::listen() {
  const int ignored = 0;
  if (program_ >= 0) {
    if (setsockopt(descriptor(), SOL_SOCKET, SO_ATTACH_BPF, &program_, sizeof program_) != 0) fail(interface_, "attach a program");
  } else if (is_deaf_) {
    if (setsockopt(descriptor(), SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof ignored) != 0) fail(interface_, "detach the filter");
  }
  is_deaf_ = false;
}

void PacketSocket::join_fanout(uint32_t group) {
  // In a group the flag of the group decides, not the option of the socket, whether our own frames come back. Kernels without
  // that flag refuse it; the ring leaves such frames out by their packet type. PACKET_FANOUT_FLAG_DEFRAG is never set: it
  // hands over reassembled frames that no interface can send.
  const int by_flow = static_cast<int>(group) | (PACKET_FANOUT_HASH << 16);
  const int quiet = by_flow | (PACKET_FANOUT_FLAG_IGNORE_OUTGOING << 16);
  if (setsockopt(descriptor(), SOL_PACKET, PACKET_FANOUT, &quiet, sizeof quiet) == 0) return;
  set_option(PACKET_FANOUT, by_flow, "PACKET_FANOUT");
}

bool PacketSocket::leave_bypass() {
  const int off = 0;
  return setsockopt(descriptor(), SOL_PACKET, PACKET_QDISC_BYPASS, &off, sizeof off) == 0;
}

bool PacketSocket::device_segments_tcp() const {
  ethtool_value query{};
  query.cmd = ETHTOOL_GTSO;
  ifreq request{};
  interface_.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&query);
  return ioctl(descriptor(), SIOCETHTOOL, &request) == 0 && query.data != 0;
}

int PacketSocket::take_error() const {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(descriptor(), SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

uint32_t PacketSocket::receive_buffer_bytes() const {
  int bytes = 0;
  socklen_t length = sizeof bytes;
  return getsockopt(descriptor(), SOL_SOCKET, SO_RCVBUF, &bytes, &length) == 0 ? static_cast<uint32_t>(bytes) : 0;
}

int64_t packet_drops(int descriptor) {
  // The first two words are the same for every version of ring; the third is TPACKET_V3's.
  tpacket_stats_v3 statistics{};
  socklen_t length = sizeof statistics;
  if (getsockopt(descriptor, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) != 0) return -1;
  return statistics.tp_drops;
}

}  // namespace ecmp
