// The types a preset gives to each tensor, from llama.cpp itself.
#pragma once

#include "env/environment.h"

namespace tara::plan {

// params: { model: { architecture, n_embd, n_ff, n_layer, n_head, n_head_kv, n_expert, n_embd_head_k, n_embd_head_v }, ftype,
//   tensors: [{ name, ne, type }] in layer order, overrides: [{ name, type }] }; types are ids.
// Gives the type id of each tensor. Throws TARA_PLAN_INVALID for what llama.cpp would abort on.
Json preset_types(Environment &, const Json & params);

// params: { model, tensors } as above. Gives for each tensor whether any preset may change its type.
Json preset_quantizable(Environment &, const Json & params);

}  // namespace tara::plan
