#include "budget.h"

#include <algorithm>
#include <thread>

namespace tara {

CpuBudget & CpuBudget::get() {
  static auto * budget = new CpuBudget();  // never destroyed: threads may outlive static destructors
  return *budget;
}

CpuBudget::CpuBudget() : cores_(std::max(1, static_cast<int>(std::thread::hardware_concurrency()))) {}

int CpuBudget::decoders_limit() const { return std::max(1, cores_ - (executing_ > 0 ? 1 : 0)); }

int CpuBudget::executor_limit() const { return std::max(1, cores_ - decoding_); }

void CpuBudget::renew(Share & share, int want) {
  std::unique_lock<std::mutex> lock(mutex_);
  const bool contended = next_ticket_ != serving_;
  decoding_ -= share.threads;
  const int free_now = decoders_limit() - decoding_;
  if (!contended && free_now >= 1) {
    share.threads = std::clamp(want, 1, free_now);
    decoding_ += share.threads;
    return;
  }
  share.threads = 0;
  changed_.notify_all();
  const uint64_t ticket = next_ticket_++;
  changed_.wait(lock, [&] { return serving_ == ticket && decoding_ < decoders_limit(); });
  ++serving_;
  share.threads = std::clamp(want, 1, decoders_limit() - decoding_);
  decoding_ += share.threads;
  changed_.notify_all();
}

void CpuBudget::release(Share & share) {
  std::lock_guard<std::mutex> lock(mutex_);
  decoding_ -= share.threads;
  share.threads = 0;
  changed_.notify_all();
}

void CpuBudget::executor_enter() {
  std::lock_guard<std::mutex> lock(mutex_);
  ++executing_;
}

bool CpuBudget::executor_may_continue() {
  std::lock_guard<std::mutex> lock(mutex_);
  return executing_ <= executor_limit();
}

void CpuBudget::executor_leave() {
  std::lock_guard<std::mutex> lock(mutex_);
  --executing_;
  changed_.notify_all();
}

bool CpuBudget::executor_wait_turn(const std::atomic<bool> & stop) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return stop || executing_ < executor_limit(); });
  return !stop;
}

void CpuBudget::wake() {
  std::lock_guard<std::mutex> lock(mutex_);
  changed_.notify_all();
}

}  // namespace tara
