// What narrowing offers to JavaScript. Objects: moments, made by measure.moments, freed by measure.drop.
#include <algorithm>
#include <cstring>

#include "engine/runner.h"
#include "env/parts.h"
#include "measure/moments_guest.h"
#include "measure/narrow.h"
#include "measure/parameters.h"
#include "measure/cholesky.h"

namespace tara::measure {

namespace {

constexpr size_t SIZE_LIMIT = 1u << 17;  // of an input
constexpr size_t LAYER_LIMIT = 512;

std::shared_ptr<Moments> moments_of(Environment & environment, const Json & params) {
  auto moments = environment.find<Moments>(params.at("moments").get<uint32_t>());
  if (!moments) throw Error("TARA_DISPOSED", {{"what", "the moments"}});
  return moments;
}

// { layers: [{ tensor, layer, size, rows }], limit: bytes } -> { moments }
Json make_moments(Environment & environment, const Json & params) {
  std::vector<Channels> layers;
  const size_t limit = whole(params, "limit", 0, SIZE_MAX >> 1);
  size_t bytes = 0;
  if (params.at("layers").size() > LAYER_LIMIT) throw refuse("too many layers");
  for (const auto & one : params.at("layers")) {
    Channels channels;
    channels.tensor = one.at("tensor").get<std::string>();
    channels.layer = static_cast<int>(whole(one, "layer", 0, LAYER_LIMIT - 1));
    channels.size = whole(one, "size", 1, SIZE_LIMIT);
    channels.rows = whole(one, "rows", 1, SIZE_LIMIT);
    bytes += (row_start(channels.size) + channels.rows * channels.size) * sizeof(float);
    if (bytes > limit) throw Error("TARA_OUT_OF_MEMORY", {{"reason", "the moments of the layers up to " + channels.tensor + " take more than " + std::to_string(limit >> 20) + " MiB"}});
    channels.input = {channels.tensor, channels.size, std::vector<float>(row_start(channels.size)), {}};
    channels.next.resize(channels.rows * channels.size);
    layers.push_back(std::move(channels));
  }
  return {{"moments", environment.own(std::make_shared<Moments>(std::move(layers)))}};
}

// { runner, moments, lengths: tokens of each text }; blob: the tokens of all texts. See MomentsGuest.
void read_moments(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  auto runner = runner_of(environment, params);
  if (blobs.size() != 1) throw refuse("a blob of tokens expected");
  runner->host(std::make_unique<MomentsGuest>(std::move(job), moments_of(environment, params), texts_of(params.at("lengths"), blobs[0])));
}

struct Work {
  size_t index = 0;
  Narrowing narrowing;
};

// { moments, threads, layers: [{ index, dtype, next, widths }] }; blobs: each layer's weight. Chunks { index, width, kept, error } with the
// weight as float32.
void narrow_all(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  const size_t threads = whole(params, "threads", 0, 1024);
  const auto claim = std::make_shared<Claim<Moments>>(moments_of(environment, params));
  const auto works = std::make_shared<std::vector<Work>>();
  const auto & layers = params.at("layers");
  if (layers.size() != blobs.size()) throw refuse("a weight for each layer expected");
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto & one = layers[i];
    Work work;
    work.index = whole(one, "index", 0, claim->object->layers.size() - 1);
    const Channels & channels = claim->object->layers[work.index];
    work.narrowing.weight = floats_of(one.at("dtype").get<std::string>(), blobs[i], channels.size * channels.rows);
    work.narrowing.next = one.at("next").get<bool>();
    work.narrowing.widths = one.at("widths").get<std::vector<size_t>>();
    std::sort(work.narrowing.widths.rbegin(), work.narrowing.widths.rend());
    for (const size_t width : work.narrowing.widths) {
      if (width < 1 || width > channels.size) throw refuse("a width is out of range");
    }
    works->push_back(std::move(work));
  }
  const auto part = [job, claim, works](size_t at, size_t) {
    auto & [index, narrowing] = (*works)[at];
    narrow(claim->object->layers[index], std::move(narrowing), [&] { return job->cancelled(); }, [&, i = index](Narrowed made) {
      Blob blob(made.weight.size() * sizeof(float));
      std::memcpy(blob.data(), made.weight.data(), blob.size());
      job->chunk({{"index", i}, {"width", made.width}, {"kept", std::move(made.kept)}, {"error", made.error}}, std::move(blob));
    });
    job->progress({{"done", at + 1}, {"total", works->size()}});
  };
  const auto finish = [job, claim] {
    claim->release();
    job->done(Json::object());
  };
  run_parts({job, threads, works->size(), part, finish, [claim] { claim->release(); }});
}

Json drop_moments(Environment & environment, const Json & params) {
  environment.disown(params.at("moments").get<uint32_t>());
  return Json::object();
}

}  // namespace

void register_narrowing(Registry & registry) {
  registry.calls["measure.moments"] = make_moments;
  registry.calls["measure.drop"] = drop_moments;
  registry.starts["measure.read_moments"] = read_moments;
  registry.starts["measure.narrow"] = narrow_all;
}

}  // namespace tara::measure
