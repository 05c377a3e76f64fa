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
  /** Who publishes the numbers, for whoever checks them. */
  source: entry.optional(),
  /** Day (YYYY-MM-DD) on which a second reader last compared them with the source; null: nobody has yet. */
  reviewed: z.iso.date().nullable().default(null),
});

export type Helplines = z.infer<typeof helplinesSchema>;

export const HELPLINES: Readonly<Record<string, Helplines & { readonly source: string }>> = {
  US: { emergency: '911', crisis: '988 (Suicide & Crisis Lifeline, call or text)', violence: '1-800-799-7233 (National Domestic Violence Hotline)', poison: '1-800-222-1222', source: '988lifeline.org, thehotline.org, poison.org', reviewed: null },
  CA: { emergency: '911', crisis: '988 (Suicide Crisis Helpline, call or text)', violence: '211, or the line of your province at sheltersafe.ca', poison: '1-844-764-7669', source: '988.ca, sheltersafe.ca, infopoison.ca', reviewed: null },
  GB: { emergency: '999', crisis: '116 123 (Samaritans)', violence: '0808 2000 247 (National Domestic Abuse Helpline)', poison: '111 (NHS)', source: 'samaritans.org, nationaldahelpline.org.uk, 111.nhs.uk', reviewed: null },
  IE: { emergency: '112 or 999', crisis: '116 123 (Samaritans)', violence: "1800 341 900 (Women's Aid)", poison: '01 809 2166', source: 'samaritans.org, womensaid.ie, poisons.ie', reviewed: null },
  AU: { emergency: '000', crisis: '13 11 14 (Lifeline)', violence: '1800 737 732 (1800RESPECT)', poison: '13 11 26', source: 'lifeline.org.au, 1800respect.org.au, poisonsinfo.nsw.gov.au', reviewed: null },
  NZ: { emergency: '111', crisis: '1737 (call or text)', violence: "0800 733 843 (Women's Refuge)", poison: '0800 764 766', source: '1737.org.nz, womensrefuge.org.nz, poisons.co.nz', reviewed: null },
  IN: { emergency: '112', crisis: '14416 (Tele MANAS)', violence: '181 (women helpline)', source: 'telemanas.mohfw.gov.in, 112.gov.in, wcd.gov.in', reviewed: null },
  DE: { emergency: '112', crisis: '0800 111 0 111 (TelefonSeelsorge)', violence: '116 016 (Hilfetelefon)', source: 'telefonseelsorge.de, hilfetelefon.de', reviewed: null },
  AT: { emergency: '112', crisis: '142 (Telefonseelsorge)', violence: '0800 222 555 (Frauenhelpline)', poison: '01 406 43 43', source: 'telefonseelsorge.at, frauenhelpline.at, goeg.at', reviewed: null },
  CH: { emergency: '112', crisis: '143 (Die Dargebotene Hand)', violence: '117 (police)', poison: '145 (Tox Info Suisse)', source: '143.ch, toxinfo.ch', reviewed: null },
  FR: { emergency: '112', crisis: '3114', violence: '3919', source: '3114.fr, arretonslesviolences.gouv.fr', reviewed: null },
  ES: { emergency: '112', crisis: '024', violence: '016', source: 'sanidad.gob.es (024), violenciagenero.igualdad.gob.es (016)', reviewed: null },
  IT: { emergency: '112', crisis: '02 2327 2327 (Telefono Amico)', violence: '1522', source: 'telefonoamico.it, 1522.eu', reviewed: null },
  NL: { emergency: '112', crisis: '113 (113 Zelfmoordpreventie)', violence: '0800 2000 (Veilig Thuis)', source: '113.nl, veiligthuis.nl', reviewed: null },
};

/** Upper-case region of `en-GB`, `gb` or `GB`; undefined where the tag names none. */
export const regionOf = (locale: string): string | undefined => /(?:^|[-_])([A-Za-z]{2})$/.exec(locale)?.[1]?.toUpperCase();
