// Module init: once for the process (ggml, log, exit guard), once for each Node environment (jobs, doorbell).
#include <mutex>

#include <napi.h>

#include "env/budget.h"
#include "env/environment.h"
#include "env/log.h"
#include "ggml-backend.h"
#include "ggml.h"
#include "llama.h"

namespace tara {

void register_plan(Registry & registry);
void register_engine(Registry & registry);
void register_quant(Registry & registry);
void register_measure(Registry & registry);
void register_scan(Registry & registry);
void register_sync(Registry & registry);
void register_train(Registry & registry);

namespace {

Json system_info(Environment &, const Json &) {
  return {{"cores", CpuBudget::get().cores()}, {"system", llama_print_system_info()}, {"llama", TARA_LLAMA_COMMIT}};
}

Json ggml_types(Environment &, const Json &) {
  Json types = Json::array();
  for (int id = 0; id < GGML_TYPE_COUNT; ++id) {
    const auto type = static_cast<ggml_type>(id);
    if (ggml_blck_size(type) == 0) continue;
    types.push_back({{"id", id}, {"name", ggml_type_name(type)}, {"blockSize", ggml_blck_size(type)}, {"typeSize", ggml_type_size(type)}});
  }
  return types;
}

const Registry & registry() {
  static const auto * filled = [] {
    auto * made = new Registry();
    made->calls["system.info"] = system_info;
    made->calls["system.types"] = ggml_types;
    made->calls["system.log"] = [](Environment &, const Json &) { return Json(recent_log()); };
    made->calls["system.shutdown"] = [](Environment &, const Json &) {
      shutdown_process();
      return Json::object();
    };
    register_plan(*made);
    register_engine(*made);
    register_quant(*made);
    register_measure(*made);
    register_scan(*made);
    register_sync(*made);
    register_train(*made);
    return made;
  }();
  return *filled;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  static std::once_flag once;
  std::call_once(once, [] {
    install_log();
    llama_backend_init();
    ggml_backend_dev_count();  // creates ggml's registry, so that the guard below runs before its destructor
    install_exit_guard();
  });
  env.SetInstanceData(new Environment(env, exports, registry()));
  return exports;
}

}  // namespace

}  // namespace tara

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return tara::init(env, exports); }

NODE_API_MODULE(tara_gguf, Init)
