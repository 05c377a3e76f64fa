/** The shipped domains and what stands for none of them. */

import { business } from './business.js';
import { creative } from './creative.js';
import { education } from './education.js';
import { healthcare } from './healthcare.js';
import { leadership } from './leadership.js';
import { none } from './none.js';
import { technology } from './technology.js';
import type { DomainData } from './types.js';

export type { DomainData, Tier } from './types.js';
export { none };
export const DOMAINS: readonly DomainData[] = [healthcare, business, education, creative, leadership, technology];
