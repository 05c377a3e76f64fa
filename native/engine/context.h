// One llama_context over shared weights, driven by one thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/threads.h"
#include "engine/weights.h"

namespace tara {

struct ContextOptions {
  uint32_t tokens = 0;     // positions in all sequences together
  uint32_t sequences = 1;
  uint32_t batch = 256;    // most tokens in one decode
  uint32_t outputs = 0;    // most rows of logits in one decode, 0 = batch
  bool embeddings = false;
  enum llama_pooling_type pooling = LLAMA_POOLING_TYPE_UNSPECIFIED;
  // Asked for every node of a graph whether it is wanted, and shown those that are once computed. Must not throw.
  ggml_backend_sched_eval_callback observe = nullptr;
  void * observer = nullptr;
};

// The arrays of a llama_batch; each token belongs to one sequence.
class Batch {
 public:
  void clear();
  void add(llama_token token, llama_pos position, llama_seq_id sequence, bool output);
  int32_t size() const noexcept { return static_cast<int32_t>(tokens_.size()); }
  // The entries [from, from + count); valid until the next add.
  llama_batch view(int32_t from, int32_t count);

 private:
  std::vector<llama_token> tokens_;
  std::vector<llama_pos> positions_;
  std::vector<int32_t> counts_;
  std::vector<llama_seq_id> sequences_;
  std::vector<llama_seq_id *> pointers_;
  std::vector<int8_t> outputs_;
};

class Context {
 public:
  // `abort` is asked between the nodes of a graph, on the decoding thread; true gives up the decode.
  // Throws TARA_OUT_OF_MEMORY.
  Context(std::shared_ptr<Weights> weights, const ContextOptions & options, Threads & threads, std::function<bool()> abort);
  ~Context();
  Context(const Context &) = delete;

  llama_context * get() const noexcept { return context_; }
  const Weights & weights() const noexcept { return *weights_; }
  // Null for models without one (encoders).
  llama_memory_t memory() const { return llama_get_memory(context_); }
  uint32_t batch_limit() const { return llama_n_batch(context_); }

  // Decodes with these adapters from now on. A change makes the next decode plan its graph anew.
  void use(const AdapterUse & adapters);

  enum class Outcome { done, aborted, no_room };
  // Takes a CPU share and decodes. `no_room` leaves the memory as it was. Throws TARA_DECODE_FAILED.
  Outcome decode(const llama_batch & batch);
  void forget(llama_seq_id sequence);

 private:
  std::shared_ptr<Weights> weights_;
  Threads & threads_;
  std::function<bool()> abort_;
  llama_context * context_ = nullptr;
  AdapterUse adapters_;
  bool decoded_ = false;
};

}  // namespace tara
