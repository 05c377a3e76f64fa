// The native half of one Node environment (main thread or worker): its jobs, its objects, its one doorbell.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include <napi.h>

#include "job.h"

namespace tara {

// What an environment owns beyond jobs (a runner); close() cancels its work and joins its threads, twice is harmless.
class Object {
 public:
  virtual ~Object() = default;
  virtual void close() noexcept = 0;
};

class Environment;

// Starts work and returns at once; runs on the JavaScript thread. Throwing fails the job.
using StartFn = std::function<void(Environment &, JobPtr, Json params, Blobs blobs)>;
// Cheap and synchronous.
using CallFn = std::function<Json(Environment &, const Json & params)>;

// The kinds of work the rooms offer, filled once at module init.
struct Registry {
  std::map<std::string, StartFn> starts;
  std::map<std::string, CallFn> calls;
};

class Environment {
 public:
  Environment(Napi::Env env, Napi::Object exports, const Registry & registry);
  ~Environment();
  Environment(const Environment &) = delete;

  // Objects by id, from any thread. find returns null for an id that is closed or of another type.
  uint32_t own(std::shared_ptr<Object> object);
  template <typename T>
  std::shared_ptr<T> find(uint32_t id) {
    return std::dynamic_pointer_cast<T>(find_object(id));
  }
  std::shared_ptr<Object> disown(uint32_t id);

  // Cancels every job, closes every object, waits for the last job; idempotent, any thread.
  void shutdown() noexcept;

  // The shared part, for jobs' threads that may outlive a JavaScript call.
  struct State;
  std::shared_ptr<State> state() const { return state_; }

 private:
  std::shared_ptr<Object> find_object(uint32_t id);
  Napi::Value listen(const Napi::CallbackInfo & info);
  Napi::Value start(const Napi::CallbackInfo & info);
  Napi::Value cancel(const Napi::CallbackInfo & info);
  Napi::Value call(const Napi::CallbackInfo & info);

  const Registry & registry_;
  std::shared_ptr<State> state_;
};

// Shuts every environment down and stops the executor, for the end of the process; safe to call again.
void shutdown_process() noexcept;

// Does so at process exit. Handlers run last registered first: call again whenever libraries below may have made
// static objects since (llama.cpp makes some at the first load, tokenization and decode), so that threads end before those do.
void install_exit_guard();

}  // namespace tara
