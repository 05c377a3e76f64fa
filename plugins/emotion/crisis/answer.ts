/** What is said in a crisis. Fixed texts: nothing of the user's message ever enters them. Changes need a second reader. */

import type { Crisis } from 'tara-gguf/plugin';
import type { EmotionConfig } from '../config.js';
import { HELPLINES, regionOf, type Helplines } from './helplines.js';
import { kindsOf, type CrisisKind } from './rules.js';

type CrisisConfig = EmotionConfig['crisis'];

const NOT_A_DEVICE = 'I am a computer program and not a medical device; I cannot see or reach you. A person can.';

/** Where no region is configured: the United States' numbers beside what holds anywhere. */
const ANYWHERE = {
  emergency: 'your local emergency number (911 in the US, 112 in much of Europe and beyond)',
  crisis: 'In the United States you can call or text 988 (Suicide & Crisis Lifeline) at any hour. Elsewhere, call your local emergency number or a local crisis line (findahelpline.com lists them).',
  violence: 'In the United States the National Domestic Violence Hotline is 1-800-799-7233 at any hour, and 988 is there for any crisis. Elsewhere, a local helpline can help you plan the next step safely.',
  poison: ' If something was swallowed, a poison centre helps too (in the US 1-800-222-1222).',
  concern: 'in the US call or text 988, elsewhere a local crisis line; in danger, your local emergency number',
};

const inRegion = (lines: Helplines): typeof ANYWHERE => ({
  emergency: lines.emergency,
  crisis: `You can call ${lines.crisis}; in danger, ${lines.emergency}.`,
  violence: `You can call ${lines.violence}, and for any crisis ${lines.crisis}.`,
  poison: lines.poison === undefined ? '' : ` If something was swallowed, poison information helps too: ${lines.poison}.`,
  concern: `call ${lines.crisis}; in danger, ${lines.emergency}`,
});

/** The numbers of the configured region. */
export function helplinesOf({ locale, helplines }: CrisisConfig): Helplines | undefined {
  const region = locale === undefined ? undefined : regionOf(locale);
  if (region === undefined) return undefined;
  return Object.hasOwn(helplines, region) ? helplines[region] : Object.hasOwn(HELPLINES, region) ? HELPLINES[region] : undefined;
}

function phrases(config: CrisisConfig): typeof ANYWHERE {
  const lines = helplinesOf(config);
  return lines === undefined ? ANYWHERE : inRegion(lines);
}

const opening = (kind: CrisisKind, say: typeof ANYWHERE): readonly string[] => {
  switch (kind) {
    case 'medical':
      return [
        `This may be a medical emergency. Please call ${say.emergency} now and follow what they tell you on the phone.`,
        `Stay with the person, or ask someone to stay with you, until help is there.${say.poison}`,
      ];
    case 'violence':
      return [`What you describe sounds dangerous, and it is not your fault. If anyone is in danger right now, get to a safe place if you can and call ${say.emergency}.`, say.violence];
    case 'self-harm':
      return [
        'What you wrote sounds serious, and I am glad that you said it. You do not have to go through this alone.',
        say.crisis,
        `If you or someone else may be hurt right now, call ${say.emergency}, stay with another person, and move away from anything that could do harm.`,
      ];
  }
};

/** In this order when several kinds meet: the one where minutes count comes first. */
const ORDER: readonly CrisisKind[] = ['medical', 'violence', 'self-harm'];

/** The text that answers an acute crisis. */
export function crisisText(crisis: Crisis, config: CrisisConfig): string {
  const kinds = kindsOf(crisis);
  const say = phrases(config);
  const first = config.text === undefined ? ORDER.filter((kind) => kinds.has(kind)).flatMap((kind) => opening(kind, say)) : [config.text];
  return [...first, ...config.lines, NOT_A_DEVICE].join('\n');
}

/** The line after a reply to a message of level `concern`. */
export const concernNote = (config: CrisisConfig): string =>
  [`If this gets heavier, please talk to someone you trust or to a helpline: ${phrases(config).concern}.`, ...config.lines].join('\n');

/** The line after a reply that itself speaks of harm or an emergency: models make mistakes, people help. */
export const replyNote = (config: CrisisConfig): string =>
  [`If this is about you or someone near you, please do not rely on this answer; talk to a person: ${phrases(config).concern}.`, ...config.lines].join('\n');
