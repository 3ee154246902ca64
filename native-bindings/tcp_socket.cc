#include "tcp_socket.h"

#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "failure.h"

// Linux 4.13 and later; absent from older headers.
#ifndef TCP_MD5SIG_EXT
#define TCP_MD5SIG_EXT 32
#define TCP_MD5SIG_FLAG_PREFIX 0x1
#endif

namespace ecmp {

namespace {

const std::string kWhere = "TCP socket";

int family_of(int descriptor) {
  int family = 0;
  socklen_t length = sizeof family;
  if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0) fail(kWhere, "find its address family");
  return family;
}

void set_option(int descriptor, int level, int name, int value, const char* title) {
  if (setsockopt(descriptor, level, name, &value, sizeof value) != 0) {
    fail(kWhere, std::string("set ") + title + " to " + std::to_string(value));
  }
}

using Program = std::vector<sock_filter>;

sock_filter statement(uint16_t code, uint32_t value) { return {code, 0, 0, value}; }

constexpr uint32_t kTakeAll = UINT32_MAX;
constexpr uint32_t kTakeNone = 0;

// Of the IP header, as a classic filter addresses it.
constexpr uint32_t at(uint32_t offset) { return static_cast<uint32_t>(SKF_NET_OFF) + offset; }

uint32_t read_word(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

// One row: is the source inside of the prefix? Then the TTL decides, and nothing after it is looked at.
void append_row(Program& program, const MinimumTtl& row) {
  const bool is_ipv4 = row.peer.is_ipv4();
  const uint32_t source = is_ipv4 ? 12 : 8;
  const uint32_t ttl = is_ipv4 ? 8 : 7;
  std::vector<size_t> mismatches;
  for (uint32_t word = 0; word * 32 < row.prefix_length; word++) {
    const uint32_t bits = std::min<uint32_t>(32, row.prefix_length - word * 32);
    const uint32_t mask = bits == 32 ? UINT32_MAX : ~(UINT32_MAX >> bits);
    program.push_back(statement(BPF_LD | BPF_W | BPF_ABS, at(source + word * 4)));
    program.push_back(statement(BPF_ALU | BPF_AND | BPF_K, mask));
    mismatches.push_back(program.size());
    program.push_back(statement(BPF_JMP | BPF_JEQ | BPF_K, read_word(row.peer.bytes() + word * 4) & mask));
  }
  program.push_back(statement(BPF_LD | BPF_B | BPF_ABS, at(ttl)));
  program.push_back({BPF_JMP | BPF_JGE | BPF_K, 0, 1, row.ttl});
  program.push_back(statement(BPF_RET | BPF_K, kTakeAll));
  program.push_back(statement(BPF_RET | BPF_K, kTakeNone));
  // At most sixteen statements, so the jump to the next row fits its eight bits.
  static_assert(4 * 3 + 4 < UINT8_MAX, "a row");
  for (const size_t index : mismatches) program[index].jf = static_cast<uint8_t>(program.size() - index - 1);
}

}  // namespace

Descriptor open_tcp(int family) {
  Descriptor descriptor(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (descriptor.number() < 0) fail(kWhere, "open one");
  if (family == AF_INET6) set_option(descriptor.number(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  return descriptor;
}

void bind_tcp(int descriptor, const SocketAddress& address, bool reuse) {
  if (reuse) set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  if (bind(descriptor, address.generic(), address.length()) != 0) fail(address.text(), "bind a TCP socket");
}

void bind_to_device(int descriptor, const std::string& device) {
  if (setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(), static_cast<socklen_t>(device.size())) != 0) {
    fail(device, "bind a TCP socket", "an interface of this namespace");
  }
}

void sign_tcp(int descriptor, const SocketAddress& peer, uint8_t prefix_length, const uint8_t* key, size_t key_length) {
  tcp_md5sig signature{};
  std::memcpy(&signature.tcpm_addr, &peer.storage, sizeof signature.tcpm_addr);
  signature.tcpm_keylen = static_cast<uint16_t>(key_length);
  std::copy_n(key, key_length, signature.tcpm_key);
  const bool is_host = prefix_length == (peer.is_ipv4() ? 32 : 128);
  if (!is_host) {
    signature.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
    signature.tcpm_prefixlen = prefix_length;
  }
  const int option = is_host ? TCP_MD5SIG : TCP_MD5SIG_EXT;
  const int result = setsockopt(descriptor, IPPROTO_TCP, option, &signature, sizeof signature);
  const int error = errno;
  explicit_bzero(&signature, sizeof signature);
  // A key that is not there is as gone as can be.
  if (result == 0 || (key_length == 0 && error == ENOENT)) return;
  errno = error;
  fail(peer.text(), "set a TCP-MD5 key", "a kernel with CONFIG_TCP_MD5SIG");
}

void set_ttl(int descriptor, int ttl) {
  if (family_of(descriptor) == AF_INET) set_option(descriptor, IPPROTO_IP, IP_TTL, ttl, "IP_TTL");
  else set_option(descriptor, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl, "IPV6_UNICAST_HOPS");
}

void set_minimum_ttl(int descriptor, int ttl) {
  if (family_of(descriptor) == AF_INET) set_option(descriptor, IPPROTO_IP, IP_MINTTL, ttl, "IP_MINTTL");
  else set_option(descriptor, IPPROTO_IPV6, IPV6_MINHOPCOUNT, ttl, "IPV6_MINHOPCOUNT");
}

void require_ttl(int descriptor, const std::vector<MinimumTtl>& rows) {
  if (rows.empty()) {
    const int ignored = 0;
    // ENOENT: there was none.
    if (setsockopt(descriptor, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof ignored) != 0 && errno != ENOENT) {
      fail(kWhere, "detach its filter");
    }
    return;
  }
  Program program;
  for (const MinimumTtl& row : rows) append_row(program, row);
  program.push_back(statement(BPF_RET | BPF_K, kTakeAll));
  if (program.size() > BPF_MAXINSNS) {
    throw Failure("GTSM: " + std::to_string(rows.size()) + " neighbors; wanted fewer, a socket filter has " +
                  std::to_string(BPF_MAXINSNS) + " statements");
  }
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
    fail(kWhere, "attach a filter for " + std::to_string(rows.size()) + " neighbors", "fewer, or a larger net.core.optmem_max");
  }
}

uint32_t dropped_segments(int descriptor) {
  std::array<uint32_t, SK_MEMINFO_VARS> values{};
  socklen_t length = sizeof values;
  if (getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, values.data(), &length) != 0) fail(kWhere, "read SO_MEMINFO");
  return values[SK_MEMINFO_DROPS];
}

}  // namespace ecmp
