/*
 * Asks the kernel for the routes of flows that come in at an interface (RTM_GETROUTE, rtnetlink(7)), as `ip route get` does,
 * which cannot give a flow label and needs some 40 times as long. Standard input is blocks of 32-bit words: how the kernel is
 * to hash, and flows; standard output is one 32-bit word a flow, the last 16 bits of the gateway's address, 0 without one.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Attributes that older headers lack. */
enum { IP_PROTOCOL = 27, SOURCE_PORT = 28, DESTINATION_PORT = 29, FLOW_LABEL = 31 };

/* The answers to so many questions wait in the socket's buffer, which has room for some forty. */
enum { AT_ONCE = 24 };

struct block {
  uint32_t family, policy, fields, seed, flows;
};

struct flow {
  uint32_t protocol, source_port, destination_port, label, source[4], destination[4];
};

struct request {
  struct nlmsghdr header;
  struct rtmsg route;
  char attributes[256];
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void set(unsigned family, const char *name, uint32_t value) {
  char path[80], text[16];
  snprintf(path, sizeof path, "/proc/sys/net/ipv%u/fib_multipath_hash_%s", family, name);
  int length = snprintf(text, sizeof text, "%u", value);
  int file = open(path, O_WRONLY);
  if (file < 0 || write(file, text, length) != length) fail(path);
  close(file);
}

static void add(struct request *request, unsigned short type, const void *value, unsigned short length) {
  struct rtattr *attribute = (struct rtattr *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = RTA_LENGTH(length);
  memcpy(RTA_DATA(attribute), value, length);
  request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

static void add_port(struct request *request, unsigned short type, uint32_t port) {
  uint16_t value = htons(port);
  if (port) add(request, type, &value, sizeof value);
}

static void add_address(struct request *request, unsigned short type, const uint32_t *words, int count) {
  uint32_t value[4];
  for (int i = 0; i < count; i++) value[i] = htonl(words[i]);
  add(request, type, value, 4 * count);
}

static size_t write_request(struct request *request, const struct block *block, const struct flow *flow, uint32_t interface) {
  int words = block->family == 4 ? 1 : 4;
  uint8_t protocol = flow->protocol;
  uint32_t label = htonl(flow->label);
  *request = (struct request){.header = {.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
                              .route = {.rtm_family = words == 1 ? AF_INET : AF_INET6, .rtm_src_len = 32 * words, .rtm_dst_len = 32 * words}};
  request->header.nlmsg_len = NLMSG_LENGTH(sizeof request->route);
  add_address(request, RTA_SRC, flow->source, words);
  add_address(request, RTA_DST, flow->destination, words);
  add(request, RTA_IIF, &interface, sizeof interface);
  add(request, IP_PROTOCOL, &protocol, sizeof protocol);
  add_port(request, SOURCE_PORT, flow->source_port);
  add_port(request, DESTINATION_PORT, flow->destination_port);
  if (label) add(request, FLOW_LABEL, &label, sizeof label);
  return NLMSG_ALIGN(request->header.nlmsg_len);
}

static uint32_t read_gateway(int wire) {
  _Alignas(struct nlmsghdr) char answer[8192];
  if (recv(wire, answer, sizeof answer, 0) < 0) fail("recv");
  const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
  if (header->nlmsg_type == NLMSG_ERROR) {
    fprintf(stderr, "RTM_GETROUTE: %s\n", strerror(-((const struct nlmsgerr *)NLMSG_DATA(header))->error));
    exit(1);
  }
  int length = RTM_PAYLOAD(header);
  for (const struct rtattr *a = RTM_RTA(NLMSG_DATA(header)); RTA_OK(a, length); a = RTA_NEXT(a, length)) {
    if (a->rta_type != RTA_GATEWAY) continue;
    const uint8_t *end = (const uint8_t *)RTA_DATA(a) + RTA_PAYLOAD(a);
    return end[-2] << 8 | end[-1];
  }
  return 0;
}

int main(int count, char **arguments) {
  int wire = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (count != 2 || wire < 0) fail("socket");
  uint32_t interface = if_nametoindex(arguments[1]);
  struct block block;
  while (fread(&block, sizeof block, 1, stdin) == 1) {
    set(4, "seed", block.seed);
    set(block.family, "policy", block.policy);
    if (block.policy == 3) set(block.family, "fields", block.fields);
    for (uint32_t done = 0; done < block.flows;) {
      struct flow flows[AT_ONCE];
      uint32_t some = block.flows - done < AT_ONCE ? block.flows - done : AT_ONCE;
      if (fread(flows, sizeof *flows, some, stdin) != some) fail("flows");
      char questions[AT_ONCE * sizeof(struct request)];
      size_t length = 0;
      for (uint32_t i = 0; i < some; i++) {
        struct request request;
        size_t size = write_request(&request, &block, &flows[i], interface);
        memcpy(questions + length, &request, size);
        length += size;
      }
      if (send(wire, questions, length, 0) < 0) fail("send");
      uint32_t answers[AT_ONCE];
      for (uint32_t i = 0; i < some; i++) answers[i] = read_gateway(wire);
      fwrite(answers, sizeof *answers, some, stdout);
      done += some;
    }
  }
  return 0;
}
