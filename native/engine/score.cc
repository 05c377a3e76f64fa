#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/probabilities.h"
#include "engine/sequence.h"

namespace tara {

namespace {

class Score : public Sequence {
 public:
  Score(JobPtr job, const Weights & weights, Tokens tokens, size_t skip)
      : Sequence(std::move(job), std::move(tokens)), skip_(std::max<size_t>(1, skip)), size_(llama_vocab_n_tokens(weights.vocab)) {}

  bool begin(const Place &) override { return true; }

  bool needs(size_t position) const override { return position + 1 >= skip_ && position + 1 < tokens.size(); }

  bool take(size_t position, float * logits) override {
    const double value = static_cast<double>(logits[tokens[position + 1]]) - log_sum_exp(logits, size_);
    if (std::isnan(value)) throw Error("TARA_LOGITS_INVALID");
    sum_ += value;
    values_.push_back(static_cast<float>(value));
    return position + 2 < tokens.size();
  }

  void end() override {
    Blob blob(values_.size() * sizeof(float));
    std::memcpy(blob.data(), values_.data(), blob.size());
    job->done({{"tokens", tokens.size()}, {"scored", values_.size()}, {"meanLoss", -sum_ / static_cast<double>(values_.size())}}, std::move(blob));
  }

 private:
  const size_t skip_;
  const int32_t size_;
  double sum_ = 0;
  std::vector<float> values_;
};

}  // namespace

SequencePtr make_score(JobPtr job, const Weights & weights, Tokens tokens, size_t skip) {
  return std::make_unique<Score>(std::move(job), weights, std::move(tokens), skip);
}

}  // namespace tara
