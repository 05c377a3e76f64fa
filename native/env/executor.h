// The one pool of native workers for plans, hashes and scans; decoding has threads of its own.
#pragma once

#include <functional>

namespace tara {

class Executor {
 public:
  enum class Leave { drained, paused };

  // Runs on several workers at once until one finds nothing left. `worker` is 0..threads-1, unique among those
  // running. Between blocks a task asks Executor::may_continue() and returns `paused` when told to: it is then
  // entered again later. Tasks must not throw.
  using Task = std::function<Leave(int worker)>;

  static Executor & get();

  // `finish` runs once, on a worker, when every worker has left and one of them reported `drained`.
  void submit(int threads, Task task, std::function<void()> finish);

  static bool may_continue();

  int size() const noexcept;

  // At process exit: takes no more work and joins; tasks in flight must have been cancelled before.
  void stop();

 private:
  Executor();
  struct Impl;
  Impl * impl_;
};

}  // namespace tara
