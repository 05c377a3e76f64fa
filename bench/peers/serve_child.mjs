/** A library under load in a process of its own: node serve_child.mjs KIND MODEL SIZE [FOLDER], asked by messages. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { eight, single } from './serve_load.mjs';
import { openLibrary, openNodeLlamaCpp } from './serving.mjs';

const [kind, path, size, folder] = process.argv.slice(2);
const peer = kind === 'tara' ? await openLibrary(path, JSON.parse(size)) : await openNodeLlamaCpp(folder, path, JSON.parse(size));

process.on('message', async ({ ask, ids }) => {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const row = ask === 'eight' ? await eight(peer, ids) : await single(peer, ids);
  delay.disable();
  // What the monitor of 1 ms adds.
  process.send({ ...row, delayP99Ms: delay.percentile(99) / 1e6 - 1, delayMaxMs: delay.max / 1e6 - 1 });
});
process.send('ready');
