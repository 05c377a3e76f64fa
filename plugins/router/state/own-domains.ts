/** Examples that a user added with domain-examples, by domain: one JSON file in the state folder. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readError, TaraError } from 'tara-gguf/plugin';
import { z } from 'zod';
import { replaceFile } from './files.js';

export const EXAMPLE_LIMIT = 2000;
const MOST_EXAMPLES = 10_000;

export const domainName = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N}_.-]{0,63}$/u, 'a name has letters, digits, - _ . and at most 64 characters');

const fileSchema = z.strictObject({
  format: z.literal(1),
  domains: z.record(domainName, z.strictObject({ description: z.string().max(500).optional(), examples: z.array(z.string().min(1).max(EXAMPLE_LIMIT)).max(MOST_EXAMPLES) })),
});

export type OwnDomains = z.infer<typeof fileSchema>['domains'];

export const ownDomainsPath = (home: string): string => join(home, 'router', 'domains.json');

/** Empty where there is no file. TARA_CONFIG_INVALID, TARA_FILE_UNREADABLE. */
export async function readOwnDomains(path: string): Promise<OwnDomains> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw readError(path, thrown);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TaraError('TARA_CONFIG_INVALID', { path, reason: 'not JSON' }, { cause });
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TaraError('TARA_CONFIG_INVALID', { path, reason: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` });
  }
  return parsed.data.domains;
}

export const writeOwnDomains = (path: string, domains: OwnDomains): Promise<void> => replaceFile(path, `${JSON.stringify(fileSchema.parse({ format: 1, domains }), null, 2)}\n`);
