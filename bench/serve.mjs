/**
 * Serving: one stream, and eight at once of 56 prompt and 64 generated tokens, in our library and our server, beside llama-server -np 8, llama-bench and
 * node-llama-cpp in the same run; and the event loop's delay in our process meanwhile.
 *
 * TARA_TEST_MODEL: a GGUF file (default: the cached demo model). TARA_LLAMA_BIN: a folder with llama-server and llama-bench. TARA_NODE_LLAMA_CPP: the folder of
 * node-llama-cpp 3.22.1. TARA_BENCH_RUNS: rounds (9).
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createTaraEngine } from '../dist/src/index.js';
import { fetchModel } from '../scripts/models.mjs';
import { median, optional, publish, timed } from './lib.mjs';
import { PROMPT, SINGLE, STREAMS, TEXT, TOKENS } from './peers/serve_load.mjs';
import { openChild, openLlamaServer, openServer } from './peers/serving.mjs';

const RUNS = Number(process.env.TARA_BENCH_RUNS ?? 9);
const threads = availableParallelism();
const path = process.env.TARA_TEST_MODEL ?? (await fetchModel('smollm2'));
const tools = optional('TARA_LLAMA_BIN', 'a folder with llama-server and llama-bench');
const other = optional('TARA_NODE_LLAMA_CPP', 'the folder of node-llama-cpp');
const size = { slots: STREAMS, threads, contextSize: 256 };

async function idsOf(text) {
  const engine = createTaraEngine();
  const ids = await (await engine.load(path, { slots: 1, contextSize: 8 })).tokenize(text);
  await engine.dispose();
  return [...ids];
}

const ids = await idsOf(TEXT);
const peers = { library: await openChild('tara', path, size), server: await openServer(path, size) };
if (tools) peers.llamaServer = await openLlamaServer(tools, path, size);
if (other) peers.nodeLlamaCpp = await openChild('node-llama-cpp', path, size, other);

const llamaBench = () => ({ tokensPerSecond: JSON.parse(timed(join(tools, 'llama-bench'), ['-m', path, '-t', String(threads), '-p', '0', '-n', String(SINGLE), '-r', '1', '-o', 'json']).stdout)[0].avg_ts });

const measured = { eight: {}, single: {} };
const note = (kind, name, row) => (measured[kind][name] ??= []).push(row);
for (let round = -1; round < RUNS; round += 1) {
  const names = Object.keys(peers);
  if (round % 2) names.reverse();
  for (const name of names) {
    const [together, alone] = [await peers[name].eight(ids), await peers[name].single(ids)];
    // The first round warms up.
    if (round >= 0) note('eight', name, together);
    if (round >= 0) note('single', name, alone);
  }
  if (tools && round >= 0) note('single', 'llamaBench', llamaBench());
}
for (const peer of Object.values(peers)) await peer.close();

const middle = (rows, key) => median(rows.map((row) => row[key]));
const ratio = (kind, a, b, key = 'tokensPerSecond') => measured[kind][b] && median(measured[kind][a].map((row, round) => row[key] / measured[kind][b][round][key]));
const table = (kind) => Object.fromEntries(Object.entries(measured[kind]).map(([name, rows]) => [name, Object.fromEntries(Object.keys(rows[0]).map((key) => [key, middle(rows, key)]))]));
publish('serve', {
  task: `${STREAMS} streams of ${PROMPT} + ${TOKENS} tokens, and one of ${SINGLE}; ${threads} threads, ${RUNS} rounds in turn`,
  eight: table('eight'),
  single: table('single'),
  ratios: {
    singleToLlamaBench: ratio('single', 'library', 'llamaBench'),
    singleToNodeLlamaCpp: ratio('single', 'library', 'nodeLlamaCpp'),
    eightToLlamaServer: ratio('eight', 'library', 'llamaServer'),
    eightToNodeLlamaCpp: ratio('eight', 'library', 'nodeLlamaCpp'),
    serverEightToLlamaServer: ratio('eight', 'server', 'llamaServer'),
    firstTokenToLlamaServer: ratio('eight', 'library', 'llamaServer', 'firstTokenMs'),
    serverFirstTokenToLlamaServer: ratio('eight', 'server', 'llamaServer', 'firstTokenMs'),
    serverToLibrary: ratio('eight', 'server', 'library'),
    serverToLibrarySingle: ratio('single', 'server', 'library'),
  },
  // Of the library's process, in the worst round.
  eventLoopDelayMs: { p99: Math.max(...measured.eight.library.map(({ delayP99Ms }) => delayP99Ms)), max: Math.max(...measured.eight.library.map(({ delayMaxMs }) => delayMaxMs)) },
  targets: { singleToLlamaBench: 0.97, singleToNodeLlamaCpp: 1.4, eightToLlamaServer: 1.05, firstTokenToLlamaServer: 1, serverToLibrary: 0.97, eventLoopDelayP99Ms: 5 },
});
