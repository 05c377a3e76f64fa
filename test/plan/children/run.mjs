/** Quantizes argv[3] to argv[4] in a process (exit, delay) or in workers that are terminated (terminate); argv[2] says which. Runs the built library. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createTaraEngine } from '../../../dist/src/index.js';

const [mode, input, output, times] = isMainThread ? process.argv.slice(2) : workerData;
const engine = createTaraEngine();

/** Resolves when the executor has written its first blocks. */
const quantize = (onProgress) => engine.quantize(input, output, { type: 'Q4_K', onProgress });

if (!isMainThread) {
  await quantize(() => parentPort.postMessage('running'));
} else if (mode === 'exit') {
  quantize(() => process.exit(7));
} else if (mode === 'delay') {
  const monitor = monitorEventLoopDelay({ resolution: 1 });
  monitor.enable();
  await quantize();
  monitor.disable();
  console.log(JSON.stringify({ maxMs: monitor.max / 1e6 - 1 }));
} else {
  for (let i = 0; i < Number(times); i += 1) {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: [mode, input, output] });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject).once('exit', resolve));
    await worker.terminate();
  }
  await quantize();
  console.log('done');
}
