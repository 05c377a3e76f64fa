/** One question and its answer in the conversation: the text as it comes, and what was decided about the question. */
import { ask } from './api.js';
import { element } from './dom.js';
import { readEvents } from './events.js';
import { count, duration, figure, percent } from './format.js';

/** @typedef {{ readonly role: 'user' | 'assistant', readonly content: string }} Message */
/** @typedef {{ readonly choices: readonly { readonly delta: { readonly content?: string | null }, readonly finish_reason: string | null }[], readonly usage?: { readonly completion_tokens: number } | null, readonly timings?: { readonly predicted_per_second: number } }} Part */

const MAX_TOKENS = 512;

/** What emotion and router said, as the response's headers tell it. @param {Headers} headers */
function decision(headers) {
  const told = (/** @type {string} */ name) => headers.get(`x-tara-${name}`);
  const [domain, confidence, emotion, crisis, fallback] = ['domain', 'confidence', 'emotion', 'crisis', 'fallback'].map(told);
  const item = (/** @type {string} */ term, /** @type {string} */ text, tone = '') => element('div', {}, element('dt', {}, term), element('dd', { class: `tag ${tone}` }, text));
  return [
    domain && item('Domain', domain === 'none' ? 'none fits' : decodeURI(domain), 'accent'),
    confidence && item('Confidence', percent(Number(confidence))),
    emotion && item('Emotion', emotion, `felt emotion-${emotion}`),
    crisis && item('Crisis', crisis, crisis === 'acute' ? 'danger' : 'warning'),
    fallback && item('Answered by', decodeURI(fallback)),
  ];
}

/** @param {string} question */
export function createTurn(question) {
  const decided = element('dl', { class: 'decision', 'aria-label': 'Decision about this message' });
  const text = element('p', { class: 'text' });
  const facts = element('p', { class: 'muted small facts' }, 'Waiting for the first token');
  const node = element('div', { class: 'turn' },
    element('div', { class: 'said user' }, element('p', { class: 'sr-only' }, 'You:'), element('p', { class: 'text' }, question), decided),
    element('div', { class: 'said answer' }, element('p', { class: 'sr-only' }, 'Answer:'), text, facts));

  /** @param {readonly Message[]} messages @param {AbortSignal} signal @param {() => void} onText */
  async function stream(messages, signal, onText) {
    const begin = performance.now();
    const response = await ask('v1/chat/completions', {
      method: 'POST', signal, headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'auto', messages, stream: true, stream_options: { include_usage: true }, max_tokens: MAX_TOKENS }),
    });
    decided.replaceChildren(...decision(response.headers).filter((item) => item instanceof Node));
    let first = 0;
    for await (const { choices, usage, timings } of /** @type {AsyncGenerator<Part>} */ (readEvents(response))) {
      const content = choices[0]?.delta.content ?? '';
      if (content !== '') {
        first ||= performance.now() - begin;
        text.append(content);
        facts.textContent = '';
        onText();
      }
      if (usage) {
        facts.textContent = [
          response.headers.get('x-tara-release'),
          first > 0 && `first token ${duration(first).join(' ')}`,
          usage.completion_tokens > 0 && `${count(usage.completion_tokens)} tokens`,
          timings && `${figure(timings.predicted_per_second)} tokens/s`,
        ].filter(Boolean).join(' · ');
      }
    }
    return text.textContent ?? '';
  }

  return {
    node, stream,
    /** @param {string} reason @param {boolean} failed */
    end(reason, failed) {
      facts.textContent = reason;
      facts.className = failed ? 'problem' : 'muted small facts';
      return text.textContent ?? '';
    },
  };
}
