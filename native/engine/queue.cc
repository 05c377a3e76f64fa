#include "engine/queue.h"

namespace tara {

namespace {
constexpr auto PRIORITY_STEP = std::chrono::seconds(2);
}

void Queue::push(SequencePtr sequence) {
  const auto turn = sequence->turn.asked - sequence->turn.priority * PRIORITY_STEP;
  waiting_.emplace(turn, std::move(sequence));
}

SequencePtr Queue::pop() {
  if (waiting_.empty()) return nullptr;
  SequencePtr next = std::move(waiting_.begin()->second);
  waiting_.erase(waiting_.begin());
  return next;
}

void Queue::sweep() {
  const auto now = Clock::now();
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    Job & job = *entry->second->job;
    const Turn & turn = entry->second->turn;
    const bool late = turn.timeout_ms >= 0 && ms_between(turn.asked, now) > turn.timeout_ms;
    if (!job.cancelled() && !late) {
      ++entry;
      continue;
    }
    job.fail(job.cancelled() ? Failure{"TARA_ABORTED"} : Failure{"TARA_QUEUE_TIMEOUT", {{"ms", turn.timeout_ms}}});
    entry = waiting_.erase(entry);
  }
}

void Queue::fail_all(const Failure & failure) {
  for (auto & [turn, sequence] : waiting_) sequence->job->fail(sequence->job->cancelled() ? Failure{"TARA_ABORTED"} : failure);
  waiting_.clear();
}

}  // namespace tara
