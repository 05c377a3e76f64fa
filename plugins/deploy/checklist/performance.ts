/** The build's main model loads and answers fast enough on this machine. */
import { createTaraEngine } from 'tara-gguf';
import type { Check } from './types.js';

const PROMPT = 'Explain in a few sentences how to plan a good day.';
const TOKENS = 32;

export const performanceCheck: Check = {
  item: 'performance-passed',
  title: 'Performance benchmarks passed',
  async run({ files, config, signal }) {
    const path = files.find(({ role }) => role === 'model')?.path ?? '';
    const { minTokensPerSecond, maxFirstTokenMs } = config.checklist;
    await using engine = createTaraEngine();
    const started = performance.now();
    const model = await engine.load(path, { slots: 1, contextSize: 256, signal });
    const loadMs = performance.now() - started;
    const asked = performance.now();
    let firstTokenMs = 0;
    const generation = model.generate(PROMPT, { maxTokens: TOKENS, temperature: 0, signal });
    for await (const chunk of generation) if (firstTokenMs === 0 && chunk.text !== '') firstTokenMs = performance.now() - asked;
    const { timings, usage } = await generation.result;
    const speed = timings.decodeTokensPerSecond;
    // A model that ends at once has no speed to measure.
    const measurable = usage.completionTokens >= 2;
    return {
      ok: measurable && speed >= minTokensPerSecond && firstTokenMs <= maxFirstTokenMs,
      finding: measurable
        ? `${speed.toFixed(1)} tokens/s (at least ${minTokensPerSecond}), first token after ${Math.round(firstTokenMs)} ms (at most ${maxFirstTokenMs})`
        : `it ended after ${usage.completionTokens} tokens: too few to measure`,
      evidence: { path, loadMs, firstTokenMs, tokensPerSecond: speed, completionTokens: usage.completionTokens, minTokensPerSecond, maxFirstTokenMs },
    };
  },
};
