// Reads texts with a runner's model and sums the probability that it gives to each token of its vocabulary as the next one:
// how often it expects the token in such texts, whether they hold it or not.
#pragma once

#include "measure/reading_guest.h"

namespace tara::measure {

// Ends with { tokens } and a double for each token of the vocabulary.
class ExpectationGuest : public ReadingGuest {
 public:
  ExpectationGuest(JobPtr job, std::vector<Tokens> texts) : ReadingGuest(std::move(job), std::move(texts)) {}

  void begin(const Lodging & lodging) override;

 private:
  // Its rows of logits are there.
  void after_batch(size_t rows) override;
  void finish() override;

  std::vector<double> sums_;
};

}  // namespace tara::measure
