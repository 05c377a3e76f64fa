/** The figures as Prometheus text, for a node exporter's textfile collector or a push gateway. */
import { Gauge, Registry } from 'prom-client';
import type { Analytics } from './types.js';

/** Last values by their labels. */
export async function prometheusText(analytics: Analytics): Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) => new Gauge({ name: `tara_${name}`, help, labelNames, registers: [registry] });
  const set = (target: Gauge, value: number | null, labels: Readonly<Record<string, string>> = {}) => {
    if (value !== null) target.set(labels, value);
  };
  const phases = gauge('phases', 'Phases by status.', ['status']);
  for (const [status, value] of Object.entries(analytics.phases.byStatus)) set(phases, value, { status });
  const domains = gauge('domains', 'Domains by status.', ['status']);
  for (const [status, value] of Object.entries(analytics.domains.byStatus)) set(domains, value, { status });
  set(gauge('phase_completion_ratio', 'Deployed phases / all phases.'), analytics.phases.completionRate);
  set(gauge('domain_success_ratio', 'Complete domains / domains that ended.'), analytics.domains.successRate);
  set(gauge('build_success_ratio', 'Good builds / builds that ended.'), analytics.buildSuccessRate);
  const errors = gauge('errors', 'Failures by what failed and whether a later try succeeded.', ['what', 'resolved']);
  for (const { what, resolved } of analytics.errors) errors.inc({ what, resolved: String(resolved !== null) });

  const build = { bytes: gauge('build_bytes', 'Bytes of the last good build.', ['phase']), ratio: gauge('build_compression_ratio', 'Bytes of the last good build / bytes of its base.', ['phase']), seconds: gauge('build_seconds', 'Time of the last good build.', ['phase']) };
  for (const { phase, status, bytes, ratio, seconds } of analytics.builds) {
    if (status !== 'good') continue;
    for (const [metric, value] of [[build.bytes, bytes], [build.ratio, ratio], [build.seconds, seconds]] as const) set(metric, value, { phase: String(phase) });
  }
  const loss = gauge('domain_loss', 'Mean token loss in nats of the last build that was measured.', ['phase', 'domain']);
  for (const { phase, domain, loss: value } of analytics.quality) set(loss, value, { phase: String(phase), domain });
  const quality = gauge('domain_quality', 'Quality that was stated last, 0..1.', ['phase', 'domain']);
  for (const { phase, domain, quality: value } of analytics.stated) set(quality, value, { phase: String(phase), domain });

  const names = ['phase', 'target'];
  const release = {
    seconds: gauge('deploy_seconds', 'Time of the last deployment.', names), switch: gauge('deploy_switch_milliseconds', 'Time of its switch.', names),
    load: gauge('response_load_milliseconds', 'Loading time of its slowest model.', names), first: gauge('response_first_token_milliseconds', 'Time to the first token of its slowest model.', names),
  };
  for (const { phase, target, seconds, switchMs, loadMs, firstTokenMs } of analytics.releases) {
    for (const [metric, value] of [[release.seconds, seconds], [release.switch, switchMs], [release.load, loadMs], [release.first, firstTokenMs]] as const) set(metric, value, { phase: String(phase), target });
  }
  return registry.metrics();
}
