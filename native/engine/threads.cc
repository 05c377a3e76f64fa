#include "engine/threads.h"

#include <algorithm>

#include "env/error.h"

namespace tara {

namespace {

// A decode this many times slower than usual, and by more than the slack, was held up by others.
constexpr double SLOWDOWN = 3;
constexpr double SLACK_MS = 2;
constexpr int SINGLE_LEAST = 16;
constexpr int SINGLE_MOST = 64;

// Found by name: release builds load the CPU backend as a library of its own.
template <typename Function>
Function * cpu_function(const char * name) {
  auto * device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  if (device == nullptr) throw Error("TARA_INTERNAL", {{"reason", "ggml has no CPU backend"}});
  auto * found = ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), name);
  if (found == nullptr) throw Error("TARA_INTERNAL", {{"reason", std::string("ggml's CPU backend has no ") + name}});
  return reinterpret_cast<Function *>(found);
}

}  // namespace

Threads::Threads(int count) : count_(std::clamp(count, 1, CpuBudget::get().cores())) {
  ggml_threadpool_params params = ggml_threadpool_params_default(count_);
  // Waiting for the next graph, its threads spin a few milliseconds (longer than sampling takes), not a few hundred.
  params.poll = 1;
  pool_ = cpu_function<decltype(ggml_threadpool_new)>("ggml_threadpool_new")(&params);
  if (pool_ == nullptr) throw Error("TARA_OUT_OF_MEMORY", {{"reason", "the decoder's threads could not be started"}});
}

Threads::~Threads() {
  release();
  cpu_function<decltype(ggml_threadpool_free)>("ggml_threadpool_free")(pool_);
}

void Threads::attach(llama_context * context) { llama_attach_threadpool(context, pool_, pool_); }

void Threads::renew(llama_context * context) {
  CpuBudget::get().renew(share_, single_left_ > 0 ? 1 : count_);
  llama_set_n_threads(context, share_.threads, share_.threads);
}

void Threads::report(int32_t tokens, double ms) {
  if (single_left_ > 0) {
    --single_left_;
    return;
  }
  if (share_.threads < 2 || tokens < 1 || tokens > 8) return;
  double & usual = usual_ms_[tokens - 1];
  if (usual == 0 || ms < usual * SLOWDOWN + SLACK_MS) {
    // A longer context takes longer: what is usual may rise slowly.
    usual = usual == 0 ? ms : std::min(ms, usual * 1.01);
    slow_in_a_row_ = 0;
    single_next_ = std::max(SINGLE_LEAST, single_next_ - 1);
    return;
  }
  if (++slow_in_a_row_ < 2) return;
  slow_in_a_row_ = 0;
  single_left_ = single_next_;
  single_next_ = std::min(SINGLE_MOST, single_next_ * 2);
}

void Threads::release() { CpuBudget::get().release(share_); }

}  // namespace tara
