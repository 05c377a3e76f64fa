#include "plan/schedule.h"

#include <algorithm>

namespace tara::plan {

std::optional<Schedule::Item> Schedule::take() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    if (stopped_) return std::nullopt;
    if (const auto item = claim()) return item;
    if (!more_to_come()) return std::nullopt;
    changed_.wait(lock);
  }
}

std::optional<Schedule::Item> Schedule::claim() {
  for (Open & open : open_) {
    const Phase & phase = open.phase();
    if (open.next >= phase.rows) continue;
    const Item item{&open, open.next, std::min(phase.rows_per_item, phase.rows - open.next)};
    open.next += item.count;
    return item;
  }
  while (next_tensor_ < plan_.tensors.size()) {
    const Tensor & tensor = plan_.tensors[next_tensor_++];
    if (tensor.to.empty()) continue;
    open_.emplace_back(plan_, tensor);
    return claim();
  }
  return std::nullopt;
}

// Only asked when nothing can be claimed: a tensor in an earlier phase than its last one will have items again.
bool Schedule::more_to_come() const {
  return std::any_of(open_.begin(), open_.end(), [](const Open & open) { return open.at + 1 < open.run.phases().size(); });
}

void Schedule::done(const Item & item) {
  Open & open = *item.open;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    open.undone -= item.count;
    if (open.undone > 0) return;
  }
  // Nobody else is at this tensor now.
  open.run.settle(open.phase());
  const int64_t bytes = open.run.bytes();
  const bool last = open.at + 1 == open.run.phases().size();
  Json measured = last && !open.run.measurement().empty() ? open.run.measurement().result() : Json();

  std::lock_guard<std::mutex> lock(mutex_);
  open.bytes = bytes;
  int64_t held = 0;
  for (const Open & one : open_) held += one.bytes;
  peak_bytes_ = std::max(peak_bytes_, held);
  if (last) {
    if (!measured.is_null()) measured_.emplace(&open.run.tensor(), std::move(measured));
    open_.remove_if([&](const Open & one) { return &one == &open; });
  } else {
    ++open.at;
    open.next = 0;
    open.undone = open.phase().rows;
  }
  changed_.notify_all();
}

void Schedule::stop() {
  std::lock_guard<std::mutex> lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

Json Schedule::measured() const {
  std::lock_guard<std::mutex> lock(mutex_);
  Json all = Json::array();
  for (const auto & [tensor, result] : measured_) all.push_back(result);
  return all;
}

int64_t Schedule::peak_bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return peak_bytes_;
}

}  // namespace tara::plan
