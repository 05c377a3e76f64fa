// A vocabulary that tokens were taken out of, as the teacher's distributions are seen through it: a lost token is read as the
// pieces that it was merged from, so what it was expected with counts for its first piece, then, once that was read, for the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tara::train {

class Spelling {
 public:
  // Of each of the teacher's tokens the pieces, from starts[token] on until starts[token + 1], as the student numbers its
  // `size` tokens; none for a token that no text becomes. Throws TARA_INTERNAL for numbers that are out of range.
  Spelling(std::vector<int32_t> starts, std::vector<int32_t> pieces, size_t size);

  size_t size() const { return size_; }
  size_t teacher_size() const { return starts_.size() - 1; }
  size_t length(size_t token) const { return static_cast<size_t>(starts_[token + 1] - starts_[token]); }
  int32_t piece(size_t token, size_t at) const { return pieces_[static_cast<size_t>(starts_[token]) + at]; }
  // The teacher's token that is this piece, -1 for none; and its tokens of several pieces that begin with it.
  int32_t whole(int32_t piece) const { return whole_[static_cast<size_t>(piece)]; }
  const std::vector<uint32_t> & spelled(int32_t piece) const { return spelled_[static_cast<size_t>(piece)]; }

 private:
  std::vector<int32_t> starts_, pieces_, whole_;
  std::vector<std::vector<uint32_t>> spelled_;
  size_t size_;
};

// Where a reader of one sequence stands: between tokens, or with some probability within lost ones.
class SpelledReader {
 public:
  explicit SpelledReader(const Spelling & spelling) : spelling_(spelling) {}

  // What piece follows, from the teacher's probabilities of the next token after all that was read.
  void fold(const float * probabilities, float * pieces) const;
  // The piece that followed.
  void read(const float * probabilities, int32_t piece);

 private:
  struct Open {
    uint32_t token;
    uint32_t at;  // pieces of it that were read
    double weight;
  };
  const Spelling & spelling_;
  double between_ = 1;
  std::vector<Open> open_;
};

}  // namespace tara::train
