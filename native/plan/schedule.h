// Who does what next: tensors in order, each in phases, each phase in items of some rows. The oldest tensor that
// has an item free comes first; the next tensor is opened when none has, so as many are open as workers need.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>

#include "plan/block.h"

namespace tara::plan {

class Schedule {
 public:
  struct Open {
    explicit Open(const Lowered & plan, const Tensor & tensor) : run(plan, tensor), undone(phase().rows) {}
    const Phase & phase() const { return run.phases()[at]; }

    TensorRun run;
    size_t at = 0;       // which phase
    int64_t next = 0;    // the first row that nobody has taken
    int64_t undone = 0;  // rows not done yet
    int64_t bytes = 0;
  };

  struct Item {
    Open * open;
    int64_t first;
    int64_t count;
  };

  explicit Schedule(const Lowered & plan) : plan_(plan) {}

  // Waits where all that is left must follow items at work. Nothing: no item will ever come again.
  std::optional<Item> take();
  // Settles the phase when this was its last item. Throws tara::Error.
  void done(const Item & item);
  // take() gives nothing from now on, also to those who wait in it.
  void stop();

  // The most memory that tensors held together, beside the workers' scratch.
  int64_t peak_bytes() const;
  // What was measured, by place of the tensor in the plan; complete when take() gave nothing.
  Json measured() const;

 private:
  std::optional<Item> claim();
  bool more_to_come() const;

  const Lowered & plan_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Open> open_;
  size_t next_tensor_ = 0;
  int64_t peak_bytes_ = 0;
  std::map<const Tensor *, Json> measured_;
  bool stopped_ = false;
};

}  // namespace tara::plan
