#include "engine/desk.h"

namespace tara {

namespace {
// std::regex recurses for each character of a run; the pages are touched only when it does.
constexpr size_t STACK_BYTES = 512u << 20;
constexpr size_t SMALL_STACK_BYTES = 64u << 20;

Failure closed_failure(const Job & job) {
  return job.cancelled() ? Failure{"TARA_ABORTED"} : Failure{"TARA_DISPOSED", {{"what", "the model"}}};
}
}  // namespace

Desk::Desk() = default;

Desk::~Desk() { close(); }

#ifdef _WIN32
void Desk::start() { thread_ = std::thread([this] { loop(); }); }
void Desk::join() { thread_.join(); }
#else
void Desk::start() {
  const auto entry = [](void * self) -> void * {
    static_cast<Desk *>(self)->loop();
    return nullptr;
  };
  for (const size_t bytes : {STACK_BYTES, SMALL_STACK_BYTES, size_t{0}}) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (bytes > 0) pthread_attr_setstacksize(&attributes, bytes);
    const int status = pthread_create(&thread_, &attributes, entry, this);
    pthread_attr_destroy(&attributes);
    if (status == 0) return;
  }
  throw Error("TARA_OUT_OF_MEMORY", {{"reason", "a thread could not be started"}});
}
void Desk::join() { pthread_join(thread_, nullptr); }
#endif

void Desk::add(JobPtr job, std::function<void()> work) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!closing_) {
      if (!started_) {
        start();
        started_ = true;
      }
      tasks_.push_back({std::move(job), std::move(work)});
      changed_.notify_one();
      return;
    }
  }
  job->fail(closed_failure(*job));
}

void Desk::loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return closing_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    const bool closing = closing_;
    lock.unlock();
    try {
      if (closing) task.job->fail(closed_failure(*task.job));
      else {
        task.job->check();
        task.work();
      }
    } catch (...) {
      task.job->fail(current_failure());
    }
    task = {};
    lock.lock();
  }
}

void Desk::close() noexcept {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    if (!started_) return;
    started_ = false;
    changed_.notify_one();
  }
  join();
}

}  // namespace tara
