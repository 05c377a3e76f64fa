/** The chat box: sends what is written, keeps the conversation in this page alone. */
import { createTurn } from './answer.js';
import { announce, byId } from './dom.js';

/** @import { Message } from './answer.js' */

/** @param {() => void} onAnswered */
export function startChat(onAnswered) {
  const log = byId('log');
  const welcome = log.firstElementChild;
  const input = /** @type {HTMLTextAreaElement} */ (byId('message'));
  const send = /** @type {HTMLButtonElement} */ (byId('send'));
  const stop = byId('stop');
  /** @type {Message[]} */
  let messages = [];
  /** @type {AbortController | undefined} */
  let running;

  /** @param {boolean} busy */
  function setBusy(busy) {
    // Heard as a whole when it is there, not word by word.
    log.setAttribute('aria-busy', String(busy));
    send.disabled = busy;
    stop.hidden = !busy;
  }

  /** Follows the answer unless the reader has gone up. */
  const followEnd = () => { if (log.scrollHeight - log.scrollTop - log.clientHeight < 120) log.scrollTop = log.scrollHeight; };

  /** @param {string} question */
  async function ask(question) {
    const controller = new AbortController();
    running = controller;
    const turn = createTurn(question);
    welcome?.remove();
    log.append(turn.node);
    log.scrollTop = log.scrollHeight;
    setBusy(true);
    const asked = [...messages, /** @type {Message} */ ({ role: 'user', content: question })];
    /** @type {string} */
    let answer;
    try {
      answer = await turn.stream(asked, controller.signal, followEnd);
      announce('The answer is complete.');
    } catch (error) {
      const stopped = controller.signal.aborted;
      answer = turn.end(stopped ? 'Stopped' : /** @type {Error} */ (error).message, !stopped);
      announce(stopped ? 'Stopped.' : 'The question could not be answered.');
    }
    if (running !== controller) return;
    running = undefined;
    // A question without an answer is left out: roles take turns.
    if (answer !== '') messages = [...asked, { role: 'assistant', content: answer }];
    setBusy(false);
    followEnd();
    onAnswered();
  }

  byId('ask').addEventListener('submit', (event) => {
    event.preventDefault();
    const question = input.value.trim();
    if (question === '' || running !== undefined) return;
    input.value = '';
    void ask(question);
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    /** @type {HTMLFormElement} */ (byId('ask')).requestSubmit();
  });
  stop.addEventListener('click', () => {
    running?.abort();
    input.focus();
  });
  byId('clear').addEventListener('click', () => {
    running?.abort();
    running = undefined;
    messages = [];
    log.replaceChildren(...(welcome === null ? [] : [welcome]));
    setBusy(false);
    input.focus();
  });
}
