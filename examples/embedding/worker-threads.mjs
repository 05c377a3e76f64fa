// An engine in each worker thread. The process holds the weights once, whichever thread loads them.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';

if (isMainThread) {
  const ask = (prompt) => new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { model: process.argv[2], prompt } });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  console.log(JSON.stringify({ answers: await Promise.all(['Say hello.', 'Say goodbye.'].map(ask)) }));
} else {
  const { createTaraEngine } = await import('tara-gguf');
  const engine = createTaraEngine();
  const model = await engine.load(workerData.model, { slots: 1, threads: 1 });
  const answer = await model.generate([{ role: 'user', content: workerData.prompt }], { maxTokens: 16 }).text();
  await engine.dispose();
  parentPort.postMessage(answer);
}
