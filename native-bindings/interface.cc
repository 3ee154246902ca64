#include "interface.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "descriptor.h"
#include "failure.h"

namespace ecmp {

namespace {

// False if the interface has gone since it was listed.
bool read_info(int descriptor, InterfaceInfo& info) {
  ifreq request{};
  info.name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(descriptor, SIOCGIFHWADDR, &request) != 0) return false;
  const auto* hardware = reinterpret_cast<const uint8_t*>(request.ifr_hwaddr.sa_data);
  if (request.ifr_hwaddr.sa_family == ARPHRD_ETHER) std::copy_n(hardware, info.mac.size(), info.mac.begin());
  if (ioctl(descriptor, SIOCGIFMTU, &request) != 0) return false;
  info.mtu = static_cast<uint32_t>(request.ifr_mtu);
  if (ioctl(descriptor, SIOCGIFFLAGS, &request) != 0) return false;
  info.up = (request.ifr_flags & IFF_UP) != 0;
  info.running = (request.ifr_flags & IFF_RUNNING) != 0;
  info.loopback = (request.ifr_flags & IFF_LOOPBACK) != 0;
  return true;
}

uint32_t count_bits(const uint8_t* bytes, size_t count) {
  uint32_t bits = 0;
  for (size_t i = 0; i < count; i++) bits += static_cast<uint32_t>(__builtin_popcount(bytes[i]));
  return bits;
}

// The bytes of an IP socket address; nothing for other families.
std::pair<const uint8_t*, size_t> address_bytes(const sockaddr* address) {
  if (address != nullptr && address->sa_family == AF_INET) {
    return {reinterpret_cast<const uint8_t*>(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr), 4};
  }
  if (address != nullptr && address->sa_family == AF_INET6) {
    return {reinterpret_cast<const uint8_t*>(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr), 16};
  }
  return {nullptr, 0};
}

}  // namespace

std::vector<InterfaceInfo> list_interfaces() {
  const Descriptor control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (control.number() < 0) fail("interfaces", "open a socket");
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> names(if_nameindex(), &if_freenameindex);
  if (!names) fail("interfaces", "list them");
  std::vector<InterfaceInfo> list;
  for (const struct if_nameindex* entry = names.get(); entry->if_index != 0; entry++) {
    InterfaceInfo info{};
    info.name = entry->if_name;
    info.index = entry->if_index;
    if (read_info(control.number(), info)) list.push_back(std::move(info));
  }
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) fail("interfaces", "list their addresses");
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> addresses(first, &freeifaddrs);
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    const auto [bytes, length] = address_bytes(entry->ifa_addr);
    const auto [mask, mask_length] = address_bytes(entry->ifa_netmask);
    if (bytes == nullptr || mask == nullptr) continue;
    for (InterfaceInfo& info : list) {
      if (info.name == entry->ifa_name) info.addresses.push_back({{bytes, bytes + length}, count_bits(mask, mask_length)});
    }
  }
  return list;
}

}  // namespace ecmp
