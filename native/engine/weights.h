// Loaded weights, shared by the whole process: one llama_model for each file and set of options.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/job.h"
#include "llama.h"

namespace tara {

// The adapters that a sequence is decoded with, each with its scale; sorted, so that equal sets compare equal.
using AdapterUse = std::vector<std::pair<llama_adapter_lora *, float>>;

struct WeightsOptions {
  std::string path;
  std::map<std::string, std::string> adapters;  // GGUF LoRA files by the name that requests call them
  bool mmap = false;    // a file that shrinks while mapped kills the process, hence not the default
  int gpu_layers = -1;  // all that fit
};

class Weights {
 public:
  // Blocks the calling thread; progress { ratio: 0..1 } goes to the job. Loads of one file share one load; when the
  // job that loads is cancelled, the next one in line takes over.
  // Weights with other adapters are loaded apart: a model's set of adapters must not change while contexts use it.
  // Throws TARA_ABORTED, TARA_FILE_NOT_FOUND, TARA_FILE_CHANGED, TARA_MODEL_LOAD, TARA_MODEL_UNSUPPORTED.
  static std::shared_ptr<Weights> load(const WeightsOptions & options, const JobPtr & job);

  ~Weights();
  Weights(const Weights &) = delete;

  const std::string path;
  llama_model * const model;
  const llama_vocab * const vocab;

  // A scalar metadata value as text, empty when there is none.
  std::string meta(const std::string & key) const;
  // The same under the architecture's name: arch_meta("pooling_type").
  std::string arch_meta(const std::string & key) const;
  // False for encoders: every token sees every other, and nothing can be generated.
  bool causal() const { return arch_meta("attention.causal") != "false"; }
  // Throws TARA_OPTION_INVALID for a name that was not loaded.
  AdapterUse adapters(const std::vector<std::pair<std::string, float>> & wanted) const;

 private:
  Weights(std::string path, llama_model * model);
  static std::shared_ptr<Weights> read(const WeightsOptions & options, const JobPtr & job, const std::function<void(float)> & progress);
  void read_adapters(const std::map<std::string, std::string> & files);

  std::map<std::string, llama_adapter_lora *> adapters_;  // freed with the model
};

// How many weights are loaded now (for tests and doctor).
size_t loaded_weights();

}  // namespace tara
