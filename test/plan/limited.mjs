/** Runs a lowered plan straight in the addon and prints how it failed; started under a file size limit. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [addonPath, planPath] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(addonPath);
const { json, headers } = JSON.parse(readFileSync(planPath, 'utf8'));

addon.listen((events) => {
  for (const { type, data } of events) {
    if (type === 'failed') console.log(data);
    if (type === 'done') console.log('{"code":"done"}');
  }
});
addon.start('plan.run', `{"plan":${json}}`, headers.map((header) => new Uint8Array(Buffer.from(header, 'base64'))));
