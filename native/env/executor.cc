#include "executor.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "budget.h"

namespace tara {

namespace {

struct Group {
  Executor::Task task;
  std::function<void()> finish;
  std::vector<bool> taken;  // worker numbers in use
  bool drained = false;

  int running() const { return static_cast<int>(std::count(taken.begin(), taken.end(), true)); }
  int claim() {
    const auto free = std::find(taken.begin(), taken.end(), false);
    if (free == taken.end()) return -1;
    *free = true;
    return static_cast<int>(free - taken.begin());
  }
};

}  // namespace

struct Executor::Impl {
  std::mutex mutex;
  std::condition_variable work;
  std::deque<std::shared_ptr<Group>> groups;
  std::vector<std::thread> threads;
  std::atomic<bool> stopping{false};

  // The first group, in order of arrival, that still has work and a free place.
  std::pair<std::shared_ptr<Group>, int> claim() {
    for (auto & group : groups) {
      if (group->drained) continue;
      const int worker = group->claim();
      if (worker >= 0) return {group, worker};
    }
    return {nullptr, -1};
  }

  void loop() {
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      std::pair<std::shared_ptr<Group>, int> claimed;
      work.wait(lock, [&] {
        if (stopping) return true;
        claimed = claim();
        return claimed.first != nullptr;
      });
      if (!claimed.first) return;
      lock.unlock();
      run(*claimed.first, claimed.second);
      lock.lock();
      leave(claimed.first, claimed.second, lock);
    }
  }

  void run(Group & group, int worker) {
    auto & budget = CpuBudget::get();
    budget.executor_wait_turn(stopping);
    budget.executor_enter();
    const Leave left = group.task(worker);
    budget.executor_leave();
    if (left == Leave::drained) {
      std::lock_guard<std::mutex> lock(mutex);
      group.drained = true;
    }
  }

  void leave(const std::shared_ptr<Group> & group, int worker, std::unique_lock<std::mutex> & lock) {
    group->taken[worker] = false;
    if (!group->drained || group->running() > 0) {
      work.notify_one();
      return;
    }
    groups.erase(std::remove(groups.begin(), groups.end(), group), groups.end());
    lock.unlock();
    group->finish();
    lock.lock();
  }
};

Executor & Executor::get() {
  static auto * executor = new Executor();  // never destroyed: joined by the exit guard
  return *executor;
}

Executor::Executor() : impl_(new Impl()) {
  for (int i = 0; i < CpuBudget::get().cores(); ++i) {
    impl_->threads.emplace_back([this] { impl_->loop(); });
  }
}

int Executor::size() const noexcept { return static_cast<int>(impl_->threads.size()); }

void Executor::submit(int threads, Task task, std::function<void()> finish) {
  auto group = std::make_shared<Group>();
  group->task = std::move(task);
  group->finish = std::move(finish);
  group->taken.assign(std::clamp(threads, 1, size()), false);
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->groups.push_back(std::move(group));
  }
  impl_->work.notify_all();
}

bool Executor::may_continue() { return CpuBudget::get().executor_may_continue(); }

void Executor::stop() {
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    if (impl_->stopping) return;
    impl_->stopping = true;
  }
  CpuBudget::get().wake();
  impl_->work.notify_all();
  for (auto & thread : impl_->threads) thread.join();
}

}  // namespace tara
