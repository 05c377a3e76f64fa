// A worker thread that loads and generates: a text of ten tokens, or without end. Data: { path, endless }.
import { parentPort, workerData } from 'node:worker_threads';
import { createEngine } from '../../../dist/src/engine/index.js';

const engine = createEngine();
const model = await engine.load(workerData.path, { slots: 1, contextSize: 2048 });
const generation = model.generate('x', { temperature: 0, ...(workerData.endless ? {} : { maxTokens: 10 }) });
for await (const { text } of generation) parentPort.postMessage(text);
await engine.dispose();
