#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/sequence.h"

namespace tara {

namespace {

// ln of the probability that softmax gives to `token`.
double log_probability(const float * logits, int32_t size, llama_token token) {
  const float top = *std::max_element(logits, logits + size);
  double sum = 0;
  for (int32_t i = 0; i < size; ++i) sum += std::exp(logits[i] - top);
  return static_cast<double>(logits[token]) - top - std::log(sum);
}

class Score : public Sequence {
 public:
  Score(JobPtr job, Tokens tokens, size_t skip) : Sequence(std::move(job), std::move(tokens)), skip_(std::max<size_t>(1, skip)) {}

  void begin(const Weights & weights, size_t) override {
    size_ = llama_vocab_n_tokens(weights.vocab);
    values_.reserve(tokens.size());
  }

  bool needs(size_t position) const override { return position + 1 >= skip_ && position + 1 < tokens.size(); }

  bool take(size_t position, float * logits) override {
    const double value = log_probability(logits, size_, tokens[position + 1]);
    if (std::isnan(value)) throw Error("TARA_LOGITS_INVALID");
    sum_ += value;
    values_.push_back(static_cast<float>(value));
    if (position + 2 < tokens.size()) return true;
    Blob blob(values_.size() * sizeof(float));
    std::memcpy(blob.data(), values_.data(), blob.size());
    job->done({{"tokens", tokens.size()}, {"scored", values_.size()}, {"meanLoss", -sum_ / static_cast<double>(values_.size())}}, std::move(blob));
    return false;
  }

 private:
  const size_t skip_;
  int32_t size_ = 0;
  double sum_ = 0;
  std::vector<float> values_;
};

}  // namespace

SequencePtr make_score(JobPtr job, Tokens tokens, size_t skip) {
  return std::make_unique<Score>(std::move(job), std::move(tokens), skip);
}

}  // namespace tara
