/** A base that says abc, and two domains whose adapters make it say H after a, and B after b, with calibration text of their own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeTurnAdapter } from './tiny-lora.js';
import { writeChainModel } from './tiny-model.js';

export async function writeTurnDomains(folder: string, { dora = false } = {}) {
  const base = await writeChainModel(join(folder, 'base.gguf'), 'abc');
  const domain = (name: string, from: string, to: string, form: { dora?: boolean } = {}) => {
    const calibration = join(folder, `${name}.txt`);
    writeFileSync(calibration, `${from}${to}`.repeat(40));
    return { name, dir: writeTurnAdapter(folder, form.dora ? `${name}-dora` : name, from, to, form), calibration };
  };
  return { base, domains: [domain('health', 'a', 'H'), domain('business', 'b', 'B', { dora })] };
}
