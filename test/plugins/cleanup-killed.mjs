/**
 * A process that is killed at a step: cleans a folder in place, or undoes it, and ends itself with SIGKILL before its Nth change
 * to the file system. Arguments: clean|undo FOLDER N. Prints the number of changes where it was not killed.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [act, folder, at] = process.argv.slice(2);
let changes = 0;
for (const name of ['rename', 'link', 'unlink', 'rm', 'rmdir', 'mkdir', 'chmod', 'utimes', 'copyFile', 'symlink', 'open']) {
  const original = fs.promises[name];
  fs.promises[name] = (...args) => {
    const reads = name === 'open' && (args[1] === undefined || args[1] === 'r' || typeof args[1] === 'number');
    if (!reads && ++changes === Number(at)) process.kill(process.pid, 'SIGKILL');
    return original(...args);
  };
}
syncBuiltinESMExports();

const plugin = new URL('../../dist/plugins/cleanup/', import.meta.url);
if (act === 'clean') await (await import(new URL('cleaner.js', plugin))).clean(folder, { inPlace: true });
else await (await import(new URL('undo.js', plugin))).undo(folder);
console.log(changes);
