// Generates in the main thread while workers load, generate and are terminated. Arguments: model, rounds.
import { Worker } from 'node:worker_threads';
import { createEngine } from '../../../dist/src/engine/index.js';

const [path, rounds] = process.argv.slice(2);
const start = (endless) => new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { path, endless } });

const finish = (worker) => new Promise((resolve, reject) => {
  let text = '';
  worker.on('message', (piece) => { text += piece; });
  worker.on('error', reject);
  worker.on('exit', () => resolve(text));
});
const firstWord = (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));

const engine = createEngine();
const model = await engine.load(path, { slots: 2, contextSize: 2048 });
for (let round = 0; round < Number(rounds); round++) {
  const own = model.generate('x', { temperature: 0, maxTokens: 50 }).text();
  const doomed = start(true);
  // In turn: while it loads, and in the middle of a generation.
  if (round % 4 !== 0) await firstWord(doomed);
  await doomed.terminate();
  if (await own !== 'abcde'.repeat(10)) throw new Error('the main thread lost text');
}
const texts = await Promise.all([finish(start(false)), finish(start(false))]);
await engine.dispose();
console.log(JSON.stringify(texts));
