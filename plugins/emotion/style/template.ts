/** Response templates: their form, and the table of them that configuration, plugins and code add to. */

import { EMOTIONS, TaraError, type ResponseTemplate } from 'tara-gguf/plugin';
import { z } from 'zod';

export const templateSchema = z.strictObject({
  tone: z.string().min(1).max(200),
  empathy_level: z.enum(['low', 'medium', 'high']),
  modifiers: z.array(z.string().min(1).max(200)).max(8),
  response_style: z.string().min(1).max(400),
  when: z
    .strictObject({
      domains: z.array(z.string().min(1)).optional(),
      emotions: z.array(z.enum([...EMOTIONS, 'neutral'])).optional(),
      /** 0..1: from this intensity on. */
      intensity: z.number().min(0).max(1).optional(),
    })
    .optional(),
});

/** A table that checks what is assigned to it. Throws TARA_OPTION_INVALID. */
export function templateTable(initial: Readonly<Record<string, ResponseTemplate>>): Record<string, ResponseTemplate> {
  const set = (table: Record<string, ResponseTemplate>, name: string | symbol, value: unknown): boolean => {
    const parsed = templateSchema.safeParse(value);
    if (!parsed.success || typeof name === 'symbol') {
      const [issue] = parsed.error?.issues ?? [];
      throw new TaraError('TARA_OPTION_INVALID', { option: `responseTemplates.${String(name)}`, reason: issue === undefined ? 'a name is a text' : `${issue.path.map(String).join('.') || 'it'}: ${issue.message}` });
    }
    table[name] = parsed.data;
    return true;
  };
  // No prototype: a domain or emotion called `constructor` finds nothing.
  return new Proxy(Object.assign(Object.create(null) as Record<string, ResponseTemplate>, initial), { set });
}
