/** Chat templates come from files: what they may do is bounded. */
import { describe, expect, test } from 'vitest';
import { CHATML, ChatTemplate } from '../../src/engine/index.js';

const render = (source: string, messages = [{ role: 'user', content: 'hi' }]) =>
  new ChatTemplate(source).render({ messages, addGenerationPrompt: true, bosToken: '<s>', eosToken: '</s>' });

describe('rendering', () => {
  test('ChatML, for models without a template', () => {
    expect(render(CHATML)).toBe('<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n');
  });

  test('tokens, loops, filters and a date', () => {
    expect(render("{{ bos_token }}{% for m in messages %}{{ loop.index0 }}{{ m['content'] | trim | upper }}{% endfor %}{{ eos_token }}")).toBe('<s>0HI</s>');
    expect(render("{{ strftime_now('%Y') }}")).toBe(String(new Date().getFullYear()));
    expect(render('{% for i in range(1, 6, 2) %}{{ i }}{% endfor %}')).toBe('135');
  });
});

describe('failures', () => {
  test.each([
    ['what the template itself refuses', "{{ raise_exception('roles must alternate') }}", /roles must alternate/],
    ['a syntax error', '{% for %}', /.+/],
    ['a range without end', '{% for i in range(1000000000) %}x{% endfor %}', /list items/],
    ['loops in loops', '{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}', /time/],
    ['a list that doubles', '{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = ns.x + ns.x %}{% endfor %}', /list items/],
    ['a text that doubles', "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", /text/],
    ['a macro that calls itself', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}', /.+/],
    ['a range backwards by zero', '{% for i in range(1, 2, 0) %}{% endfor %}', /step/],
  ])('%s', (_, source, reason) => {
    let thrown: unknown;
    try {
      render(source);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'TARA_CHAT_TEMPLATE' });
    expect(String(thrown)).toMatch(reason);
  });
});
