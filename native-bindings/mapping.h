// One contiguous piece of address space that holds everything JavaScript sees of a ring, so that one ArrayBuffer covers it:
//
//   | slots of the ring, shared with the kernel | jumbo area | rows |
//
// The ring and the ArrayBuffer both own it: the memory goes when the last of the two does, so a view that outlives its ring
// reads zeros or nothing and never an unmapped page.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ecmp {

class Mapping {
 public:
  explicit Mapping(size_t bytes);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  // Lays the ring of `descriptor` over the first `bytes`. False and errno if the kernel does not agree.
  bool share_ring(int descriptor, size_t bytes);
  // Puts plain zero pages where the ring was. The mapping keeps the socket alive, closed or not: only this ends it.
  void release_ring();

  uint8_t* base() const { return base_; }
  size_t bytes() const { return bytes_; }

 private:
  uint8_t* base_;
  size_t bytes_;
  size_t ring_bytes_ = 0;
};

}  // namespace ecmp
