// What a ring has seen since it was opened. One thread writes and reads them.
#pragma once

#include <cstdint>

namespace ecmp {

struct Counters {
  uint64_t received_frames = 0;
  uint64_t received_bytes = 0;
  uint64_t transmitted_frames = 0;
  uint64_t transmitted_bytes = 0;
  uint64_t transmit_errors = 0;
  // The kernel's count of frames that found no free slot; reading it there sets it to zero, so it is added up here.
  uint64_t receive_drops = 0;
  // Frames of which only the first part was delivered (row: length < wire_length).
  uint64_t cut_frames = 0;
  // How often the interface was found to be down or gone, and the errno of the last time.
  uint64_t interface_errors = 0;
  int last_interface_error = 0;
};

}  // namespace ecmp
