#include "parts.h"

#include <atomic>
#include <memory>

#include "executor.h"

namespace tara {

namespace {

struct Running {
  explicit Running(Parts given) : parts(std::move(given)) {}
  Parts parts;
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  Failure failure;  // of the worker that set `failed`

  void fail(const Failure & why) {
    parts.release();
    parts.job->fail(why);
  }
};

}  // namespace

size_t workers(size_t threads) {
  const auto all = static_cast<size_t>(Executor::get().size());
  return threads == 0 || threads > all ? all : threads;
}

void run_parts(Parts given) {
  auto running = std::make_shared<Running>(std::move(given));
  const auto work = [running](int worker) {
    for (;;) {
      if (!Executor::may_continue()) return Executor::Leave::paused;
      // Asked before a part is taken: others may wait for one that is.
      if (running->failed || running->parts.job->cancelled()) return Executor::Leave::drained;
      const size_t part = running->next++;
      if (part >= running->parts.count) return Executor::Leave::drained;
      try {
        running->parts.work(part, static_cast<size_t>(worker));
      } catch (...) {
        if (!running->failed.exchange(true)) running->failure = current_failure();
      }
    }
  };
  const auto finish = [running] {
    if (running->parts.job->cancelled()) return running->fail({"TARA_ABORTED"});
    if (running->failed) return running->fail(running->failure);
    try {
      running->parts.finish();
    } catch (...) {
      running->fail(current_failure());
    }
  };
  Executor::get().submit(static_cast<int>(workers(running->parts.threads)), work, finish);
}

}  // namespace tara
