/** Loads node-llama-cpp (its folder is argv[2]) and this library in one process and lets both answer from one model (argv[3]). */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createTaraEngine } from '../../../dist/src/index.js';

const [, , folder, path] = process.argv;
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(join(folder, 'dist', 'index.js')).href);

const engine = createTaraEngine();
const ours = await engine.load(path, { slots: 1, contextSize: 256, threads: 1 });
const before = await ours.generate('Once upon a time', { maxTokens: 12, temperature: 0 }).text();

const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 1 });
const model = await llama.loadModel({ modelPath: path });
const context = await model.createContext({ contextSize: 256 });
const sequence = context.getSequence();
const theirs = [];
for await (const token of sequence.evaluate(model.tokenize('Once upon a time'), { temperature: 0 })) {
  theirs.push(token);
  if (theirs.length === 12) break;
}

const beside = await ours.generate('Once upon a time', { maxTokens: 12, temperature: 0 }).text();
await engine.dispose();
await llama.dispose();
console.log(JSON.stringify({ before, beside, theirs: theirs.length }));
