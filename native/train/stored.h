// Tensors of a file as JavaScript names them: { type, ne, offset, bytes }.
#pragma once

#include <memory>
#include <vector>

#include "env/error.h"
#include "ggml.h"
#include "plan/file_io.h"

namespace tara::train {

struct Stored {
  ggml_type type;
  size_t in;   // numbers of a row
  size_t out;  // rows
  std::vector<uint8_t> bytes;

  std::vector<float> floats() const;
};

// Throws TARA_INTERNAL for a span that the file cannot have, and what reading throws.
Stored read_stored(const plan::SourceFile & file, const Json & tensor);

// { path, size, mtimeMs }
std::unique_ptr<plan::SourceFile> open_source(const Json & file);

}  // namespace tara::train
