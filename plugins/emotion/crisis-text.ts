/** What is said in a crisis. Fixed texts: nothing of the user's message ever enters them. Changes need a second reader. */

import type { Crisis } from 'tara-gguf/plugin';
import { kindsOf, type CrisisKind } from './crisis-rules.js';
import type { EmotionConfig } from './config.js';

const NOT_A_DEVICE = 'I am a computer program and not a medical device; I cannot see or reach you. A person can.';

const OPENING: Readonly<Record<CrisisKind, readonly string[]>> = {
  'self-harm': [
    'What you wrote sounds serious, and I am glad that you said it. You do not have to go through this alone.',
    'In the United States you can call or text 988 (Suicide & Crisis Lifeline) at any hour. Elsewhere, call your local emergency number or a local crisis line (findahelpline.com lists them).',
    'If you or someone else may be hurt right now, call your emergency number (911 in the US, 112 in much of Europe and beyond), stay with another person, and move away from anything that could do harm.',
  ],
  medical: [
    'This may be a medical emergency. Please call your local emergency number now (911 in the US, 112 in much of Europe and beyond) and follow what they tell you on the phone.',
    'Stay with the person, or ask someone to stay with you, until help is there. If something was swallowed, a poison centre helps too (in the US 1-800-222-1222).',
  ],
  violence: [
    'What you describe sounds dangerous, and it is not your fault. If anyone is in danger right now, get to a safe place if you can and call your local emergency number (911 in the US, 112 in much of Europe and beyond).',
    'In the United States the National Domestic Violence Hotline is 1-800-799-7233 at any hour, and 988 is there for any crisis. Elsewhere, a local helpline can help you plan the next step safely.',
  ],
};

/** In this order when several kinds meet: the one where minutes count comes first. */
const ORDER: readonly CrisisKind[] = ['medical', 'violence', 'self-harm'];

/** The text that answers an acute crisis. */
export function crisisText(crisis: Crisis, config: EmotionConfig['crisis']): string {
  const kinds = kindsOf(crisis);
  const opening = config.text === undefined ? ORDER.filter((kind) => kinds.has(kind)).flatMap((kind) => OPENING[kind]) : [config.text];
  return [...opening, ...config.lines, NOT_A_DEVICE].join('\n');
}

/** The line after a reply to a message of level `concern`. */
export const concernNote = (config: EmotionConfig['crisis']): string =>
  ['If this gets heavier, please talk to someone you trust or to a helpline: in the US call or text 988, elsewhere a local crisis line; in danger, your local emergency number.', ...config.lines].join('\n');
