// A job: one piece of native work that JavaScript started and awaits. Events go to its environment's mailbox.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "error.h"

namespace tara {

using Blob = std::vector<uint8_t>;
using Blobs = std::vector<Blob>;

struct Event {
  enum class Type { progress, chunk, done, failed };
  uint32_t job;
  Type type;
  std::string data;  // JSON
  Blob blob;
};

// Where an environment's events wait for JavaScript; outlives the environment, then swallows what comes.
class Mailbox {
 public:
  virtual ~Mailbox() = default;
  // Any thread; never blocks on JavaScript.
  virtual void post(Event event) = 0;
};

class Job {
 public:
  Job(uint32_t id, std::shared_ptr<Mailbox> mailbox) : id(id), mailbox_(std::move(mailbox)) {}

  const uint32_t id;

  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
  const std::atomic<bool> & cancel_flag() const noexcept { return cancelled_; }
  // Throws TARA_ABORTED when cancelled.
  void check() const;

  // Sets the flag, then runs the wakers; frees nothing.
  void cancel();
  // Runs once at cancel, on the cancelling thread (at once when already cancelled). Must only wake somebody.
  void on_cancel(std::function<void()> waker);

  // At most ten a second reach JavaScript; the rest are dropped.
  void progress(const Json & data);
  void chunk(const Json & data, Blob blob = {});
  // The first of done and fail ends the job; later ones are ignored.
  void done(const Json & data, Blob blob = {});
  void fail(const Failure & failure);
  bool ended() const noexcept { return ended_.load(); }

 private:
  bool end() noexcept { return !ended_.exchange(true); }

  std::shared_ptr<Mailbox> mailbox_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> ended_{false};
  std::mutex mutex_;
  std::vector<std::function<void()>> wakers_;
  std::chrono::steady_clock::time_point last_progress_{};
};

using JobPtr = std::shared_ptr<Job>;

}  // namespace tara
