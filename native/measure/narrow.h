// Takes channels out of a feed-forward network, one after the other, with the weight that reads them refitted by least
// squares each time: Optimal Brain Surgeon (Hassibi and Stork 1993) over whole columns, as ZipLM does it (Kurtic et al. 2023).
//
// With H the channels' second moments, removing channel j and refitting the rest costs |w_j|^2 / [H^-1]_jj in squared output,
// w_j the weight's column at that time; the cheapest channel goes first. Where no channel goes, and nothing is added to the
// outputs that are wanted, the weight stays what it was.
#pragma once

#include <functional>
#include <vector>

#include "measure/moments.h"

namespace tara::measure {

struct Narrowing {
  std::vector<float> weight;   // [rows, size], as in the file
  bool next = false;           // the outputs of the next layer are to be made up for, too
  std::vector<size_t> widths;  // channels to be left, descending
};

struct Narrowed {
  size_t width = 0;
  std::vector<uint32_t> kept;  // channels, ascending
  std::vector<float> weight;   // [rows, width]
  double error = 0;            // mean squared difference from the outputs that were wanted, by theirs
};

// Hands over each width in turn; `stop` is asked between channels. False when it was stopped. Throws TARA_LOGITS_INVALID.
bool narrow(const Channels & channels, Narrowing narrowing, const std::function<bool()> & stop, const std::function<void(Narrowed)> & take);

}  // namespace tara::measure
