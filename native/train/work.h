// A job on a network: the sequences that it reads, in groups of which each is one pass of one thread, and what they add up to.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "env/claim.h"
#include "env/parts.h"
#include "train/pass.h"

namespace tara::train {

// Throws TARA_DISPOSED for one that was closed.
std::shared_ptr<Network> network_of(Environment & environment, const Json & params);

struct Work {
  Work(JobPtr job, std::shared_ptr<Network> network, const Json & params) : job(std::move(job)), claim(std::move(network)), threads(params.at("threads").get<size_t>()) {}

  const JobPtr job;
  Claim<Network> claim;
  const size_t threads;
  std::vector<Batch> batches;
  std::vector<std::unique_ptr<Pass>> passes;  // of each worker

  Network & network() const { return *claim.object; }
  Pass & pass(size_t worker);
  size_t tokens() const;
  void release();
  // Frees the network, then tells the end.
  void end(const Json & data, Blob blob = {});
};

// Throws TARA_INTERNAL for numbers that are out of range.
LabelShape label_shape_of(const Json & params, size_t vocabulary);

// { network, threads, groups: [[tokens of each sequence]], labels? } and blobs of tokens and, where `labelled`, of labels.
std::shared_ptr<Work> work_of(Environment & environment, JobPtr job, const Json & params, const Blobs & blobs, bool labelled);

// `part` for each batch, then `finish`.
void run(const std::shared_ptr<Work> & work, std::function<void(size_t part, size_t worker)> part, std::function<void()> finish);

// The sum of all batches' divergences and of their gradients, added in the batches' order.
class Sum {
 public:
  // No parameters: no gradient.
  Sum(size_t parameters, size_t workers) : total(parameters), own_(workers) {}

  void add(Work & work, size_t part, size_t worker);

  std::vector<float> total;
  double loss = 0;

 private:
  std::vector<std::vector<float>> own_;
  std::mutex mutex_;
  std::condition_variable turned_;
  size_t turn_ = 0;
  bool broken_ = false;
};

}  // namespace tara::train
