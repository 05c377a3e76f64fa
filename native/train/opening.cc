#include "train/opening.h"

#include <memory>
#include <utility>

#include "env/parts.h"
#include "train/stored.h"

namespace tara::train {

namespace {

constexpr size_t SIZE_LIMIT = 1u << 24;
constexpr size_t LAYER_LIMIT = 1u << 12;
constexpr size_t RANK_LIMIT = 1024;

Error refuse(const std::string & reason) { return Error("TARA_INTERNAL", {{"reason", reason}}); }

size_t whole(const Json & params, const char * key, size_t low, size_t high) {
  const auto & value = params.at(key);
  if (!value.is_number_unsigned() || value.get<uint64_t>() < low || value.get<uint64_t>() > high) throw refuse(std::string(key) + " is out of range");
  return value.get<size_t>();
}

struct Opening {
  std::shared_ptr<Network> network = std::make_shared<Network>();
  std::unique_ptr<plan::SourceFile> file;
  std::vector<Matrix *> matrices;
  uint32_t id = 0;

  void matrix(const Json & tensor, Matrix & to) {
    Stored stored = read_stored(*file, tensor);
    to.name = tensor.at("name").get<std::string>();
    to.type = stored.type;
    to.in = stored.in;
    to.out = stored.out;
    to.stored = std::move(stored.bytes);
    matrices.push_back(&to);
  }

  void vector(const Json & layer, const char * key, Vector & to) const {
    if (!layer.contains(key)) return;
    const Json & tensor = layer.at(key);
    to.name = tensor.at("name").get<std::string>();
    to.values = read_stored(*file, tensor).floats();
  }
};

void read_shape(const Json & params, Shape & shape) {
  shape.width = whole(params, "width", 2, SIZE_LIMIT);
  shape.heads = whole(params, "heads", 1, 4096);
  shape.kv_heads = whole(params, "kvHeads", 1, shape.heads);
  shape.head = whole(params, "head", 2, 4096);
  shape.rope_dims = whole(params, "ropeDims", 2, shape.head);
  shape.epsilon = params.at("epsilon").get<float>();
  shape.rope_base = params.at("ropeBase").get<float>();
  shape.rope_halves = params.at("ropeHalves").get<bool>();
  if (shape.heads % shape.kv_heads != 0 || shape.rope_dims % 2 != 0) throw refuse("the heads do not fit together");
}

void read_layer(Opening & opening, const Json & params, Layer & layer) {
  const std::pair<const char *, Vector *> vectors[] = {
      {"attnNorm", &layer.attn_norm}, {"qNorm", &layer.q_norm}, {"kNorm", &layer.k_norm}, {"ffnNorm", &layer.ffn_norm},
      {"qBias", &layer.q_bias},       {"kBias", &layer.k_bias}, {"vBias", &layer.v_bias}, {"oBias", &layer.o_bias},
  };
  for (const auto & [key, to] : vectors) opening.vector(params, key, *to);
  const std::pair<const char *, Matrix *> matrices[] = {
      {"q", &layer.q}, {"k", &layer.k}, {"v", &layer.v}, {"o", &layer.o}, {"gate", &layer.gate}, {"up", &layer.up}, {"down", &layer.down},
  };
  for (const auto & [key, to] : matrices) opening.matrix(params.at(key), *to);
}

void check_size(const Vector & vector, size_t size, bool needed) {
  if (vector.values.empty() ? needed : vector.values.size() != size) throw refuse("a norm or bias has a wrong size");
}

void check_layer(const Shape & shape, const Layer & layer) {
  const size_t q = shape.heads * shape.head;
  const size_t kv = shape.kv_heads * shape.head;
  const auto is = [](const Matrix & matrix, size_t in, size_t out) {
    if (matrix.in != in || matrix.out != out) throw refuse(matrix.name + " has a wrong shape");
  };
  is(layer.q, shape.width, q);
  is(layer.k, shape.width, kv);
  is(layer.v, shape.width, kv);
  is(layer.o, q, shape.width);
  is(layer.gate, shape.width, layer.gate.out);
  is(layer.up, shape.width, layer.gate.out);
  is(layer.down, layer.gate.out, shape.width);
  check_size(layer.attn_norm, shape.width, true);
  check_size(layer.ffn_norm, shape.width, true);
  check_size(layer.q_norm, shape.head, false);
  check_size(layer.k_norm, shape.head, !layer.q_norm.values.empty());
  check_size(layer.q_bias, q, false);
  check_size(layer.k_bias, kv, false);
  check_size(layer.v_bias, kv, false);
  check_size(layer.o_bias, shape.width, false);
}

void read_all(Opening & opening, const Json & params) {
  Network & network = *opening.network;
  opening.file = open_source(params);
  read_shape(params.at("shape"), network.shape);
  const auto & wanted = params.at("wanted");
  network.wanted.norms = wanted.at("norms").get<bool>();
  network.wanted.scales = wanted.at("scales").get<bool>();
  network.wanted.rank = whole(wanted, "rank", 0, RANK_LIMIT);
  network.wanted.rest = wanted.at("rest").get<bool>();
  network.wanted.seed = whole(wanted, "seed", 0, UINT32_MAX);
  const auto & layers = params.at("layers");
  if (layers.empty() || layers.size() > LAYER_LIMIT) throw refuse("layers are out of range");
  network.layers.resize(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    read_layer(opening, layers[i], network.layers[i]);
    check_layer(network.shape, network.layers[i]);
  }
  if (params.contains("head")) opening.matrix(params.at("head"), network.head);
  opening.matrix(params.at("embedding"), network.embedding);
  opening.vector(params, "outputNorm", network.output_norm);
  check_size(network.output_norm, network.shape.width, true);
  if (network.output().in != network.shape.width || network.embedding.in != network.shape.width) throw refuse("the embedding has a wrong shape");
  if (params.contains("ropeFactors")) network.shape.rope_factors = read_stored(*opening.file, params.at("ropeFactors")).floats();
  if (!network.shape.rope_factors.empty() && network.shape.rope_factors.size() != network.shape.rope_dims / 2) throw refuse("the rope factors have a wrong size");
  opening.file->check_unchanged();
  begin_training(network);
}

Json sections_of(const Network & network) {
  Json sections = Json::array();
  for (const auto & [tensor, part, kind, offset, count] : network.sections) sections.push_back({{"tensor", tensor}, {"part", part}, {"offset", offset}, {"count", count}});
  return sections;
}

}  // namespace

void open_network(Environment & environment, JobPtr job, Json params, Blobs) {
  auto opening = std::make_shared<Opening>();
  const size_t threads = whole(params, "threads", 0, 1024);
  // The id is taken on this thread; the network is busy until it is whole.
  opening->network->busy = true;
  opening->id = environment.own(opening->network);
  const auto make = [opening](size_t part, size_t) {
    Matrix & matrix = *opening->matrices[part];
    const bool unused = &matrix == &opening->network->embedding && !opening->network->head.stored.empty();
    if (unused) return;  // only looked up
    make_panels(matrix, opening->network->wanted.any());
    refresh_lora(*opening->network, matrix);
    for (size_t first = 0; first < matrix.out; first += PANEL) refresh_rows(*opening->network, matrix, first);
  };
  const auto finish = [opening, job] {
    opening->network->busy = false;
    job->done({{"network", opening->id}, {"parameters", opening->network->parameters.size()}, {"sections", sections_of(*opening->network)}});
  };
  // What fails leaves an id that owns little; it goes with the environment.
  const auto release = [opening] {
    opening->network->layers = {};
    opening->network->embedding = opening->network->head = {};
  };
  const auto read = [opening, params = std::move(params)](size_t, size_t) { read_all(*opening, params); };
  const auto panels = [opening, job, threads, make, finish, release] { run_parts({job, threads, opening->matrices.size(), make, finish, release}); };
  run_parts({job, 1, 1, read, panels, release});
}

}  // namespace tara::train
