// The one number that decides between the session and the past, to see and to
// hold.
import { useEffect, useRef, useState } from 'preact/hooks'
import { useShop } from './use'
import { blendSentence, percent } from './words'

export function Blended() {
  const [{ last, customer, held }, shop] = useShop()
  const b = last?.blend ?? { session: 0, profile: 0 }
  return (
    <section class="card blend" data-blend={b.session.toFixed(4)}>
      <div class="head">
        <h3>The blend</h3>
        <span class="quiet">{held === null ? 'by the rule' : 'by hand'}</span>
      </div>
      <div class="scale" role="img" aria-label={`session ${percent(b.session)}, profile ${percent(b.profile)}`}>
        <span class="s" style={{ flexGrow: String(b.session) }} />
        <span class="p" style={{ flexGrow: String(b.profile) }} />
        <span class="n" style={{ flexGrow: String(Math.max(0, 1 - b.session - b.profile)) }} />
      </div>
      <div class="ends" aria-hidden="true">
        <span class="s">session {percent(b.session)}</span>
        <span class="p">profile {percent(b.profile)}</span>
      </div>
      <p class="sentence">{blendSentence(last?.blend ?? null, customer !== null, held !== null)}</p>
      <Hold held={held} a={b.session} hold={(a) => void shop.hold(a)} />
    </section>
  )
}

function Hold({ held, a, hold }: { held: number | null; a: number; hold: (a: number | null) => void }) {
  const [hand, setHand] = useState<number | null>(null)
  const timer = useRef(0)
  useEffect(() => setHand(null), [held])
  const value = Math.round(100 * (hand ?? held ?? a))
  const slide = (v: number) => {
    setHand(v)
    clearTimeout(timer.current)
    timer.current = window.setTimeout(() => hold(v), 120) // one question for a stroke of the slider
  }
  return (
    <div class="hold">
      <label class="switch">
        <input type="checkbox" role="switch" checked={held === null} onChange={(e) => hold(e.currentTarget.checked ? null : a)} />
        <span>auto</span>
      </label>
      <label class="range">
        <span class="offstage">Weight of the session in percent</span>
        <input type="range" min="0" max="100" step="1" value={value} data-auto={held === null} onInput={(e) => slide(e.currentTarget.valueAsNumber / 100)} aria-valuetext={`session ${value} %`} />
      </label>
      <output>{value} %</output>
    </div>
  )
}
