import { describe, expect, it } from 'vitest';
import { compressionType, domainName, domainNames, domainStatus, fraction, metricsObject, phaseNumber, quantizationName } from '../../src/phases/settings.js';

const code = (name: string) => expect.objectContaining({ code: name });

describe('names and settings', () => {
  it('lowers domain names and refuses the rest', () => {
    expect(domainName(' Health_Care-2 ')).toBe('health_care-2');
    expect(domainName('a'.repeat(64))).toBe('a'.repeat(64));
    for (const bad of ['', '-a', '_a', 'a b', 'a/b', '..', 'ü', 'a'.repeat(65), 'a\nb', 'a;drop']) {
      expect(() => domainName(bad), bad).toThrow(code('TARA_NAME_INVALID'));
    }
    expect(domainNames('B, a ,,b')).toEqual(['b', 'a']);
    expect(domainNames('')).toEqual([]);
  });

  it('takes phase numbers 1 to 9999 only', () => {
    expect([phaseNumber('1'), phaseNumber('0012'), phaseNumber(9999)]).toEqual([1, 12, 9999]);
    for (const bad of ['0', '-1', '1.5', '1e3', '10000', 'one', '', ' 1', '0x1', 'NaN']) expect(() => phaseNumber(bad), bad).toThrow(code('TARA_NAME_INVALID'));
  });

  it('takes fractions 0 to 1 only, naming the option', () => {
    expect([fraction('--quality', '0'), fraction('--quality', '1'), fraction('--quality', '.5'), fraction('--quality', '9.3e-1')]).toEqual([0, 1, 0.5, 0.93]);
    for (const bad of ['1.01', '-0.1', '', 'NaN', 'Infinity', '0x1', '50%', '1,0']) {
      expect(() => fraction('--quality', bad), bad).toThrow(expect.objectContaining({ code: 'TARA_OPTION_INVALID', message: expect.stringContaining('--quality') as string }));
    }
  });

  it('takes a JSON object of bounded size and depth as metrics', () => {
    expect(metricsObject('--metrics', '{"loss": 1.5, "nested": {"a": [1]}}')).toEqual({ loss: 1.5, nested: { a: [1] } });
    const deep = `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`;
    const deepest = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    for (const bad of ['', '{', '[]', '1', 'null', '"a"', '{a:1}', `{"a":"${'x'.repeat(65536)}"}`, deep, `{"a":${deepest}}`]) {
      expect(() => metricsObject('--metrics', bad), bad.slice(0, 20)).toThrow(code('TARA_OPTION_INVALID'));
    }
  });

  it('knows statuses, compression types and the form of quantizations', () => {
    expect([domainStatus('Complete'), compressionType('HYBRID'), quantizationName('q4_k_m')]).toEqual(['complete', 'hybrid', 'Q4_K_M']);
    expect(() => domainStatus('done')).toThrow(code('TARA_OPTION_INVALID'));
    expect(() => compressionType('zip')).toThrow(code('TARA_OPTION_INVALID'));
    expect(() => quantizationName('Q4 K')).toThrow(code('TARA_OPTION_INVALID'));
  });
});
