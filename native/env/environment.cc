#include "environment.h"

#include <condition_variable>
#include <cstdlib>
#include <set>
#include <vector>

#include "executor.h"

namespace tara {

struct Environment::State : Mailbox, std::enable_shared_from_this<State> {
  std::mutex mutex;
  std::condition_variable idle;
  std::map<uint32_t, JobPtr> jobs;  // in flight in native code
  std::map<uint32_t, std::shared_ptr<Object>> objects;
  std::vector<Event> events;
  napi_threadsafe_function doorbell = nullptr;
  bool rung = false;
  bool closed = false;
  uint32_t next_id = 1;
  // JavaScript thread only: jobs whose end JavaScript has not seen yet; the doorbell is referenced while there are any.
  size_t awaited = 0;

  void post(Event event) override {
    const bool ends = event.type == Event::Type::done || event.type == Event::Type::failed;
    JobPtr ended;  // freed outside the lock
    std::lock_guard<std::mutex> lock(mutex);
    if (ends) {
      if (const auto found = jobs.find(event.job); found != jobs.end()) {
        ended = std::move(found->second);
        jobs.erase(found);
      }
      idle.notify_all();
    }
    if (closed) return;
    events.push_back(std::move(event));
    if (!rung && doorbell != nullptr) {
      rung = napi_call_threadsafe_function(doorbell, nullptr, napi_tsfn_nonblocking) == napi_ok;
    }
  }

  void shutdown() noexcept {
    std::vector<JobPtr> cancelling;
    {
      std::lock_guard<std::mutex> lock(mutex);
      closed = true;
      for (auto & [id, job] : jobs) cancelling.push_back(job);
    }
    for (auto & job : cancelling) job->cancel();
    cancelling.clear();
    std::map<uint32_t, std::shared_ptr<Object>> closing;
    {
      std::lock_guard<std::mutex> lock(mutex);
      closing.swap(objects);
    }
    for (auto & [id, object] : closing) object->close();
    std::unique_lock<std::mutex> lock(mutex);
    idle.wait(lock, [&] { return jobs.empty(); });
  }
};

namespace {

using State = Environment::State;

struct Live {
  std::mutex mutex;
  std::set<std::shared_ptr<State>> states;
};

Live & live() {
  static auto * all = new Live();
  return *all;
}

void exit_guard() {
  std::set<std::shared_ptr<State>> states;
  {
    std::lock_guard<std::mutex> lock(live().mutex);
    states = live().states;
  }
  for (const auto & state : states) state->shutdown();
  Executor::get().stop();
}

const char * type_name(Event::Type type) {
  switch (type) {
    case Event::Type::progress: return "progress";
    case Event::Type::chunk: return "chunk";
    case Event::Type::done: return "done";
    case Event::Type::failed: return "failed";
  }
  return "failed";
}

// Node-API's plain C calls: in a worker that is being terminated they fail one after the other, which is no error here.
bool set_text(napi_env env, napi_value object, const char * key, const std::string & text) {
  napi_value value;
  return napi_create_string_utf8(env, text.data(), text.size(), &value) == napi_ok && napi_set_named_property(env, object, key, value) == napi_ok;
}

bool set_blob(napi_env env, napi_value object, const Blob & blob) {
  if (blob.empty()) return true;
  void * bytes = nullptr;
  napi_value buffer;
  if (napi_create_arraybuffer(env, blob.size(), &bytes, &buffer) != napi_ok) return false;
  std::copy(blob.begin(), blob.end(), static_cast<uint8_t *>(bytes));
  return napi_set_named_property(env, object, "blob", buffer) == napi_ok;
}

bool to_js(napi_env env, const Event & event, napi_value * object) {
  napi_value job;
  return napi_create_object(env, object) == napi_ok && napi_create_uint32(env, event.job, &job) == napi_ok &&
         napi_set_named_property(env, *object, "job", job) == napi_ok && set_text(env, *object, "type", type_name(event.type)) &&
         set_text(env, *object, "data", event.data) && set_blob(env, *object, event.blob);
}

// The doorbell's one callback: hands everything that waits to JavaScript in one call.
void drain(napi_env env, napi_value dispatch, void * context, void *) {
  auto * state = static_cast<State *>(context);
  std::vector<Event> events;
  {
    std::lock_guard<std::mutex> lock(state->mutex);
    events.swap(state->events);
    state->rung = false;
  }
  if (env == nullptr || events.empty()) return;
  napi_value list;
  if (napi_create_array_with_length(env, events.size(), &list) != napi_ok) return;
  uint32_t index = 0;
  for (const auto & event : events) {
    napi_value object;
    if (!to_js(env, event, &object) || napi_set_element(env, list, index++, object) != napi_ok) return;
    const bool ends = event.type == Event::Type::done || event.type == Event::Type::failed;
    if (ends && --state->awaited == 0) napi_unref_threadsafe_function(env, state->doorbell);
  }
  napi_value global, result, thrown;
  if (napi_get_global(env, &global) != napi_ok) return;
  if (napi_call_function(env, global, dispatch, 1, &list, &result) != napi_pending_exception) return;
  // Without an exception to take, the environment is ending.
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
}

Napi::Error to_js(Napi::Env env, const Failure & failure) {
  auto error = Napi::Error::New(env, failure.code);
  error.Set("code", Napi::String::New(env, failure.code));
  error.Set("fields", Napi::String::New(env, failure.fields.dump(-1, ' ', false, Json::error_handler_t::replace)));
  return error;
}

std::string text_argument(const Napi::CallbackInfo & info, size_t index) {
  if (info.Length() <= index || !info[index].IsString()) {
    throw Napi::TypeError::New(info.Env(), "expected a string as argument " + std::to_string(index));
  }
  return info[index].As<Napi::String>().Utf8Value();
}

Blobs blobs_argument(const Napi::CallbackInfo & info, size_t index) {
  Blobs blobs;
  if (info.Length() <= index || !info[index].IsArray()) return blobs;
  const auto list = info[index].As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value item = list.Get(i);
    if (!item.IsTypedArray()) throw Napi::TypeError::New(info.Env(), "expected typed arrays as blobs");
    const auto view = item.As<Napi::Uint8Array>();
    blobs.emplace_back(view.Data(), view.Data() + view.ByteLength());
  }
  return blobs;
}

}  // namespace

Environment::Environment(Napi::Env env, Napi::Object exports, const Registry & registry)
    : registry_(registry), state_(std::make_shared<State>()) {
  const auto method = [&](const char * name, Napi::Value (Environment::*function)(const Napi::CallbackInfo &)) {
    exports.Set(name, Napi::Function::New(env, [this, function](const Napi::CallbackInfo & info) { return (this->*function)(info); }, name));
  };
  method("listen", &Environment::listen);
  method("start", &Environment::start);
  method("cancel", &Environment::cancel);
  method("call", &Environment::call);
  std::lock_guard<std::mutex> lock(live().mutex);
  live().states.insert(state_);
}

Environment::~Environment() {
  shutdown();
  std::lock_guard<std::mutex> lock(live().mutex);
  live().states.erase(state_);
}

void Environment::shutdown() noexcept { state_->shutdown(); }

uint32_t Environment::own(std::shared_ptr<Object> object) {
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    if (!state_->closed) {
      const uint32_t id = state_->next_id++;
      state_->objects.emplace(id, std::move(object));
      return id;
    }
  }
  object->close();
  throw Error("TARA_ABORTED");
}

std::shared_ptr<Object> Environment::find_object(uint32_t id) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  const auto found = state_->objects.find(id);
  return found == state_->objects.end() ? nullptr : found->second;
}

std::shared_ptr<Object> Environment::disown(uint32_t id) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  const auto found = state_->objects.find(id);
  if (found == state_->objects.end()) return nullptr;
  auto object = std::move(found->second);
  state_->objects.erase(found);
  return object;
}

Napi::Value Environment::listen(const Napi::CallbackInfo & info) {
  const Napi::Env env = info.Env();
  if (state_->doorbell != nullptr) throw Napi::Error::New(env, "listen was called before");
  auto * context = new std::shared_ptr<State>(state_);
  const auto finalize = [](napi_env, void * data, void *) { delete static_cast<std::shared_ptr<State> *>(data); };
  napi_threadsafe_function doorbell = nullptr;
  const napi_status status = napi_create_threadsafe_function(
      env, info[0], nullptr, Napi::String::New(env, "tara-gguf"), 0, 1, context, finalize, state_.get(), drain, &doorbell);
  if (status != napi_ok) {
    delete context;
    throw Napi::Error::New(env, "the doorbell could not be made");
  }
  napi_unref_threadsafe_function(env, doorbell);
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->doorbell = doorbell;
  }
  // Registered after the doorbell's own hook, so it runs before it: jobs end while the doorbell still exists.
  napi_add_env_cleanup_hook(env, [](void * data) {
    auto * state = static_cast<State *>(data);
    state->shutdown();
    std::lock_guard<std::mutex> lock(state->mutex);
    napi_release_threadsafe_function(state->doorbell, napi_tsfn_abort);
    state->doorbell = nullptr;
  }, state_.get());
  return env.Undefined();
}

Napi::Value Environment::start(const Napi::CallbackInfo & info) {
  const Napi::Env env = info.Env();
  const std::string kind = text_argument(info, 0);
  const auto starter = registry_.starts.find(kind);
  if (starter == registry_.starts.end()) throw to_js(env, {"TARA_INTERNAL", {{"reason", "no job kind " + kind}}});
  JobPtr job;
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    if (state_->closed || state_->doorbell == nullptr) throw to_js(env, {"TARA_DISPOSED", {{"what", "the environment"}}});
    job = std::make_shared<Job>(state_->next_id++, state_);
    state_->jobs.emplace(job->id, job);
  }
  if (state_->awaited++ == 0) napi_ref_threadsafe_function(env, state_->doorbell);
  try {
    starter->second(*this, job, Json::parse(text_argument(info, 1)), blobs_argument(info, 2));
  } catch (...) {
    job->fail(current_failure());
  }
  return Napi::Number::New(env, job->id);
}

Napi::Value Environment::cancel(const Napi::CallbackInfo & info) {
  JobPtr job;
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    const auto found = state_->jobs.find(info[0].As<Napi::Number>().Uint32Value());
    if (found != state_->jobs.end()) job = found->second;
  }
  if (job) job->cancel();
  return info.Env().Undefined();
}

Napi::Value Environment::call(const Napi::CallbackInfo & info) {
  const Napi::Env env = info.Env();
  const std::string kind = text_argument(info, 0);
  const auto found = registry_.calls.find(kind);
  if (found == registry_.calls.end()) throw to_js(env, {"TARA_INTERNAL", {{"reason", "no call " + kind}}});
  Failure failure;
  try {
    const Json result = found->second(*this, Json::parse(text_argument(info, 1)));
    return Napi::String::New(env, result.dump(-1, ' ', false, Json::error_handler_t::replace));
  } catch (const Napi::Error &) {
    throw;
  } catch (...) {
    failure = current_failure();
  }
  throw to_js(env, failure);
}

void shutdown_process() noexcept { exit_guard(); }

void install_exit_guard() { std::atexit(exit_guard); }

}  // namespace tara
