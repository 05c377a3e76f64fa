/**
 * Numbers to call, by region (ISO 3166). Fixed data: who runs this in a region checks its numbers, and replaces them
 * under `crisis.helplines` where they changed. Changes need a second reader.
 */

import { z } from 'zod';

const entry = z.string().min(1).max(200);

export const helplinesSchema = z.strictObject({
  /** Emergency number. */
  emergency: entry,
  /** For thoughts of suicide and any crisis. */
  crisis: entry,
  /** For violence at home. */
  violence: entry,
  poison: entry.optional(),
});

export type Helplines = z.infer<typeof helplinesSchema>;

export const HELPLINES: Readonly<Record<string, Helplines>> = {
  US: { emergency: '911', crisis: '988 (Suicide & Crisis Lifeline, call or text)', violence: '1-800-799-7233 (National Domestic Violence Hotline)', poison: '1-800-222-1222' },
  CA: { emergency: '911', crisis: '988 (Suicide Crisis Helpline, call or text)', violence: '211, or the line of your province at sheltersafe.ca', poison: '1-844-764-7669' },
  GB: { emergency: '999', crisis: '116 123 (Samaritans)', violence: '0808 2000 247 (National Domestic Abuse Helpline)', poison: '111 (NHS)' },
  IE: { emergency: '112 or 999', crisis: '116 123 (Samaritans)', violence: "1800 341 900 (Women's Aid)", poison: '01 809 2166' },
  AU: { emergency: '000', crisis: '13 11 14 (Lifeline)', violence: '1800 737 732 (1800RESPECT)', poison: '13 11 26' },
  NZ: { emergency: '111', crisis: '1737 (call or text)', violence: "0800 733 843 (Women's Refuge)", poison: '0800 764 766' },
  IN: { emergency: '112', crisis: '14416 (Tele MANAS)', violence: '181 (women helpline)' },
  DE: { emergency: '112', crisis: '0800 111 0 111 (TelefonSeelsorge)', violence: '116 016 (Hilfetelefon)' },
  AT: { emergency: '112', crisis: '142 (Telefonseelsorge)', violence: '0800 222 555 (Frauenhelpline)', poison: '01 406 43 43' },
  CH: { emergency: '112', crisis: '143 (Die Dargebotene Hand)', violence: '117 (police)', poison: '145 (Tox Info Suisse)' },
  FR: { emergency: '112', crisis: '3114', violence: '3919' },
  ES: { emergency: '112', crisis: '024', violence: '016' },
  IT: { emergency: '112', crisis: '02 2327 2327 (Telefono Amico)', violence: '1522' },
  NL: { emergency: '112', crisis: '113 (113 Zelfmoordpreventie)', violence: '0800 2000 (Veilig Thuis)' },
};

/** Upper-case region of `en-GB`, `gb` or `GB`; undefined where the tag names none. */
export const regionOf = (locale: string): string | undefined => /(?:^|[-_])([A-Za-z]{2})$/.exec(locale)?.[1]?.toUpperCase();
