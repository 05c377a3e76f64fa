#include "train/spelling.h"

#include <algorithm>

#include "env/error.h"

namespace tara::train {

namespace {

constexpr double LEAST = 1e-9;  // a share that changes no label

Error refuse() { return Error("TARA_INTERNAL", {{"reason", "the spelling of the vocabulary is out of range"}}); }

}  // namespace

Spelling::Spelling(std::vector<int32_t> starts, std::vector<int32_t> pieces, size_t size)
    : starts_(std::move(starts)), pieces_(std::move(pieces)), whole_(size, -1), spelled_(size), size_(size) {
  if (starts_.empty() || starts_.front() != 0 || static_cast<size_t>(starts_.back()) != pieces_.size() || !std::is_sorted(starts_.begin(), starts_.end())) throw refuse();
  for (const int32_t piece : pieces_) {
    if (piece < 0 || static_cast<size_t>(piece) >= size) throw refuse();
  }
  for (size_t token = 0; token < teacher_size(); ++token) {
    if (length(token) == 0) continue;
    const auto first = static_cast<size_t>(piece(token, 0));
    if (length(token) == 1) whole_[first] = static_cast<int32_t>(token);
    else spelled_[first].push_back(static_cast<uint32_t>(token));
  }
}

void SpelledReader::fold(const float * p, float * pieces) const {
  std::fill_n(pieces, spelling_.size(), 0.0f);
  for (size_t token = 0; token < spelling_.teacher_size(); ++token) {
    if (spelling_.length(token) > 0) pieces[spelling_.piece(token, 0)] += p[token];
  }
  // Tokens that no text becomes have no part in it.
  double sum = 0;
  for (size_t i = 0; i < spelling_.size(); ++i) sum += pieces[i];
  const auto scale = static_cast<float>(sum > 0 ? between_ / sum : 0);
  for (size_t i = 0; i < spelling_.size(); ++i) pieces[i] *= scale;
  for (const auto & [token, at, weight] : open_) pieces[spelling_.piece(token, at)] += static_cast<float>(weight);
}

void SpelledReader::read(const float * p, int32_t piece) {
  const int32_t whole = spelling_.whole(piece);
  double between = whole < 0 ? 0 : between_ * p[whole];
  std::vector<Open> open;
  for (const auto & [token, at, weight] : open_) {
    if (spelling_.piece(token, at) != piece) continue;
    if (at + 1 == spelling_.length(token)) between += weight;
    else open.push_back({token, at + 1, weight});
  }
  for (const uint32_t token : spelling_.spelled(piece)) open.push_back({token, 1, between_ * p[token]});
  double sum = between;
  for (const auto & one : open) sum += one.weight;
  if (!(sum > 0)) {
    between_ = 1;
    open_.clear();
    return;
  }
  open_.clear();
  double kept = between;
  for (auto & one : open) {
    if (one.weight < LEAST * sum) continue;
    kept += one.weight;
    open_.push_back(one);
  }
  between_ = kept > 0 ? between / kept : 1;
  for (auto & one : open_) one.weight /= kept;
}

}  // namespace tara::train
