#include "bpf.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "failure.h"

namespace ecmp {

namespace {

// Newer than the headers of Linux 6.1.
constexpr uint32_t kTcxIngress = 46;
constexpr uint32_t kBefore = 1U << 3;

constexpr size_t kLogBytes = 256 * 1024;
constexpr size_t kLogTailBytes = 600;
constexpr const char* kWanted = "CAP_BPF and CAP_NET_ADMIN of the machine: root, and not only of a user namespace";

int64_t bpf(bpf_cmd command, bpf_attr& attributes) { return syscall(SYS_bpf, command, &attributes, sizeof attributes); }

uint64_t address_of(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

}  // namespace

SharedValue::SharedValue(size_t bytes) : bytes_(bytes) {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = sizeof(uint32_t);
  attributes.value_size = static_cast<uint32_t>(bytes);
  attributes.max_entries = 1;
  attributes.map_flags = BPF_F_MMAPABLE;
  map_ = Descriptor(static_cast<int>(bpf(BPF_MAP_CREATE, attributes)));
  if (map_.number() < 0) fail("BPF", "create a map of " + std::to_string(bytes) + " bytes", kWanted);
  map(map_.number());
}

SharedValue::SharedValue(int descriptor, size_t bytes) : bytes_(bytes) { map(descriptor); }

void SharedValue::map(int descriptor) {
  void* base = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (base == MAP_FAILED) fail("BPF", "map " + std::to_string(bytes_) + " bytes");
  base_ = static_cast<uint8_t*>(base);
}

SharedValue::~SharedValue() {
  if (base_ != nullptr) munmap(base_, bytes_);
}

Descriptor load_program(ProgramKind kind, const std::string& name, const uint8_t* code, size_t bytes) {
  std::vector<char> log(kLogBytes);
  bpf_attr attributes{};
  attributes.prog_type = kind == ProgramKind::kIngress ? BPF_PROG_TYPE_SCHED_CLS : BPF_PROG_TYPE_SOCKET_FILTER;
  if (kind == ProgramKind::kIngress) attributes.expected_attach_type = kTcxIngress;
  attributes.insns = address_of(code);
  attributes.insn_cnt = static_cast<uint32_t>(bytes / sizeof(bpf_insn));
  // It calls no function that is reserved for programs under the GPL.
  attributes.license = address_of("MIT");
  name.copy(attributes.prog_name, sizeof attributes.prog_name - 1);
  Descriptor program(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
  if (program.number() >= 0) return program;
  const int first = errno;
  attributes.log_buf = address_of(log.data());
  attributes.log_size = static_cast<uint32_t>(log.size());
  attributes.log_level = 1;
  program = Descriptor(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
  if (program.number() >= 0) return program;
  const std::string said(log.data(), strnlen(log.data(), log.size()));
  errno = first;
  const std::string tail = said.substr(said.size() - std::min(said.size(), kLogTailBytes));
  fail("BPF", "load the program " + name, tail.empty() ? kWanted : "what the verifier takes, which says:\n" + tail);
}

Descriptor attach_ingress(int program, int interface_index) {
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<uint32_t>(program);
  attributes.link_create.target_fd = static_cast<uint32_t>(interface_index);
  attributes.link_create.attach_type = static_cast<bpf_attach_type>(kTcxIngress);
  // Of nobody in particular: before all that are there.
  attributes.link_create.flags = kBefore;
  Descriptor link(static_cast<int>(bpf(BPF_LINK_CREATE, attributes)));
  if (link.number() < 0)
    fail("interface " + std::to_string(interface_index), "attach a program to what it receives", "Linux 6.6 or later, and CAP_NET_ADMIN");
  return link;
}

}  // namespace ecmp
