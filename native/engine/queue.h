// Sequences that wait for a slot. Who came two seconds earlier counts as one level of priority more: within a priority
// it is first come, first served, and nobody waits for ever behind more important ones.
#pragma once

#include <map>
#include <vector>

#include "engine/sequence.h"

namespace tara {

class Queue {
 public:
  size_t size() const noexcept { return waiting_.size(); }
  void push(SequencePtr sequence);
  // The next one, null when nobody waits.
  SequencePtr pop();
  // Fails those whose job was cancelled or whose time is over.
  void sweep();
  void fail_all(const Failure & failure);

 private:
  std::multimap<Clock::time_point, SequencePtr> waiting_;
};

}  // namespace tara
