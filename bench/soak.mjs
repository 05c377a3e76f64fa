/**
 * Thousands of requests with random aborts, left loops, disconnects and reloads, on the library and on `serve`: each answer is forced by a grammar of its own, so a
 * lost or mixed token shows; memory must stay flat. Ends with 1 where something is wrong; fewer than 5000 requests are a trial whose figures are only printed.
 *
 * TARA_TEST_MODEL: a GGUF file (default: the cached demo model; a small vocabulary is much faster, since a grammar looks at all of it). TARA_BENCH_REQUESTS: of each
 * part (20000: memory is compared within the second half, as V8 lets its heap grow for the first thousands). TARA_BENCH_SEED (1).
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { createTaraEngine } from '../dist/src/index.js';
import { fetchModel } from '../scripts/models.mjs';
import { median, publish } from './lib.mjs';
import { openServer } from './peers/serving.mjs';

const REQUESTS = Number(process.env.TARA_BENCH_REQUESTS ?? 20_000);
const CONCURRENCY = 24;
const RELOADS = 10;
/** Resident memory may differ by so much between the third quarter of the requests and the last, where there are enough to tell. */
const FLAT = 0.05;
const ENOUGH = 5000;
const path = process.env.TARA_TEST_MODEL ?? (await fetchModel('smollm2'));
const size = { slots: 8, threads: availableParallelism(), contextSize: 256 };

/** mulberry32: the same run again from the same seed. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomFrom(Number(process.env.TARA_BENCH_SEED ?? 1));

/** What a request asks, what it must get, and how its reader behaves. */
function requestOf(index) {
  const chance = random();
  const expected = `answer ${index}: ${String.fromCharCode(97 + (index % 26)).repeat(1 + (index % 7))}!`;
  const how = chance < 0.7 ? 'read' : chance < 0.8 ? 'leave' : chance < 0.95 ? 'abort' : 'aborted';
  return { prompt: `${'Say it. '.repeat(index % 9)}Number ${index}:`, grammar: `root ::= "${expected}"`, expected, how, after: random() * 60 };
}

/** REQUESTS requests, CONCURRENCY at a time; `ask` gives what was read and whether that is all. Memory is sampled as they end. */
async function load(ask, residentBytes, onDone = () => undefined) {
  const counts = { whole: 0, part: 0, refused: 0 };
  const wrong = [];
  const resident = [];
  let next = 0;
  const worker = async () => {
    while (next < REQUESTS) {
      const index = next++;
      const request = requestOf(index);
      try {
        const { text, whole } = await ask(request);
        if (whole ? text !== request.expected : !request.expected.startsWith(text)) wrong.push({ ...request, text });
        counts[whole ? 'whole' : 'part'] += 1;
      } catch (error) {
        counts.refused += 1;
        wrong.push({ ...request, error: String(error) });
      }
      if (index % Math.ceil(REQUESTS / 200) === 0) resident.push({ index, bytes: residentBytes() });
      onDone(index);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const quarter = (from, to) => median(resident.filter(({ index }) => index >= from * REQUESTS && index < to * REQUESTS).map(({ bytes }) => bytes));
  const growth = quarter(0.75, 1) / quarter(0.5, 0.75) - 1;
  const megabytes = resident.sort((a, b) => a.index - b.index).filter((_, at) => at % 20 === 0).map(({ bytes }) => Math.round(bytes / 1e6));
  return { requests: REQUESTS, seconds: (performance.now() - started) / 1000, ...counts, wrong: wrong.length, examples: wrong.slice(0, 3), residentMegabytes: megabytes, growth, flat: REQUESTS < ENOUGH || growth <= FLAT };
}

async function library() {
  const engine = createTaraEngine();
  let current = engine.load(path, size);
  const reload = async () => {
    const old = current;
    current = engine.load(path, size);
    await (await old).dispose();
  };
  const ask = async ({ prompt, grammar, how, after }) => {
    const model = await current;
    const control = new AbortController();
    if (how === 'aborted') control.abort();
    if (how === 'abort') void delay(after).then(() => control.abort());
    const generation = model.generate(prompt, { grammar, temperature: 0.7, maxTokens: 64, signal: control.signal });
    let text = '';
    try {
      for await (const chunk of generation) {
        text += chunk.text;
        if (how === 'leave' && text.length > 8) return { text, whole: false };
      }
      const result = await generation.result;
      if (result.text !== text) throw new Error(`the chunks say ${text}, the result ${result.text}`);
      return { text, whole: true };
    } catch (error) {
      if (error.code === 'TARA_ABORTED' && how.startsWith('abort')) return { text, whole: false };
      // The model was replaced under it.
      if (error.code === 'TARA_DISPOSED' || (error.code === 'TARA_ABORTED' && model !== (await current))) return { text, whole: false };
      throw error;
    }
  };
  let reloads = 0;
  const result = await load(ask, () => process.memoryUsage.rss(), (index) => {
    if (index < ((reloads + 1) * REQUESTS) / (RELOADS + 1)) return;
    reloads += 1;
    void reload();
  });
  await (await current).dispose();
  await engine.dispose();
  return { ...result, reloads };
}

async function server() {
  const peer = await openServer(path, size);
  const ask = async ({ prompt, grammar, how, after }) => {
    const control = new AbortController();
    if (how === 'abort' || how === 'aborted') void delay(how === 'abort' ? after : 0).then(() => control.abort());
    let [text, rest] = ['', ''];
    let whole = false;
    try {
      const response = await fetch(`${peer.url}/v1/completions`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, signal: control.signal,
        body: JSON.stringify({ model: 'default', prompt, grammar, temperature: 0.7, max_tokens: 64, stream: true }),
      });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      const decoder = new TextDecoder();
      for await (const bytes of response.body) {
        rest += decoder.decode(bytes, { stream: true });
        const events = rest.split('\n\n');
        rest = events.pop();
        for (const event of events) {
          if (event === 'data: [DONE]') whole = true;
          else text += JSON.parse(event.slice('data: '.length)).choices[0]?.text ?? '';
        }
        if (how === 'leave' && text.length > 8) break;
      }
    } catch (error) {
      if (!control.signal.aborted) throw error;
    }
    return { text, whole };
  };
  const residentBytes = () => 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${peer.pid}/status`, 'utf8'))[1]);
  const result = await load(ask, residentBytes);
  const figures = await (await fetch(`${peer.url}/metrics`)).text();
  await peer.close();
  return { ...result, stillProcessing: Number(/^tara_requests_processing\S* (\d+)/m.exec(figures)?.[1]) };
}

const result = { library: await library(), server: await server() };
const report = { task: `${REQUESTS} requests each, ${CONCURRENCY} at a time, on 8 slots`, ...result };
if (REQUESTS >= ENOUGH) publish('soak', report);
else console.log(JSON.stringify(report));
const right = Object.values(result).every(({ wrong, flat }) => wrong === 0 && flat) && result.server.stillProcessing === 0;
process.exitCode = right ? 0 : 1;
