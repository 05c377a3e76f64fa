/** What the server counts, for /metrics; docs/server.md says which of llama-server's figures each one is. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Model } from '../../engine/index.js';
import type { AnswerCache } from '../../chat/index.js';
import type { Serving } from '../serving/index.js';
import type { Recorder } from './recorder.js';

export interface Prometheus extends Recorder {
  text(): Promise<string>;
}

const FAST = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];
const SLOW = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** `serving` and `switches` are asked when the figures are read. */
export function createPrometheus(serving: () => Serving, switches: () => number, answers: AnswerCache): Prometheus {
  const registry = new Registry();
  const registers = [registry];
  let most = 0;
  const counter = <Label extends string = never>(name: string, help: string, labelNames: Label[] = []) => new Counter({ name: `tara_${name}`, help, labelNames, registers });
  const histogram = <Label extends string = never>(name: string, help: string, buckets: number[], labelNames: Label[] = []) => new Histogram({ name: `tara_${name}`, help, buckets, labelNames, registers });
  const sampled = (name: string, help: string, read: (models: readonly Model[]) => number) =>
    new Gauge({ name: `tara_${name}`, help, registers, collect() { this.set(read(serving().loaded())); } });

  const promptTokens = counter('prompt_tokens_total', 'Prompt tokens that were computed.');
  const cachedTokens = counter('prompt_tokens_cached_total', 'Prompt tokens that were taken over from earlier requests.');
  const promptSeconds = counter('prompt_seconds_total', 'Time from a slot to the first token.');
  const generatedTokens = counter('generated_tokens_total', 'Tokens that were generated.');
  const generatedSeconds = counter('generated_seconds_total', 'Time from the first token to the last.');
  const promptSpeed = new Gauge({ name: 'tara_prompt_tokens_per_second', help: 'Of the last request that computed a prompt.', registers });
  const decodeSpeed = new Gauge({ name: 'tara_generated_tokens_per_second', help: 'Of the last request that generated more than one token.', registers });
  const longest = new Gauge({ name: 'tara_longest_sequence_tokens', help: 'The longest prompt with its answer so far.', registers });
  const firstToken = histogram('time_to_first_token_seconds', 'From the request to its first token.', SLOW);
  const interToken = histogram('inter_token_latency_seconds', 'Mean time between two tokens of an answer.', FAST);
  const queueWait = histogram('queue_wait_seconds', 'From the request to a slot.', FAST);
  const duration = histogram('request_duration_seconds', 'From a request to the end of its response.', SLOW, ['route', 'status']);
  const decisions = counter('route_decisions_total', 'Messages by the domain that was chosen for them.', ['domain']);
  const crises = counter('crisis_total', 'Messages in which a crisis was found.', ['level']);
  const emotions = counter('emotion_total', 'Messages by their dominant emotion.', ['emotion']);
  sampled('requests_processing', 'Requests that hold a slot.', (models) => models.reduce((sum, model) => sum + model.stats().active, 0));
  sampled('requests_deferred', 'Requests that wait for a slot.', (models) => models.reduce((sum, model) => sum + model.stats().queued, 0));
  sampled('slots', 'Slots of the loaded models.', (models) => models.reduce((sum, model) => sum + model.stats().slots, 0));
  sampled('decodes', 'Decodes of the loaded models since they were loaded.', (models) => models.reduce((sum, model) => sum + model.stats().decodes, 0));
  sampled('busy_seconds', 'Time that the loaded models spent in decodes.', (models) => models.reduce((sum, model) => sum + model.stats().busyMs, 0) / 1000);
  new Gauge({ name: 'tara_answers_reused', help: 'Answers of `auto` and domains that were given before to the same prompt, since the start.', registers, collect() { this.set(answers.stats().hits); } });
  new Gauge({ name: 'tara_replicas_resting', help: 'Replicas that failed repeatedly and rest.', registers, collect() { this.set(serving().replicas().filter(({ resting }) => resting).length); } });
  new Gauge({ name: 'tara_replica_failures', help: 'Failures of replicas that were no fault of the request.', registers, collect() { this.set(serving().replicas().reduce((sum, { failed }) => sum + failed, 0)); } });
  sampled('models_loaded', 'Models in memory.', (models) => models.length);
  new Gauge({ name: 'tara_release_info', help: 'The release that answers where no domain fits.', labelNames: ['release'], registers, collect() {
    this.reset();
    this.set({ release: serving().release ?? '' }, 1);
  } });
  new Gauge({ name: 'tara_release_switches', help: 'How often another release was switched to.', registers, collect() { this.set(switches()); } });

  return {
    answered: (route, status, seconds) => duration.observe({ route, status: String(status) }, seconds),
    generated({ usage, timings }) {
      const cached = usage.cachedTokens;
      const computed = usage.promptTokens - cached;
      promptTokens.inc(computed);
      cachedTokens.inc(cached);
      promptSeconds.inc(timings.promptMs / 1000);
      generatedTokens.inc(usage.completionTokens);
      generatedSeconds.inc(timings.decodeMs / 1000);
      if (computed > 0) promptSpeed.set(timings.promptTokensPerSecond);
      firstToken.observe(timings.firstTokenMs / 1000);
      queueWait.observe(timings.queueMs / 1000);
      if (usage.completionTokens > 1) {
        decodeSpeed.set(timings.decodeTokensPerSecond);
        interToken.observe(timings.decodeMs / 1000 / (usage.completionTokens - 1));
      }
      most = Math.max(most, usage.promptTokens + usage.completionTokens);
      longest.set(most);
    },
    decided({ domain, emotion }) {
      decisions.inc({ domain });
      if (emotion === null) return;
      emotions.inc({ emotion: emotion.dominant });
      if (emotion.crisis.level !== 'none') crises.inc({ level: emotion.crisis.level });
    },
    text: () => registry.metrics(),
  };
}
