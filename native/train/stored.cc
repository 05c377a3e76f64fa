#include "train/stored.h"

#include "quant/codec.h"

namespace tara::train {

namespace {

constexpr size_t SIZE_LIMIT = 1u << 24;  // of a tensor's side

Error refuse(const std::string & reason) { return Error("TARA_INTERNAL", {{"reason", reason}}); }

}  // namespace

std::vector<float> Stored::floats() const {
  std::vector<float> values(in * out);
  quant::decode(type, bytes.data(), values.data(), static_cast<int64_t>(values.size()));
  return values;
}

Stored read_stored(const plan::SourceFile & file, const Json & tensor) {
  const auto id = tensor.at("type").get<int64_t>();
  if (id < 0 || id >= GGML_TYPE_COUNT || !quant::can_decode(static_cast<ggml_type>(id))) throw refuse("a tensor has a type that cannot be read");
  const auto & ne = tensor.at("ne");
  Stored stored{static_cast<ggml_type>(id), ne.at(0).get<size_t>(), ne.size() > 1 ? ne.at(1).get<size_t>() : 1, {}};
  if (stored.in == 0 || stored.out == 0 || stored.in > SIZE_LIMIT || stored.out > SIZE_LIMIT || ne.size() > 2) throw refuse("a tensor is out of range");
  if (stored.in % ggml_blck_size(stored.type) != 0) throw refuse("a row is no multiple of its type's block");
  stored.bytes.resize(ggml_row_size(stored.type, static_cast<int64_t>(stored.in)) * stored.out);
  const auto offset = tensor.at("offset").get<int64_t>();
  if (tensor.at("bytes").get<size_t>() != stored.bytes.size() || offset < 0 || offset > file.size() - static_cast<int64_t>(stored.bytes.size())) throw refuse("a tensor's span is wrong");
  quant::prepare(stored.type);
  file.read(stored.bytes.data(), stored.bytes.size(), offset);
  return stored;
}

std::unique_ptr<plan::SourceFile> open_source(const Json & file) {
  return std::make_unique<plan::SourceFile>(file.at("path").get<std::string>(), file.at("size").get<int64_t>(), file.at("mtimeMs").get<double>());
}

}  // namespace tara::train
