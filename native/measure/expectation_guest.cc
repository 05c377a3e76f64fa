#include "measure/expectation_guest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "env/error.h"
#include "measure/logits.h"

namespace tara::measure {

namespace {

constexpr size_t BATCH = 64;       // each of its tokens gives a row of logits
constexpr float NEGLIGIBLE = -20;  // nats below the row's total: 2e-9 of it

// sums[i] += exp(logits[i] - shift), where that is worth adding.
void add_probabilities(double * sums, const float * logits, float shift, size_t from, size_t to) {
  for (size_t i = from; i < to; ++i) {
    const float exponent = logits[i] - shift;
    if (exponent > NEGLIGIBLE) sums[i] += std::exp(exponent);
  }
}

}  // namespace

void ExpectationGuest::begin(const Lodging & lodging) {
  const Weights & weights = *lodging.weights;
  if (!weights.causal()) throw Error("TARA_MODEL_UNSUPPORTED", {{"path", weights.path}, {"reason", "it is an encoder, which expects no next token"}});
  const size_t most = longest(lodging);
  sums_.resize(static_cast<size_t>(llama_vocab_n_tokens(weights.vocab)));
  ContextOptions options;
  options.tokens = static_cast<uint32_t>(most);
  options.batch = static_cast<uint32_t>(std::min(BATCH, most));
  open(lodging, options);
}

void ExpectationGuest::after_batch(size_t rows) {
  const float * logits = llama_get_logits(context());
  if (logits == nullptr) throw Error("TARA_INTERNAL", {{"reason", "a decode gave no logits"}});
  const size_t size = sums_.size();
  std::vector<float> shifts(rows);
  for (size_t row = 0; row < rows; ++row) {
    const Softmax softmax = softmax_of(logits + row * size, size);
    shifts[row] = softmax.top + static_cast<float>(softmax.log_sum);
  }
  // Each thread has tokens of its own, so the sums do not depend on how many there are.
  const auto add = [&](size_t part, size_t parts) {
    for (size_t row = 0; row < rows; ++row) add_probabilities(sums_.data(), logits + row * size, shifts[row], size * part / parts, size * (part + 1) / parts);
  };
  const auto parts = static_cast<size_t>(threads());
  std::vector<std::thread> others;
  for (size_t part = 1; part < parts; ++part) others.emplace_back(add, part, parts);
  add(0, parts);
  for (auto & other : others) other.join();
}

void ExpectationGuest::finish() {
  Blob blob(sums_.size() * sizeof(double));
  std::memcpy(blob.data(), sums_.data(), blob.size());
  job->done({{"tokens", total_}}, std::move(blob));
}

}  // namespace tara::measure
