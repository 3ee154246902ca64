#include "mapping.h"

#include <sys/mman.h>

#include "failure.h"

namespace ecmp {

Mapping::Mapping(size_t bytes) : bytes_(bytes) {
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) fail("packet ring", "reserve " + std::to_string(bytes) + " bytes of address space");
  base_ = static_cast<uint8_t*>(base);
}

Mapping::~Mapping() { munmap(base_, bytes_); }

bool Mapping::share_ring(int descriptor, size_t bytes) {
  if (mmap(base_, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor, 0) == MAP_FAILED) return false;
  ring_bytes_ = bytes;
  return true;
}

void Mapping::release_ring() {
  if (ring_bytes_ == 0) return;
  mmap(base_, ring_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  ring_bytes_ = 0;
}

}  // namespace ecmp
