// Loaded weights, shared by the whole process: one llama_model for each file and set of options.
#pragma once

#include <memory>
#include <string>

#include "env/job.h"
#include "llama.h"

namespace tara {

struct WeightsOptions {
  std::string path;
  bool mmap = false;    // a file that shrinks while mapped kills the process, hence not the default
  int gpu_layers = -1;  // all that fit
};

class Weights {
 public:
  // Blocks the calling thread; progress { ratio: 0..1 } goes to the job. Loads of one file share one load; when the
  // job that loads is cancelled, the next one in line takes over.
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

 private:
  Weights(std::string path, llama_model * model);
  static std::shared_ptr<Weights> read(const WeightsOptions & options, const JobPtr & job, const std::function<void(float)> & progress);
};

// How many weights are loaded now (for tests and doctor).
size_t loaded_weights();

}  // namespace tara
