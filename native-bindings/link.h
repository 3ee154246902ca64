// What kind of link an interface is, asked of the kernel by rtnetlink(7).
#pragma once

#include <cstdint>

namespace ecmp {

// One end of a veth whose other end is in another network namespace.
bool is_veth_across(uint32_t interface_index);

}  // namespace ecmp
