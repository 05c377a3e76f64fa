// Models that nobody refers to any more are freed. Argument: model. Needs --expose-gc.
import { setImmediate as breathe } from 'node:timers/promises';
import { createEngine } from '../../../dist/src/engine/index.js';
import { nativeCall } from '../../../dist/src/engine/jobs.js';

const engine = createEngine();
async function use() {
  const model = await engine.load(process.argv[2], { slots: 1, contextSize: 256 });
  return model.generate('x', { temperature: 0, maxTokens: 5 }).text();
}
console.log(await use());
const deadline = Date.now() + 20_000;
while (nativeCall('engine.weights').loaded > 0 && Date.now() < deadline) {
  globalThis.gc();
  await breathe();
}
console.log(nativeCall('engine.weights').loaded);
