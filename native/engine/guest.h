// Work of another room on a runner's thread, a decode at a time between rounds, in a context of its own.
#pragma once

#include <atomic>
#include <memory>

#include "engine/threads.h"
#include "engine/weights.h"

namespace tara {

// What a runner lends to its guests while they stay.
struct Lodging {
  std::shared_ptr<Weights> weights;
  Threads & threads;
  const std::atomic<bool> & closing;
  size_t context_tokens;
};

class Guest {
 public:
  explicit Guest(JobPtr job) : job(std::move(job)) {}
  virtual ~Guest() = default;

  const JobPtr job;

  // Called once, first. What this and step() throw fails the job and ends the stay.
  virtual void begin(const Lodging & lodging) = 0;
  // At most one decode. False when it is over: it has ended its job then.
  virtual bool step() = 0;
};

using GuestPtr = std::unique_ptr<Guest>;

}  // namespace tara
