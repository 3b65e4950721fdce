// "Why not?": name an item and hear which stage or rule dropped it.
import { useState } from 'preact/hooks'
import type { Tile } from './answer'
import { useShop } from './use'
import { stageLabel } from './words'

export function WhyNotBox() {
  const [{ whyNot, tiles, beside }, shop] = useShop()
  const [text, setText] = useState('')
  const [open, setOpen] = useState(false)
  const [at, setAt] = useState(0)
  const hits = open && text.trim() ? shop.search(text, 6) : []

  const pick = (t: Tile | undefined) => {
    if (!t) return
    setText(t.name)
    setOpen(false)
    void shop.askWhyNot(t.id)
  }
  const key = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault()
      setOpen(true)
      const n = hits.length || 1
      setAt((at + (e.key === 'ArrowDown' ? 1 : n - 1)) % n)
    }
    if (e.key === 'Enter') {
      e.preventDefault()
      pick(hits[at] ?? shop.search(text, 1)[0] ?? tiles.get(text.trim().toUpperCase()))
    }
    if (e.key === 'Escape') setOpen(false)
  }
  return (
    <section class="card whynot">
      <h3>
        <label for="why-not">Why not…?</label>
      </h3>
      <p class="quiet">Name something that is not in “{beside ? 'next best' : 'for you'}”.</p>
      <div class="combo">
        <input
          id="why-not"
          type="text"
          role="combobox"
          autocomplete="off"
          placeholder="e.g. red umbrella"
          aria-expanded={hits.length > 0}
          aria-controls="why-not-list"
          aria-autocomplete="list"
          aria-activedescendant={hits.length ? `why-not-${at}` : undefined}
          value={text}
          onInput={(e) => {
            setText(e.currentTarget.value)
            setOpen(true)
            setAt(0)
          }}
          onKeyDown={key}
          onBlur={() => setOpen(false)}
        />
        <ul id="why-not-list" role="listbox" aria-label="Things that fit" hidden={hits.length === 0}>
          {hits.map((t, i) => (
            <li key={t.id} id={`why-not-${i}`} role="option" aria-selected={i === at} onMouseDown={(e) => (e.preventDefault(), pick(t))}>
              {t.name}
            </li>
          ))}
        </ul>
      </div>
      <div role="status" class="found">
        {whyNot && <Found />}
      </div>
    </section>
  )
}

function Found() {
  const [{ whyNot, tiles }] = useShop()
  if (!whyNot) return null
  const name = tiles.get(whyNot.item)?.name ?? whyNot.item
  if (whyNot.slot) {
    return (
      <p>
        <b>{name}</b> is here, in place {whyNot.slot}.
      </p>
    )
  }
  if (!whyNot.found) {
    return (
      <p>
        <b>{name}</b>: the server gave no answer for it.
      </p>
    )
  }
  return (
    <p>
      <b>{name}</b> dropped out at <span class="stage">{stageLabel(whyNot.found.stage)}</span>
      {whyNot.found.detail ? `: ${whyNot.found.detail}` : '.'}
    </p>
  )
}
