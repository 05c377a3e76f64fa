/** Debian's Chromium (or TARA_CHROMIUM) through Playwright, and what a page did in it. */
import { afterAll, beforeAll } from 'vitest';
import { chromium as playwright, type Browser, type Page } from 'playwright-core';
import { chromium } from '../benchmark/chromium.js';

export { chromium };

export interface Watched {
  readonly page: Page;
  /** Errors and warnings of the console, exceptions, requests that failed. */
  readonly complaints: readonly string[];
  /** Hosts that were asked. */
  readonly hosts: ReadonlySet<string>;
}

export interface Look {
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
}

/** To be called once in each file that opens pages. */
export function browser(): { open(url: string, look?: Look): Promise<Watched> } {
  let running: Browser | undefined;
  beforeAll(async () => {
    if (chromium !== undefined) running = await playwright.launch({ executablePath: chromium, args: ['--no-sandbox', '--disable-gpu'] });
  });
  afterAll(() => running?.close());
  return {
    async open(url, { scheme = 'light', width = 1360, height = 1000 } = {}) {
      if (running === undefined) throw new Error('there is no browser');
      const context = await running.newContext({ colorScheme: scheme, viewport: { width, height }, reducedMotion: 'reduce' });
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      const complaints: string[] = [];
      const hosts = new Set<string>();
      page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('request', (request) => hosts.add(new URL(request.url()).host));
      await page.goto(url);
      return { page, complaints, hosts };
    },
  };
}
