// A network from a GGUF file's tensors, as JavaScript names them.
#pragma once

#include "train/network.h"

namespace tara::train {

// Reads { path, size, mtimeMs, shape, layers, embedding, head?, outputNorm, wanted, threads } and ends with { network, parameters,
// sections }; `params` has spans that the caller checked against the file's header.
void open_network(Environment & environment, JobPtr job, Json params, Blobs blobs);

}  // namespace tara::train
