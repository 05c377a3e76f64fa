// A model's next-token distributions on a text, row by row in 16 bits a token, for others to be compared with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "env/environment.h"
#include "measure/logits.h"

namespace tara::measure {

// Where a thread puts a row on its way to or from the file.
using Codes = std::vector<uint16_t>;

class Recording : public Object {
 public:
  // `work_file`: holds the rows; empty keeps them in memory.
  Recording(size_t rows, size_t vocabulary, std::string work_file) : rows(rows), vocabulary(vocabulary), work_file_(std::move(work_file)) {}
  ~Recording() override;
  Recording(const Recording &) = delete;
  void close() noexcept override {}

  const size_t rows;
  const size_t vocabulary;

  // Takes the room for all rows; again does nothing. The file has no name from then on, so nothing is left of it however the
  // process ends. Throws TARA_FILE_EXISTS, TARA_DISK_FULL, TARA_WRITE_FAILED.
  void open();

  // Different rows may be written, and any rows be compared, by several threads at once. Throws TARA_WRITE_FAILED.
  void write(size_t row, const float * logits, const Softmax & softmax, Codes & buffer);

  struct Compared {
    double divergence = 0;  // of these logits from the row
    bool same_top = false;
  };
  // Throws TARA_FILE_UNREADABLE, TARA_LOGITS_INVALID.
  Compared compare(size_t row, const float * logits, const Softmax & softmax, Codes & buffer) const;

 private:
  struct Row {
    Steps steps;
    size_t top_token = 0;
  };
  size_t row_bytes() const noexcept { return vocabulary * sizeof(uint16_t); }
  [[noreturn]] void fail(int error) const;

  const std::string work_file_;
  int fd_ = -1;
  std::unique_ptr<uint16_t[]> memory_;
  std::vector<Row> heads_;
};

}  // namespace tara::measure
