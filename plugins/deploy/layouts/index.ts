/** The layouts of targets: plain, and those of the two MeeTARA repositories. Each is one file; texts are merged by env.ts, json.ts and yaml.ts. */
import type { TargetLayout } from 'tara-gguf/plugin';
import { meetaraCore } from './meetara-core.js';
import { meetaraServices } from './meetara-services.js';
import { plain } from './plain.js';
import type { Layout } from './types.js';

/** The more particular first. */
const LAYOUTS: readonly Layout[] = [meetaraCore, meetaraServices, plain];

export const layoutNamed = (name: TargetLayout): Layout => LAYOUTS.find((layout) => layout.name === name) ?? plain;

/** The layout that a target's own files are of. */
export async function recogniseLayout(target: string): Promise<Layout> {
  for (const layout of LAYOUTS) if (await layout.recognises(target)) return layout;
  return plain;
}
