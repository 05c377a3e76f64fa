#include "job.h"

namespace tara {

namespace {
constexpr auto PROGRESS_INTERVAL = std::chrono::milliseconds(100);

// Text from a model or a file may hold broken UTF-8; it must not make dump() throw.
std::string dump(const Json & data) { return data.dump(-1, ' ', false, Json::error_handler_t::replace); }
}  // namespace

void Job::check() const {
  if (cancelled()) throw Error("TARA_ABORTED");
}

void Job::cancel() {
  std::vector<std::function<void()>> wakers;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (cancelled_.exchange(true)) return;
    wakers.swap(wakers_);
  }
  for (auto & waker : wakers) waker();
}

void Job::on_cancel(std::function<void()> waker) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!cancelled()) {
      wakers_.push_back(std::move(waker));
      return;
    }
  }
  waker();
}

void Job::progress(const Json & data) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now - last_progress_ < PROGRESS_INTERVAL) return;
    last_progress_ = now;
  }
  if (!ended()) mailbox_->post({id, Event::Type::progress, dump(data), {}});
}

void Job::chunk(const Json & data, Blob blob) {
  if (!ended()) mailbox_->post({id, Event::Type::chunk, dump(data), std::move(blob)});
}

void Job::done(const Json & data, Blob blob) {
  if (end()) mailbox_->post({id, Event::Type::done, dump(data), std::move(blob)});
}

void Job::fail(const Failure & failure) {
  if (end()) mailbox_->post({id, Event::Type::failed, dump({{"code", failure.code}, {"fields", failure.fields}}), {}});
}

}  // namespace tara
