/** The build's main model loads and answers fast enough on this machine. */
import { createTaraEngine } from 'tara-gguf';
import type { Check } from './types.js';

/** Asked in turn until one is answered at length: a model may end at once after any of them. */
const PROMPTS = ['Explain in a few sentences how to plan a good day.', 'Once upon a time, in a small town by the sea,', 'The most important thing to know about health is'];
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
    let [firstTokenMs, speed, completionTokens] = [0, 0, 0];
    for (const prompt of PROMPTS) {
      const asked = performance.now();
      firstTokenMs = 0;
      const generation = model.generate(prompt, { maxTokens: TOKENS, temperature: 0, signal });
      for await (const chunk of generation) if (firstTokenMs === 0 && chunk.text !== '') firstTokenMs = performance.now() - asked;
      const { timings, usage } = await generation.result;
      [speed, completionTokens] = [timings.decodeTokensPerSecond, usage.completionTokens];
      if (completionTokens >= 2) break;
    }
    const measurable = completionTokens >= 2;
    return {
      ok: measurable && speed >= minTokensPerSecond && firstTokenMs <= maxFirstTokenMs,
      finding: measurable
        ? `${speed.toFixed(1)} tokens/s (at least ${minTokensPerSecond}), first token after ${Math.round(firstTokenMs)} ms (at most ${maxFirstTokenMs})`
        : `it ended after ${completionTokens} tokens, whatever it was asked: too few to measure`,
      evidence: { path, loadMs, firstTokenMs, tokensPerSecond: speed, completionTokens, minTokensPerSecond, maxFirstTokenMs },
    };
  },
};
