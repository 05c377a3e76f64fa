#include "engine/context.h"

#include <chrono>

#include "env/environment.h"
#include "env/log.h"

namespace tara {

void Batch::clear() {
  tokens_.clear();
  positions_.clear();
  counts_.clear();
  sequences_.clear();
  outputs_.clear();
}

void Batch::add(llama_token token, llama_pos position, llama_seq_id sequence, bool output) {
  tokens_.push_back(token);
  positions_.push_back(position);
  counts_.push_back(1);
  sequences_.push_back(sequence);
  outputs_.push_back(output ? 1 : 0);
}

llama_batch Batch::view(int32_t from, int32_t count) {
  pointers_.resize(sequences_.size());
  for (size_t i = 0; i < sequences_.size(); ++i) pointers_[i] = &sequences_[i];
  return {count, tokens_.data() + from, nullptr, positions_.data() + from, counts_.data() + from, pointers_.data() + from, outputs_.data() + from};
}

Context::Context(std::shared_ptr<Weights> weights, const ContextOptions & options, Threads & threads, std::function<bool()> abort)
    : weights_(std::move(weights)), threads_(threads), abort_(std::move(abort)) {
  LogCapture log;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = options.tokens;
  params.n_seq_max = options.sequences;
  params.n_batch = options.batch;
  params.n_ubatch = options.batch;
  params.n_outputs_max = options.outputs;
  params.n_threads = threads.count();
  params.n_threads_batch = threads.count();
  params.embeddings = options.embeddings;
  params.pooling_type = options.pooling;
  params.cb_eval = options.observe;
  params.cb_eval_user_data = options.observer;
  params.no_perf = true;
  // Keys of its own for each sequence: in one buffer each would pass over the cells of all others.
  params.kv_unified = false;
  params.abort_callback = [](void * data) { return static_cast<Context *>(data)->abort_(); };
  params.abort_callback_data = this;
  context_ = llama_init_from_model(weights_->model, params);
  if (context_ == nullptr) {
    throw Error("TARA_OUT_OF_MEMORY", {{"reason", log.reason("a context of " + std::to_string(options.tokens) + " tokens could not be made")}});
  }
  threads_.attach(context_);
}

Context::~Context() { llama_free(context_); }

void Context::use(const AdapterUse & adapters) {
  if (adapters == adapters_) return;
  std::vector<llama_adapter_lora *> loras;
  std::vector<float> scales;
  for (const auto & [lora, scale] : adapters) {
    loras.push_back(lora);
    scales.push_back(scale);
  }
  llama_set_adapters_lora(context_, loras.data(), loras.size(), scales.data());
  adapters_ = adapters;
}

Context::Outcome Context::decode(const llama_batch & batch) {
  threads_.renew(context_);
  LogCapture log;
  const auto started = std::chrono::steady_clock::now();
  const int32_t status = llama_decode(context_, batch);
  if (status == 0) threads_.report(batch.n_tokens, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count());
  if (!decoded_) install_exit_guard();
  decoded_ = true;
  switch (status) {
    case 0: return Outcome::done;
    case 1: return Outcome::no_room;
    case 2: return Outcome::aborted;
    default: throw Error("TARA_DECODE_FAILED", {{"reason", log.reason("llama_decode returned " + std::to_string(status))}});
  }
}

void Context::forget(llama_seq_id sequence) {
  if (auto * kept = memory(); kept != nullptr) llama_memory_seq_rm(kept, sequence, -1, -1);
}

}  // namespace tara
