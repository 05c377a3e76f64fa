// A runner's second thread: tokenizing and detokenizing, so that a long text never holds up decoding.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "env/job.h"

#ifndef _WIN32
#include <pthread.h>
#endif

namespace tara {

class Desk {
 public:
  Desk();
  ~Desk();
  Desk(const Desk &) = delete;

  // Runs `work` on the desk's thread, in order; what it throws fails the job. After close() the job fails at once.
  void add(JobPtr job, std::function<void()> work);
  // Takes no more, fails what waits, joins. Safe to call again.
  void close() noexcept;

 private:
  struct Task {
    JobPtr job;
    std::function<void()> work;
  };
  void loop();
  void start();
  void join();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool started_ = false;
  bool closing_ = false;
#ifdef _WIN32
  std::thread thread_;
#else
  pthread_t thread_{};
#endif
};

}  // namespace tara
