#include "train/work.h"

#include <algorithm>
#include <cstring>

namespace tara::train {

namespace {

constexpr size_t LENGTH_LIMIT = 1u << 14;
constexpr size_t GROUP_LIMIT = 1u << 16;
constexpr size_t LABEL_LIMIT = 4096;

Error refuse(const std::string & reason) { return Error("TARA_INTERNAL", {{"reason", reason}}); }

}  // namespace

std::shared_ptr<Network> network_of(Environment & environment, const Json & params) {
  auto network = environment.find<Network>(params.at("network").get<uint32_t>());
  if (!network) throw Error("TARA_DISPOSED", {{"what", "the network"}});
  return network;
}

Pass & Work::pass(size_t worker) {
  if (!passes[worker]) passes[worker] = std::make_unique<Pass>(network());
  return *passes[worker];
}

size_t Work::tokens() const {
  size_t sum = 0;
  for (const auto & batch : batches) sum += batch.tokens.size();
  return sum;
}

void Work::release() {
  passes.clear();
  claim.release();
}

void Work::end(const Json & data, Blob blob) {
  release();
  job->done(data, std::move(blob));
}

LabelShape label_shape_of(const Json & params, size_t vocabulary) {
  const LabelShape shape{params.at("top").get<size_t>(), params.at("drawn").get<size_t>()};
  if (shape.top == 0 || shape.top > std::min(LABEL_LIMIT, vocabulary) || shape.drawn > LABEL_LIMIT) throw refuse("labels are out of range");
  return shape;
}

std::shared_ptr<Work> work_of(Environment & environment, JobPtr job, const Json & params, const Blobs & blobs, bool labelled) {
  auto work = std::make_shared<Work>(std::move(job), network_of(environment, params), params);
  const size_t vocabulary = work->network().embedding.out;
  const LabelShape shape = labelled ? label_shape_of(params.at("labels"), work->network().vocabulary()) : LabelShape{};
  if (blobs.size() != (labelled ? 2 : 1)) throw refuse("blobs of tokens and labels expected");
  size_t at = 0;
  const size_t all = blobs[0].size() / sizeof(int32_t);
  const auto & groups = params.at("groups");
  if (groups.empty() || groups.size() > GROUP_LIMIT) throw refuse("groups are out of range");
  for (const auto & group : groups) {
    Batch batch;
    batch.label_shape = shape;
    batch.lengths = group.get<std::vector<size_t>>();
    size_t count = 0;
    for (const size_t length : batch.lengths) {
      if (length == 0 || length > LENGTH_LIMIT) throw refuse("a sequence is out of range");
      count += length;
    }
    if (count == 0 || count > all - at) throw refuse("groups and tokens disagree");
    batch.tokens.resize(count);
    std::memcpy(batch.tokens.data(), blobs[0].data() + at * sizeof(int32_t), count * sizeof(int32_t));
    for (const int32_t token : batch.tokens) {
      if (token < 0 || static_cast<size_t>(token) >= vocabulary) throw refuse("a token is none of the vocabulary's");
    }
    if (labelled) {
      const size_t words = count * shape.words();
      const size_t from = at * shape.words() * sizeof(uint32_t);
      if (blobs[1].size() < from + words * sizeof(uint32_t)) throw refuse("labels and tokens disagree");
      batch.labels.resize(words);
      std::memcpy(batch.labels.data(), blobs[1].data() + from, words * sizeof(uint32_t));
    }
    at += count;
    work->batches.push_back(std::move(batch));
  }
  work->passes.resize(workers(work->threads));
  return work;
}

void run(const std::shared_ptr<Work> & work, std::function<void(size_t, size_t)> part, std::function<void()> finish) {
  run_parts({work->job, work->threads, work->batches.size(), std::move(part), std::move(finish), [work] { work->release(); }});
}

void Sum::add(Work & work, size_t part, size_t worker) {
  auto & own = own_[worker];
  double divergence = 0;
  try {
    own.assign(total.size(), 0);
    divergence = work.pass(worker).divergence(work.batches[part], work.job->cancel_flag(), total.empty() ? nullptr : own.data());
  } catch (...) {
    std::lock_guard<std::mutex> lock(mutex_);
    broken_ = true;
    turned_.notify_all();
    throw;
  }
  std::unique_lock<std::mutex> lock(mutex_);
  turned_.wait(lock, [&] { return broken_ || turn_ == part; });
  if (broken_) return;
  loss += divergence;
  for (size_t i = 0; i < total.size(); ++i) total[i] += own[i];
  ++turn_;
  turned_.notify_all();
}

}  // namespace tara::train
