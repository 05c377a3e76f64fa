/** One command of the deployer in a process of its own, killed at the `at`th change of a file. argv: the command as JSON. Prints how many changes there were. */
import { watchChanges, withFault } from './faults.mjs';

const { target, command, file, layout, at } = JSON.parse(process.argv[2]);
await watchChanges();
const [{ createDeployer }, { createWork }] = await Promise.all([import('./dist/plugins/deploy/deployer.js'), import('./dist/plugins/deploy/work.js')]);
const work = createWork({ runInPool: async (module, input) => (await import(module)).default(input, { check: () => undefined }) });
const deployer = createDeployer({ hooks: { parallel: async () => [], observe: async () => undefined }, keep: 1, work });
const files = [{ path: file, role: 'model' }, { path: file, role: 'adapter', domain: 'health' }];
const request = { phase: 1, target, files, targetLayout: layout, metadata: { domains: ['health'] } };
const { changes, code } = await withFault(at && { at, how: 'kill', power: true }, () => (command === 'deploy' ? deployer.deploy(request) : deployer.rollback(target)));
process.stdout.write(`${changes} ${code ?? ''}`);
