#include "link.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <string>

#include "descriptor.h"
#include "failure.h"

namespace ecmp {

namespace {

struct Request {
  nlmsghdr header;
  ifinfomsg link;
};

constexpr size_t kAnswerBytes = 32 * 1024;

bool is_veth(const rtattr* info) {
  int length = static_cast<int>(RTA_PAYLOAD(info));
  for (const auto* part = static_cast<const rtattr*>(RTA_DATA(info)); RTA_OK(part, length); part = RTA_NEXT(part, length)) {
    if (part->rta_type == IFLA_INFO_KIND) return std::strncmp(static_cast<const char*>(RTA_DATA(part)), "veth", RTA_PAYLOAD(part)) == 0;
  }
  return false;
}

}  // namespace

bool is_veth_across(uint32_t interface_index) {
  const Descriptor netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  const std::string where = "interface " + std::to_string(interface_index);
  if (netlink.number() < 0) fail(where, "open a netlink socket");
  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.link.ifi_index = static_cast<int>(interface_index);
  if (send(netlink.number(), &request, sizeof request, 0) < 0) fail(where, "ask for its link");
  alignas(nlmsghdr) std::array<char, kAnswerBytes> answer;
  const ssize_t got = recv(netlink.number(), answer.data(), answer.size(), 0);
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
  // Gone: it leads nowhere.
  if (got < 0 || !NLMSG_OK(header, static_cast<size_t>(got)) || header->nlmsg_type != RTM_NEWLINK) return false;
  const auto* link = static_cast<const ifinfomsg*>(NLMSG_DATA(header));
  bool across = false;
  bool veth = false;
  int length = static_cast<int>(IFLA_PAYLOAD(header));
  // The kernel names the other end's namespace where it is not the same (rtnl_fill_link_netnsid).
  for (const rtattr* part = IFLA_RTA(link); RTA_OK(part, length); part = RTA_NEXT(part, length)) {
    const int type = part->rta_type & NLA_TYPE_MASK;
    if (type == IFLA_LINK_NETNSID) across = true;
    if (type == IFLA_LINKINFO) veth = is_veth(part);
  }
  return veth && across;
}

}  // namespace ecmp
