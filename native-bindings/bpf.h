// BPF, as far as programs that this project writes itself need it (bpf(2), Documentation/bpf): memory that a program and this
// process share, loading, and the two places where a program runs. Verdicts of the kernel's verifier are told as it says them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "descriptor.h"

namespace ecmp {

// An array map of one value, mapped: what a program reaches by `BPF_PSEUDO_MAP_VALUE`. Zeros at first.
class SharedValue {
 public:
  explicit SharedValue(size_t bytes);
  // That of another thread of this process, which keeps it open.
  SharedValue(int descriptor, size_t bytes);
  ~SharedValue();
  SharedValue(const SharedValue&) = delete;
  SharedValue& operator=(const SharedValue&) = delete;

  // Of the map; whoever takes it keeps it open. The memory stays without it.
  Descriptor take_descriptor() { return std::move(map_); }
  uint8_t* base() const { return base_; }
  size_t bytes() const { return bytes_; }

 private:
  void map(int descriptor);

  Descriptor map_;
  size_t bytes_;
  uint8_t* base_ = nullptr;
};

enum class ProgramKind { kSocketFilter, kIngress };

// `code`: instructions of eight bytes each.
Descriptor load_program(ProgramKind kind, const std::string& name, const uint8_t* code, size_t bytes);

// From here on `program` decides about what the interface receives, right after packet sockets: before programs that are there already
// and the kernel's own ingress hooks. Until the answer is closed, which a process that ends does, however it ends. Linux 6.6.
Descriptor attach_ingress(int program, int interface_index);

}  // namespace ecmp
