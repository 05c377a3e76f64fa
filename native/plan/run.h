// The job "plan.run": streams a lowered plan from its sources to its outputs.
#pragma once

#include "env/environment.h"

namespace tara::plan {

// params: { plan: a lowered plan, threads }, blobs: one header for each output.
// Result: { outputs: [{ path, bytes }], measured: [{ tensor, squares, losses: [{ output, error, lost }] }], bytesRead, bytesWritten,
// seconds, peakScratchBytes, threads }. Outputs appear together at the end or not at all; neither their bytes nor what is
// measured depends on `threads`.
void start_run(Environment &, JobPtr job, Json params, Blobs blobs);

}  // namespace tara::plan
