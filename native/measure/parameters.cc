#include "measure/parameters.h"

#include <algorithm>
#include <cstring>

#include "ggml.h"

namespace tara::measure {

Error refuse(const std::string & reason) { return Error("TARA_INTERNAL", {{"reason", reason}}); }

size_t whole(const Json & params, const char * key, size_t low, size_t high) {
  const auto & value = params.at(key);
  if (!value.is_number_integer() || value.get<int64_t>() < 0) throw refuse(std::string(key) + " is no count");
  const auto count = value.get<uint64_t>();
  if (count < low || count > high) throw refuse(std::string(key) + " is out of range");
  return count;
}

std::shared_ptr<Runner> runner_of(Environment & environment, const Json & params) {
  auto runner = environment.find<Runner>(params.at("runner").get<uint32_t>());
  if (!runner) throw Error("TARA_DISPOSED", {{"what", "the model"}});
  return runner;
}

std::vector<Tokens> texts_of(const Json & lengths, const Blob & blob) {
  std::vector<Tokens> texts;
  size_t at = 0;
  for (const auto & length : lengths) {
    const auto count = length.get<size_t>();
    if (count == 0 || count > (blob.size() - at) / sizeof(llama_token)) throw refuse("texts and tokens disagree");
    Tokens tokens(count);
    std::memcpy(tokens.data(), blob.data() + at, count * sizeof(llama_token));
    at += count * sizeof(llama_token);
    texts.push_back(std::move(tokens));
  }
  if (texts.empty()) throw Error("TARA_PROMPT_EMPTY");
  return texts;
}

std::vector<float> floats_of(const std::string & dtype, const Blob & blob, size_t count) {
  const size_t width = dtype == "F64" ? 8 : dtype == "F32" ? 4 : dtype == "F16" || dtype == "BF16" ? 2 : 0;
  if (width == 0 || blob.size() != count * width) throw refuse("a tensor of " + dtype + " has the wrong size");
  std::vector<float> values(count);
  if (dtype == "F32") {
    std::memcpy(values.data(), blob.data(), blob.size());
  } else if (dtype == "F16") {
    std::vector<ggml_fp16_t> raw(count);
    std::memcpy(raw.data(), blob.data(), blob.size());
    ggml_fp16_to_fp32_row(raw.data(), values.data(), static_cast<int64_t>(count));
  } else if (dtype == "BF16") {
    std::vector<ggml_bf16_t> raw(count);
    std::memcpy(raw.data(), blob.data(), blob.size());
    ggml_bf16_to_fp32_row(raw.data(), values.data(), static_cast<int64_t>(count));
  } else {
    std::vector<double> raw(count);
    std::memcpy(raw.data(), blob.data(), blob.size());
    std::transform(raw.begin(), raw.end(), values.begin(), [](double value) { return static_cast<float>(value); });
  }
  return values;
}

}  // namespace tara::measure
