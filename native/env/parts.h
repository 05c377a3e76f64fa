// Work in numbered parts, shared among the executor's workers; it ends its job where it fails or is cancelled.
#pragma once

#include <functional>

#include "job.h"

namespace tara {

// `work` is called once for each part, on up to `threads` workers (0: all); `worker` is below `workers(threads)`. After the
// last, `finish` is called on a worker. What either throws fails the job; `release` comes before any failure is told.
struct Parts {
  JobPtr job;
  size_t threads = 0;
  size_t count = 0;
  std::function<void(size_t part, size_t worker)> work;
  std::function<void()> finish;
  std::function<void()> release;
};
size_t workers(size_t threads);
void run_parts(Parts parts);

}  // namespace tara
