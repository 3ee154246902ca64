#include "thread.h"

#include <sched.h>
#include <sys/prctl.h>

namespace ecmp {

void name_thread(const std::string& name) { prctl(PR_SET_NAME, name.c_str()); }

bool make_thread_real_time() {
  sched_param lowest{};
  lowest.sched_priority = sched_get_priority_min(SCHED_FIFO);
  // 0 is the calling thread; what it starts is ordinary again.
  return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) == 0;
}

}  // namespace ecmp
