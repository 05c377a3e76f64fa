// The only file that includes llama-ext.h, llama.cpp's staging header.
#include "plan/presets.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "llama-arch.h"
#include "llama-ext.h"

namespace tara::plan {

namespace {

constexpr int64_t MAX_LAYERS = 512;  // llama.cpp asserts it
constexpr int64_t MAX_DIMENSION = int64_t{1} << 40;

[[noreturn]] void refuse(const std::string & reason) { throw Error("TARA_PLAN_INVALID", {{"reason", reason}}); }

uint32_t hyper(const Json & model, const char * key) {
  const auto value = model.at(key).get<int64_t>();
  if (value < 0 || value > UINT32_MAX) refuse(std::string(key) + " is out of range");
  return static_cast<uint32_t>(value);
}

ggml_type type_of(const Json & id) {
  const auto value = id.get<int64_t>();
  if (value < 0 || value >= GGML_TYPE_COUNT || ggml_blck_size(static_cast<ggml_type>(value)) == 0) refuse("unknown tensor type");
  return static_cast<ggml_type>(value);
}

ggml_tensor tensor_of(const Json & json) {
  ggml_tensor tensor{};
  const auto name = json.at("name").get<std::string>();
  if (name.empty() || name.size() >= GGML_MAX_NAME) refuse("a tensor name has " + std::to_string(name.size()) + " characters");
  std::memcpy(tensor.name, name.c_str(), name.size() + 1);
  tensor.type = type_of(json.at("type"));
  const Json & ne = json.at("ne");
  if (ne.empty() || ne.size() > GGML_MAX_DIMS) refuse(name + " has " + std::to_string(ne.size()) + " dimensions");
  std::fill(tensor.ne, tensor.ne + GGML_MAX_DIMS, 1);
  for (size_t i = 0; i < ne.size(); ++i) {
    tensor.ne[i] = ne[i].get<int64_t>();
    if (tensor.ne[i] < 1 || tensor.ne[i] > MAX_DIMENSION) refuse(name + " has a dimension out of range");
  }
  return tensor;
}

std::vector<ggml_tensor> tensors_of(const Json & json) {
  std::vector<ggml_tensor> tensors;
  for (const Json & tensor : json) tensors.push_back(tensor_of(tensor));
  return tensors;
}

using Model = std::unique_ptr<llama_model, decltype(&llama_model_free)>;
using State = std::unique_ptr<quantize_state_impl, decltype(&llama_quant_free)>;

Model model_of(const Json & model_json) {
  const auto architecture = model_json.at("architecture").get<std::string>();
  if (llm_arch_from_string(architecture) == LLM_ARCH_UNKNOWN) refuse("llama.cpp does not know the architecture " + architecture);
  llama_quant_model_desc desc{};
  desc.architecture = architecture.c_str();
  desc.n_embd = hyper(model_json, "n_embd");
  desc.n_ff = hyper(model_json, "n_ff");
  desc.n_layer = hyper(model_json, "n_layer");
  desc.n_head = hyper(model_json, "n_head");
  desc.n_head_kv = hyper(model_json, "n_head_kv");
  desc.n_expert = hyper(model_json, "n_expert");
  desc.n_embd_head_k = hyper(model_json, "n_embd_head_k");
  desc.n_embd_head_v = hyper(model_json, "n_embd_head_v");
  if (desc.n_layer < 1 || desc.n_layer > MAX_LAYERS) refuse("the model has " + std::to_string(desc.n_layer) + " layers; 1 to 512 are possible");
  return Model(llama_quant_model_from_metadata(&desc), llama_model_free);
}

// llama.cpp searches for patterns anywhere in a name; this one finds the whole name alone.
std::string only(const std::string & name) {
  std::string pattern = "^";
  for (const char c : name) {
    if (std::strchr(".*+?^${}()|[]\\", c) != nullptr) pattern += '\\';
    pattern += c;
  }
  return pattern + "$";
}

// What llama.cpp throws is a reason to refuse.
template <typename F>
Json guarded(F && ask) {
  try {
    return ask();
  } catch (const Error &) {
    throw;
  } catch (const std::exception & error) {
    refuse(error.what());
  }
}

}  // namespace

Json preset_types(Environment &, const Json & params) {
  const auto ftype = static_cast<llama_ftype>(params.at("ftype").get<int>());
  if (llama_ftype_get_default_type(ftype) == GGML_TYPE_COUNT) refuse("unknown file type");

  std::vector<ggml_tensor> tensors = tensors_of(params.at("tensors"));
  std::vector<ggml_tensor *> pointers;
  for (ggml_tensor & tensor : tensors) pointers.push_back(&tensor);

  const Json & wanted = params.at("overrides");
  std::vector<std::string> patterns;
  for (const Json & item : wanted) patterns.push_back(only(item.at("name").get<std::string>()));
  std::vector<llama_model_tensor_override> overrides;
  for (size_t i = 0; i < patterns.size(); ++i) overrides.push_back({patterns[i].c_str(), type_of(wanted[i].at("type"))});
  overrides.push_back({nullptr, GGML_TYPE_COUNT});

  llama_model_quantize_params quantize = llama_model_quantize_default_params();
  quantize.ftype = ftype;
  quantize.tt_overrides = overrides.data();

  return guarded([&] {
    const Model model = model_of(params.at("model"));
    const State state(llama_quant_init(model.get(), &quantize), llama_quant_free);
    std::vector<ggml_type> types(tensors.size());
    llama_quant_compute_types(state.get(), ftype, pointers.data(), types.data(), types.size());
    return Json(std::vector<int>(types.begin(), types.end()));
  });
}

Json preset_quantizable(Environment &, const Json & params) {
  const llama_model_quantize_params quantize = llama_model_quantize_default_params();
  return guarded([&] {
    const Model model = model_of(params.at("model"));
    const State state(llama_quant_init(model.get(), &quantize), llama_quant_free);
    Json answers = Json::array();
    for (const ggml_tensor & tensor : tensors_of(params.at("tensors"))) answers.push_back(llama_quant_tensor_allows_quantization(state.get(), &tensor));
    return answers;
  });
}

}  // namespace tara::plan
