/** `npm run bench -- NAME`: runs one benchmark, or lists them. Measure on an idle machine. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../scripts/lib.mjs';

const names = readdirSync(join(ROOT, 'bench')).filter((file) => file.endsWith('.mjs') && !['run.mjs', 'lib.mjs', 'plot.mjs', 'synthetic-model.mjs', 'schemathesis.mjs'].includes(file)).map((file) => file.slice(0, -4));
const name = process.argv[2];
if (!names.includes(name)) {
  console.log(`npm run bench -- NAME, one of: ${names.join(', ')}`);
  process.exit(name === undefined ? 0 : 2);
}
await import(join(ROOT, 'bench', `${name}.mjs`));
