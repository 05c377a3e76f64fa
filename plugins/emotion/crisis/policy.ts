/** What is done in a crisis, printable: the policy as it is configured, the texts included. */

import type { EmotionConfig } from '../config.js';
import { concernNote, crisisText, helplinesOf, replyNote } from './answer.js';
import type { Helplines } from './helplines.js';
import { RULES, type CrisisKind } from './rules.js';

export interface Policy {
  readonly levels: Readonly<Record<'none' | 'concern' | 'acute', string>>;
  readonly acute: string;
  readonly concern: string;
  readonly replies: string;
  readonly event: string;
  readonly kept: string;
  readonly locale: string | null;
  readonly helplines: Helplines | null;
  /** Rules by level. */
  readonly rules: Readonly<Record<'concern' | 'acute', number>>;
  readonly texts: Readonly<Record<CrisisKind | 'concern' | 'reply', string>>;
}

const KINDS: readonly CrisisKind[] = ['self-harm', 'medical', 'violence'];

export function policyOf({ crisis }: EmotionConfig): Policy {
  const textOf = (kind: CrisisKind) => crisisText({ level: 'acute', reasons: [`${kind}:policy`] }, crisis);
  const [selfHarm = '', medical = '', violence = ''] = KINDS.map(textOf);
  return {
    levels: {
      acute: 'stated intent or preparation, a wish to be dead or not to exist, a medical emergency now, danger from others now',
      concern: 'distress without these: hopelessness, urges, grief, control or fear at home, symptoms to watch',
      none: 'anything else',
    },
    acute: crisis.answer ? 'answered at once with the text of its kind, before routing, caches and models, in every domain' : 'answered by the model, with the text of its kind before the reply',
    concern: crisis.concernNote ? 'answered by the model, told to be kind, with a line about help after the reply' : 'answered by the model, told to be kind',
    replies: crisis.checkReplies ? "the model's replies are read by the rules too; one that reads as acute gets a line about help after it" : 'not read',
    event: 'emotion:crisis { level, reasons, source, domain, userId } on the bus, for hand-off to people',
    kept: 'a count a day, source, level and rule in emotion.db; never a text',
    locale: crisis.locale ?? null,
    helplines: helplinesOf(crisis) ?? null,
    rules: { acute: RULES.filter(({ level }) => level === 'acute').length, concern: RULES.filter(({ level }) => level === 'concern').length },
    texts: { 'self-harm': selfHarm, medical, violence, concern: concernNote(crisis), reply: replyNote(crisis) },
  };
}

export function renderPolicy(policy: Policy): string {
  const part = (title: string, text: string) => `${title}\n${text.split('\n').map((line) => `  ${line}`).join('\n')}`;
  return [
    part(`acute (${policy.rules.acute} rules)`, `${policy.levels.acute}\n${policy.acute}`),
    part(`concern (${policy.rules.concern} rules)`, `${policy.levels.concern}\n${policy.concern}`),
    part('replies', policy.replies),
    part('event', policy.event),
    part('kept', policy.kept),
    part('region', policy.locale ?? 'none configured: numbers of the United States beside general advice'),
    ...Object.entries(policy.texts).map(([name, text]) => part(`text: ${name}`, text)),
  ].join('\n\n');
}
