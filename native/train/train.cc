// What the train room offers to JavaScript. Objects: a network, made by train.open, freed by train.close.
//
// A job on a network takes { network, threads, groups: [[tokens of each sequence]], labels?: { top, drawn } } and two blobs:
// the tokens of all sequences, and a row of soft labels for each of them. Each group is one pass of one thread; sums are made in
// their order, so that any number of threads gives the same.
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>

#include "train/opening.h"
#include "train/optimizer.h"
#include "train/spelling.h"
#include "train/work.h"

namespace tara {

namespace train {

void register_residual(Registry & registry);

namespace {

Error refuse(const std::string & reason) { return Error("TARA_INTERNAL", {{"reason", reason}}); }

void add_parts(const std::shared_ptr<Work> & work, const std::shared_ptr<Sum> & sum, std::function<void()> finish) {
  run(work, [work, sum](size_t part, size_t worker) { sum->add(*work, part, worker); }, std::move(finish));
}

Blob bytes_of(const std::vector<float> & values) {
  Blob blob(values.size() * sizeof(float));
  if (!blob.empty()) std::memcpy(blob.data(), values.data(), blob.size());
  return blob;
}

// Ends with { divergence: sum in nats, tokens }.
void measure(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  auto work = work_of(environment, std::move(job), params, blobs, true);
  auto sum = std::make_shared<Sum>(0, work->passes.size());
  add_parts(work, sum, [work, sum] { work->end({{"divergence", sum->loss}, {"tokens", work->tokens()}}); });
}

// The same, and the gradient of the mean over tokens as float32.
void gradient(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  auto work = work_of(environment, std::move(job), params, blobs, true);
  auto sum = std::make_shared<Sum>(work->network().parameters.size(), work->passes.size());
  add_parts(work, sum, [work, sum] {
    for (float & g : sum->total) g /= static_cast<float>(work->tokens());
    work->end({{"divergence", sum->loss}, {"tokens", work->tokens()}}, bytes_of(sum->total));
  });
}

// Panels of all trained matrices from the parameters, then `finish`.
void refresh(const std::shared_ptr<Work> & work, std::function<void()> finish) {
  std::vector<Matrix *> trained;
  for (Matrix * matrix : work->network().matrices()) {
    if (matrix->trained()) trained.push_back(matrix);
  }
  const auto part = [work, trained](size_t index, size_t) {
    Matrix & matrix = *trained[index];
    refresh_lora(work->network(), matrix);
    for (size_t first = 0; first < matrix.out; first += PANEL) refresh_rows(work->network(), matrix, first);
  };
  run_parts({work->job, work->threads, trained.size(), part, std::move(finish), [work] { work->release(); }});
}

// { rates: { norm, scale, lora, decay, clip } } besides. One step of the optimizer; ends with { divergence, tokens, length: of
// the gradient, steps }. TARA_TRAINING_DIVERGED where the sum or its gradient is no number: the parameters are as before then.
// A cancelled step has changed all of them or none, but not always what is computed from them: restore a state before going on.
void step(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  auto work = work_of(environment, std::move(job), params, blobs, true);
  const auto & given = params.at("rates");
  const auto rate = [&](const char * key) { return given.at(key).get<float>(); };
  const Rates rates{rate("norm"), rate("scale"), rate("lora"), rate("decay"), rate("clip")};
  auto sum = std::make_shared<Sum>(work->network().parameters.size(), work->passes.size());
  add_parts(work, sum, [work, sum, rates] {
    for (float & g : sum->total) g /= static_cast<float>(work->tokens());
    if (!std::isfinite(sum->loss)) throw Error("TARA_TRAINING_DIVERGED", {{"step", work->network().steps + 1}});
    const double length = update(work->network(), sum->total, rates);
    refresh(work, [work, sum, length] {
      work->end({{"divergence", sum->loss}, {"tokens", work->tokens()}, {"length", length}, {"steps", work->network().steps}});
    });
  });
}

std::vector<int32_t> numbers_of(const Blob & blob) {
  std::vector<int32_t> numbers(blob.size() / sizeof(int32_t));
  if (!numbers.empty()) std::memcpy(numbers.data(), blob.data(), numbers.size() * sizeof(int32_t));
  return numbers;
}

// Makes labels of the rows of one batch, in order.
class Labeller {
 public:
  Labeller(const Batch & batch, const Spelling * spelling, LabelShape shape, uint64_t seed, uint8_t * rows)
      : batch_(batch), spelling_(spelling), shape_(shape), seed_(seed), rows_(rows), row_(shape.words()) {
    size_t end = 0;
    for (const size_t length : batch.lengths) ends_.push_back(end += length);
    if (spelling) {
      reader_.emplace(*spelling);
      pieces_.resize(spelling->size());
    }
  }

  void take(const float * logits, size_t vocabulary) {
    probabilities_.assign(logits, logits + vocabulary);
    const LogSum sum = softmax(probabilities_.data(), vocabulary);
    if (!std::isfinite(sum.log_sum)) throw Error("TARA_LOGITS_INVALID");
    if (spelling_) {
      reader_->fold(probabilities_.data(), pieces_.data());
      make_label(pieces_.data(), entropy_of(pieces_.data(), pieces_.size()), pieces_.size(), shape_, seed_ + at_, row_.data());
      follow();
    } else {
      make_label(probabilities_.data(), entropy_of(probabilities_.data(), logits, sum.top, sum.log_sum, vocabulary), vocabulary, shape_, seed_ + at_, row_.data());
    }
    std::memcpy(rows_ + at_ * row_.size() * sizeof(uint32_t), row_.data(), row_.size() * sizeof(uint32_t));
    ++at_;
  }

 private:
  // To the next token, or to the next sequence.
  void follow() {
    if (at_ + 1 == ends_[sequence_]) {
      reader_.emplace(*spelling_);
      ++sequence_;
    } else {
      reader_->read(probabilities_.data(), spelling_->piece(static_cast<size_t>(batch_.tokens[at_ + 1]), 0));
    }
  }

  const Batch & batch_;
  const Spelling * spelling_;
  const LabelShape shape_;
  const uint64_t seed_;
  uint8_t * rows_;
  std::vector<uint32_t> row_;
  std::vector<size_t> ends_;
  std::optional<SpelledReader> reader_;
  std::vector<float> probabilities_, pieces_;
  size_t at_ = 0, sequence_ = 0;
};

// { labels, seed, pieces?: the student's tokens } besides; a blob of tokens, with `pieces` two of the spelling besides (spelling.h),
// and every token is a piece by itself. Ends with the soft labels of every token.
void teach(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  std::shared_ptr<const Spelling> spelling;
  if (params.contains("pieces")) {
    if (blobs.size() != 3) throw refuse("blobs of a spelling expected");
    spelling = std::make_shared<const Spelling>(numbers_of(blobs[1]), numbers_of(blobs[2]), params.at("pieces").get<size_t>());
    blobs.resize(1);
  }
  auto work = work_of(environment, std::move(job), params, blobs, false);
  const size_t vocabulary = work->network().vocabulary();
  if (spelling) {
    if (spelling->teacher_size() != vocabulary) throw refuse("the spelling is of another vocabulary");
    for (const auto & batch : work->batches) {
      for (const int32_t token : batch.tokens) {
        if (spelling->length(static_cast<size_t>(token)) != 1) throw refuse("a token is no piece");
      }
    }
  }
  const LabelShape shape = label_shape_of(params.at("labels"), spelling ? spelling->size() : vocabulary);
  const auto seed = params.at("seed").get<uint64_t>();
  std::vector<size_t> starts(1);
  for (const auto & batch : work->batches) starts.push_back(starts.back() + batch.tokens.size());
  auto rows = std::make_shared<Blob>(starts.back() * shape.words() * sizeof(uint32_t));
  const auto part = [work, spelling, shape, seed, starts, rows, vocabulary](size_t index, size_t worker) {
    const Batch & batch = work->batches[index];
    Labeller labeller(batch, spelling.get(), shape, seed + starts[index], rows->data() + starts[index] * shape.words() * sizeof(uint32_t));
    work->pass(worker).logits(batch, work->job->cancel_flag(), [&](size_t, size_t count, float * logits) {
      for (size_t i = 0; i < count; ++i) labeller.take(logits + i * vocabulary, vocabulary);
    });
  };
  run(work, part, [work, rows] { work->end({{"tokens", work->tokens()}}, std::move(*rows)); });
}

// One blob, one group. Ends with the logits of every token as float32.
void logits(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  auto work = work_of(environment, std::move(job), params, blobs, false);
  if (work->batches.size() != 1) throw refuse("one group expected");
  const size_t vocabulary = work->network().vocabulary();
  auto rows = std::make_shared<Blob>(work->tokens() * vocabulary * sizeof(float));
  const auto part = [work, rows, vocabulary](size_t index, size_t worker) {
    work->pass(worker).logits(work->batches[index], work->job->cancel_flag(), [&](size_t first, size_t count, float * of_rows) {
      std::memcpy(rows->data() + first * vocabulary * sizeof(float), of_rows, count * vocabulary * sizeof(float));
    });
  };
  run(work, part, [work, rows] { work->end(Json::object(), std::move(*rows)); });
}

// What a training goes on from: parameters and both moments as float32, and { steps }.
void state(Environment & environment, JobPtr job, Json params, Blobs) {
  auto work = std::make_shared<Work>(job, network_of(environment, params), params);
  const auto part = [work](size_t, size_t) {
    const Network & network = work->network();
    Blob blob;
    for (const auto * values : {&network.parameters, &network.first_moments, &network.second_moments}) {
      const auto * bytes = reinterpret_cast<const uint8_t *>(values->data());
      blob.insert(blob.end(), bytes, bytes + values->size() * sizeof(float));
    }
    work->end({{"steps", network.steps}}, std::move(blob));
  };
  run_parts({job, 1, 1, part, [] {}, [work] { work->release(); }});
}

// { steps } and a blob as state gives it.
void restore(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  auto work = std::make_shared<Work>(std::move(job), network_of(environment, params), params);
  Network & network = work->network();
  const size_t bytes = network.parameters.size() * sizeof(float);
  if (blobs.size() != 1 || blobs[0].size() != 3 * bytes) throw refuse("the state belongs to another training");
  const uint8_t * from = blobs[0].data();
  for (auto * values : {&network.parameters, &network.first_moments, &network.second_moments}) {
    if (bytes > 0) std::memcpy(values->data(), from, bytes);
    from += bytes;
  }
  network.steps = params.at("steps").get<uint64_t>();
  refresh(work, [work] { work->end(Json::object()); });
}

// { tensor }: a matrix whose factors were trained. Ends with the file's bytes with the factors in them.
void scaled_tensor(Environment & environment, JobPtr job, Json params, Blobs) {
  auto work = std::make_shared<Work>(job, network_of(environment, params), params);
  const auto name = params.at("tensor").get<std::string>();
  const auto part = [work, name](size_t, size_t) {
    for (const Matrix * matrix : work->network().matrices()) {
      if (matrix->name == name && matrix->scales != NONE) return work->end(Json::object(), scaled(work->network(), *matrix));
    }
    throw refuse("no trained tensor of that name");
  };
  run_parts({job, 1, 1, part, [] {}, [work] { work->release(); }});
}

Json close_network(Environment & environment, const Json & params) {
  environment.disown(params.at("network").get<uint32_t>());
  return Json::object();
}

}  // namespace

}  // namespace train

void register_train(Registry & registry) {
  registry.calls["train.close"] = train::close_network;
  registry.starts["train.open"] = train::open_network;
  registry.starts["train.teach"] = train::teach;
  registry.starts["train.logits"] = train::logits;
  registry.starts["train.measure"] = train::measure;
  registry.starts["train.gradient"] = train::gradient;
  registry.starts["train.step"] = train::step;
  registry.starts["train.state"] = train::state;
  registry.starts["train.restore"] = train::restore;
  registry.starts["train.scaled"] = train::scaled_tensor;
  train::register_residual(registry);
}

}  // namespace tara
