#include "generator.h"

#include <sched.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "failure.h"
#include "packet_socket.h"
#include "row.h"

namespace ecmp {

namespace {

constexpr uint32_t kBatch = 64;
constexpr double kLongestSeconds = 600;
// Paced traffic goes out in small groups about this often, so that it is traffic and not a row of bursts.
constexpr double kGroupSeconds = 100e-6;

double now_seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void sleep_until(double seconds) {
  const auto whole = static_cast<time_t>(seconds);
  const timespec until{whole, static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

uint32_t read16(const uint8_t* bytes) { return static_cast<uint32_t>(bytes[0] << 8 | bytes[1]); }

void write16(uint8_t* bytes, uint32_t value) {
  bytes[0] = static_cast<uint8_t>(value >> 8);
  bytes[1] = static_cast<uint8_t>(value);
}

uint32_t sum_words(const uint8_t* bytes, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < length; i += 2) sum += read16(bytes + i);
  return length % 2 == 0 ? sum : sum + (bytes[length - 1] << 8);
}

uint32_t fold(uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// The template, and what does not change in its UDP checksum.
struct Template {
  explicit Template(const TrafficPlan& plan) : bytes(plan.frame) {
    const bool ipv4 = bytes.size() >= 14 && read16(&bytes[12]) == 0x0800;
    const bool ipv6 = bytes.size() >= 14 && read16(&bytes[12]) == 0x86dd;
    udp = kEthernetHeaderLength + (ipv6 ? 40 : 20);
    const size_t protocol = kEthernetHeaderLength + (ipv6 ? 6 : 9);
    if ((!ipv4 && !ipv6) || bytes.size() < udp + 12 || bytes[protocol] != 17) {
      throw Failure("generate: frame of " + std::to_string(bytes.size()) +
                    " bytes; wanted Ethernet, IPv4 or IPv6 without options, UDP and at least 4 bytes of payload");
    }
    const uint32_t udp_length = read16(&bytes[udp + 4]);
    if (udp_length < 12 || udp + udp_length > bytes.size()) {
      throw Failure("generate: UDP length " + std::to_string(udp_length) + "; wanted 12 to " + std::to_string(bytes.size() - udp));
    }
    source_port = read16(&bytes[udp]);
    if (plan.flows == 0 || source_port + plan.flows > 65536) {
      throw Failure("generate: " + std::to_string(plan.flows) + " flows from source port " + std::to_string(source_port) +
                    "; wanted at least 1, and ports up to 65535");
    }
    write16(&bytes[udp], 0);
    write16(&bytes[udp + 6], 0);
    std::fill_n(&bytes[udp + 8], 4, uint8_t{0});
    const size_t addresses = kEthernetHeaderLength + (ipv6 ? 8 : 12);
    sum = sum_words(&bytes[addresses], udp - addresses) + 17 + udp_length + sum_words(&bytes[udp], udp_length);
  }

  void write(uint8_t* frame, uint64_t number, const TrafficPlan& plan) const {
    const auto sequence = static_cast<uint32_t>(number);
    const uint32_t port = source_port + static_cast<uint32_t>(number % plan.flows);
    write16(frame + udp, port);
    write16(frame + udp + 8, sequence >> 16);
    write16(frame + udp + 10, sequence & 0xffff);
    if (!plan.checksum) return;
    const uint32_t checksum = ~fold(sum + port + (sequence >> 16) + (sequence & 0xffff)) & 0xffff;
    write16(frame + udp + 6, checksum == 0 ? 0xffff : checksum);
  }

  std::vector<uint8_t> bytes;
  size_t udp;
  uint32_t source_port;
  uint32_t sum;
};

}  // namespace

TrafficResult generate(const TrafficPlan& plan) {
  if (!(plan.seconds > 0 && plan.seconds <= kLongestSeconds) || !(plan.packets_per_second >= 0)) {
    throw Failure("generate: " + std::to_string(plan.seconds) + " seconds at " + std::to_string(plan.packets_per_second) +
                  " packets per second; wanted more than 0 and at most 600 seconds, at a rate of 0 (full speed) or more");
  }
  const Template frame(plan);
  PacketSocket socket(plan.interface);
  socket.bind(0);

  const size_t stride = kVirtioHeaderLength + frame.bytes.size();
  std::vector<uint8_t> memory(kBatch * stride);
  std::array<iovec, kBatch> vectors{};
  std::array<mmsghdr, kBatch> messages{};
  for (uint32_t i = 0; i < kBatch; i++) {
    vectors[i] = {&memory[i * stride], stride};
    std::copy(frame.bytes.begin(), frame.bytes.end(), &memory[i * stride + kVirtioHeaderLength]);
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }

  const double rate = plan.packets_per_second;
  const uint32_t group = rate == 0 ? kBatch : static_cast<uint32_t>(std::clamp(rate * kGroupSeconds, 1.0, double{kBatch}));
  TrafficResult result{};
  const double start = now_seconds();
  const double end = start + plan.seconds;
  while (result.sent < plan.count && now_seconds() < end) {
    if (rate > 0) sleep_until(start + static_cast<double>(result.sent) / rate);
    const auto length = static_cast<uint32_t>(std::min<uint64_t>(group, plan.count - result.sent));
    for (uint32_t i = 0; i < length; i++) frame.write(&memory[i * stride + kVirtioHeaderLength], result.sent + i, plan);
    for (uint32_t done = 0; done < length;) {
      const int sent = sendmmsg(socket.descriptor(), &messages[done], length - done, 0);
      if (sent > 0) {
        done += static_cast<uint32_t>(sent);
        result.sent += static_cast<uint64_t>(sent);
        continue;
      }
      const bool full = errno == ENOBUFS || errno == EAGAIN || errno == EINTR;
      if (!full) fail(plan.interface, "send");
      result.refusals++;
      if (now_seconds() >= end) break;
      sched_yield();
    }
  }
  result.seconds = now_seconds() - start;
  return result;
}

}  // namespace ecmp
