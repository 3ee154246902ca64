// The calling thread's name, and its place among the others of the machine.
#pragma once

#include <string>

namespace ecmp {

// What `top -H`, `ps -L` and /proc call it: 15 bytes at the most.
void name_thread(const std::string& name);

// Before every thread that is not real-time, of whatever process; false where that is not ours to ask (CAP_SYS_NICE, or
// RLIMIT_RTPRIO). For threads that sleep nearly always: the kernel leaves others only a twentieth of a processor that one
// of these does not let go (kernel.sched_rt_runtime_us).
bool make_thread_real_time();

}  // namespace ecmp
