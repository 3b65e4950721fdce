// "What just happened": everything the last answer said about itself.
import { useState } from 'preact/hooks'
import type { Customer } from './answer'
import { Glyph } from './art'
import { Blended } from './blend'
import { WhyNotBox } from './whynot'
import { useClock, useShop } from './use'
import type { Logged } from './store'
import { ago, degradedMeaning, kindLabel, percent, reasonLabel, reasonMeaning, stageLabel, took } from './words'

export function Panel() {
  const [open, setOpen] = useState(false)
  const [{ last }] = useShop()
  return (
    <aside class="panel" data-open={open} aria-label="What just happened">
      <button type="button" class="handle" aria-expanded={open} aria-controls="panel-body" onClick={() => setOpen(!open)}>
        <span>What just happened</span>
        <span class="quiet">{last ? `session ${percent(last.blend.session)} · ${took(last.took)}` : '…'}</span>
        <span class="arrow" aria-hidden="true" />
      </button>
      <div id="panel-body">
        <h2 class="title">What just happened</h2>
        <People />
        <Blended />
        <Events />
        <Timing />
        <Reasons />
        <WhyNotBox />
      </div>
    </aside>
  )
}

function People() {
  const [{ customers, customer }, shop] = useShop()
  const pick = (c: Customer | null) => () => void shop.become(c)
  return (
    <fieldset class="card people">
      <legend>Who is shopping?</legend>
      <div class="faces">
        <Face name="New visitor" on={customer === null} pick={pick(null)} />
        {customers.map((c) => (
          <Face key={c.id} name={c.label} category={c.leaning} on={customer?.id === c.id} pick={pick(c)} />
        ))}
      </div>
      <p class="quiet" aria-live="polite">
        {customer ? `${customer.label} ${customer.text}.` : 'A new visitor: nothing is known but the clicks.'}
      </p>
    </fieldset>
  )
}

function Face({ name, category, on, pick }: { name: string; category?: string; on: boolean; pick: () => void }) {
  return (
    <label class="face" title={name}>
      <input type="radio" name="who" checked={on} onChange={pick} aria-label={name} />
      <span>{category ? <Glyph category={category} /> : <span aria-hidden="true">?</span>}</span>
    </label>
  )
}

function Events() {
  const [{ log, sessionEvents, restored, tiles }, shop] = useShop()
  const now = useClock(5000)
  const name = (e: Logged) => (e.item ? (tiles.get(e.item)?.name ?? e.item) : (e.query ?? ''))
  return (
    <section class="card events">
      <div class="head">
        <h3>This session</h3>
        <span class="quiet" data-session-events={sessionEvents}>
          {sessionEvents === 1 ? 'one event' : `${sessionEvents} events`}
          {restored && ', read again from the server'}
        </span>
      </div>
      {log.length === 0 ? (
        <p class="quiet">No click yet.</p>
      ) : (
        <ol aria-label="Events of this session, newest first" tabIndex={0}>
          {log.map((e) => (
            <li key={e.id} data-kind={e.kind}>
              <span class={`dot k-${e.kind}`} aria-hidden="true" />
              <span class="what">
                {kindLabel(e.kind)} <b>{name(e)}</b>
              </span>
              <span class="quiet when">
                {ago(e.at, now)}
                <span class="tick" title={e.state === 'sent' ? 'on its way' : 'stored'}>
                  {e.state === 'sent' ? '…' : '✓'}
                </span>
              </span>
            </li>
          ))}
        </ol>
      )}
      <button type="button" class="plain" onClick={() => void shop.become(null)} hidden={log.length === 0}>
        Start over as a new visitor
      </button>
    </section>
  )
}

function Timing() {
  const [{ last }] = useShop()
  const now = useClock(5000)
  if (!last) return null
  const whole = last.stages.reduce((t, s) => t + s.ms, 0) || 1
  return (
    <section class="card timing">
      <div class="head">
        <h3>The last answer</h3>
        <span class="quiet">{ago(last.at, now) === 'now' ? 'just now' : `${ago(last.at, now)} ago`}</span>
      </div>
      <p class="figures">
        {last.server > 0 && (
          <span>
            <b>{took(last.server)}</b> to make
          </span>
        )}
        <span>
          <b>{took(last.took)}</b> round trip
        </span>
        <span class={last.degraded.length ? 'bad' : 'good'}>{last.degraded.length ? 'degraded' : 'healthy'}</span>
      </p>
      {last.degraded.length > 0 && <p class="bad">{last.degraded.map(degradedMeaning).join('; ')}</p>}
      {last.stages.length > 0 && (
        <>
          <div class="stack" aria-hidden="true">
            {last.stages.map((s) => (
              <span key={s.name} data-stage={s.name} style={{ flexGrow: String(s.ms / whole) }} />
            ))}
          </div>
          <ul class="stages">
            {last.stages.map((s) => (
              <li key={s.name} data-stage={s.name} title={stageLabel(s.name)}>
                {s.name} <b>{took(s.ms)}</b>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}

function Reasons() {
  const [{ home, beside }] = useShop()
  const count = new Map<string, number>()
  for (const r of [...(beside?.items ?? []), ...(home?.items ?? [])]) count.set(r.reason, (count.get(r.reason) ?? 0) + 1)
  if (!count.size) return null
  return (
    <section class="card reasons">
      <h3>Why these?</h3>
      <ul>
        {[...count].map(([r, n]) => (
          <li key={r}>
            <span class={`chip r-${r}`}>{reasonLabel(r)}</span> <span class="quiet">{n} ×</span> {reasonMeaning(r)}
          </li>
        ))}
      </ul>
      <p class="quiet">Press a tile’s reason to see its ledger.</p>
    </section>
  )
}
