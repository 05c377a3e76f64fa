// A decoder's threads: one ggml thread pool, and its share of the CPU budget.
#pragma once

#include <algorithm>
#include <memory>

#include "env/budget.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "llama.h"

namespace tara {

// Owned and used by one decoder thread; must outlive the contexts it is attached to.
class Threads {
 public:
  explicit Threads(int count);
  ~Threads();
  Threads(const Threads &) = delete;

  int count() const noexcept { return count_; }
  // Of the decode under way: no more than these may run.
  int granted() const noexcept { return std::max(1, share_.threads); }
  void attach(llama_context * context);
  // Takes the share for the next decode and tells the context how many threads it may use.
  void renew(llama_context * context);
  // How long the decode took. Threads wait for each other by spinning, so one that another process keeps off its core
  // slows all down many times over; a single thread loses only its share. Such decodes go on with one thread for a while.
  void report(int32_t tokens, double ms);
  // When there is nothing to decode.
  void release();

 private:
  const int count_;
  double usual_ms_[8] = {};  // with all threads, by tokens in the batch; 0 = not known yet
  int slow_in_a_row_ = 0;
  int single_left_ = 0;      // decodes still to do with one thread
  int single_next_ = 16;     // how many at the next slowdown
  ggml_threadpool_t pool_ = nullptr;
  CpuBudget::Share share_;
};

// A share of one thread for work beside decoding (loading weights, tokenizing a long text).
class SingleShare {
 public:
  ~SingleShare() { CpuBudget::get().release(share_); }
  // Waits for a turn; ask again between steps, so that others get theirs.
  void renew() { CpuBudget::get().renew(share_, 1); }

 private:
  CpuBudget::Share share_;
};

}  // namespace tara
