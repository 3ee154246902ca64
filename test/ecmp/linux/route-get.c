/*
 * Asks the kernel for the route of IPv6 flows that come in at an interface, with a flow label (RTM_GETROUTE, rtnetlink(7)).
 * Reads lines "source destination protocol source-port destination-port label", prints the gateway of each.
 */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Attributes that older headers lack. */
enum { IP_PROTOCOL = 27, SOURCE_PORT = 28, DESTINATION_PORT = 29, FLOW_LABEL = 31 };

struct request {
  struct nlmsghdr header;
  struct rtmsg route;
  char attributes[256];
};

static void add(struct request *request, unsigned short type, const void *value, unsigned short length) {
  struct rtattr *attribute = (struct rtattr *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = RTA_LENGTH(length);
  memcpy(RTA_DATA(attribute), value, length);
  request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void print_gateway(const struct nlmsghdr *answer) {
  char text[INET6_ADDRSTRLEN];
  const struct rtmsg *route = NLMSG_DATA(answer);
  int length = RTM_PAYLOAD(answer);
  for (const struct rtattr *a = RTM_RTA(route); RTA_OK(a, length); a = RTA_NEXT(a, length)) {
    if (a->rta_type != RTA_GATEWAY) continue;
    puts(inet_ntop(AF_INET6, RTA_DATA(a), text, sizeof text));
    return;
  }
  puts("none");
}

int main(int count, char **arguments) {
  char source[64], destination[64];
  unsigned protocol, from, to, label;
  int wire = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (count != 2 || wire < 0) fail("socket");
  uint32_t interface = if_nametoindex(arguments[1]);
  while (scanf("%63s %63s %u %u %u %u", source, destination, &protocol, &from, &to, &label) == 6) {
    struct in6_addr address;
    struct request request = {.header = {.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
                              .route = {.rtm_family = AF_INET6, .rtm_src_len = 128, .rtm_dst_len = 128}};
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.route);
    uint8_t protocol_byte = protocol;
    uint16_t ports[2] = {htons(from), htons(to)};
    uint32_t label_word = htonl(label);
    if (inet_pton(AF_INET6, source, &address) != 1) fail(source);
    add(&request, RTA_SRC, &address, sizeof address);
    if (inet_pton(AF_INET6, destination, &address) != 1) fail(destination);
    add(&request, RTA_DST, &address, sizeof address);
    add(&request, RTA_IIF, &interface, sizeof interface);
    add(&request, IP_PROTOCOL, &protocol_byte, sizeof protocol_byte);
    if (from) add(&request, SOURCE_PORT, &ports[0], sizeof ports[0]);
    if (to) add(&request, DESTINATION_PORT, &ports[1], sizeof ports[1]);
    if (label) add(&request, FLOW_LABEL, &label_word, sizeof label_word);
    if (send(wire, &request, request.header.nlmsg_len, 0) < 0) fail("send");
    _Alignas(struct nlmsghdr) char answer[8192];
    if (recv(wire, answer, sizeof answer, 0) < 0) fail("recv");
    const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
    if (header->nlmsg_type == NLMSG_ERROR) {
      const struct nlmsgerr *error = NLMSG_DATA(header);
      fprintf(stderr, "%s to %s: %s\n", source, destination, strerror(-error->error));
      return 1;
    }
    print_gateway(header);
  }
  return 0;
}
