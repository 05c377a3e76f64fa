// The CPU as one budget: native threads that can run at once never exceed the cores.
// Decoding comes first; the executor keeps what is left, at least one.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace tara {

class CpuBudget {
 public:
  static CpuBudget & get();

  int cores() const noexcept { return cores_; }

  // A decoder's share, 0 when it holds none. Not thread-safe: one decoder thread owns it.
  struct Share {
    int threads = 0;
  };

  // Before each decode: blocks until it is this decoder's turn, then gives between 1 and `want` threads.
  // A share is kept from decode to decode, so that nobody else starts in the gap, unless somebody waits.
  void renew(Share & share, int want);
  void release(Share & share);

  // Executor workers: enter before the first block, then ask before each further block whether to go on.
  void executor_enter();
  bool executor_may_continue();
  void executor_leave();
  // Blocks until a worker may enter again, or `stop` is set and wake() was called.
  bool executor_wait_turn(const std::atomic<bool> & stop);
  void wake();

 private:
  CpuBudget();
  int decoders_limit() const;
  int executor_limit() const;

  const int cores_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int decoding_ = 0;
  int executing_ = 0;
  uint64_t next_ticket_ = 0;
  uint64_t serving_ = 0;
};

}  // namespace tara
