// "Why is this here?": the ledger of one item, from first signal to its place.
import { useEffect, useRef } from 'preact/hooks'
import { Art } from './art'
import { useShop } from './use'
import { ledgerText, reasonLabel, reasonMeaning, stageLabel } from './words'

export function Ledger() {
  const [{ why, tiles }, shop] = useShop()
  const box = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (why && !box.current?.open) box.current?.showModal()
    if (!why && box.current?.open) box.current.close()
  }, [why])
  const tile = why ? tiles.get(why.item) : undefined
  const r = why?.ranked
  const top = Math.max(...(r?.ledger ?? []).map((e) => Math.abs(e.value ?? 0)), 1e-9)
  return (
    <dialog ref={box} class="ledger" aria-labelledby="ledger-title" onClose={() => shop.closeWhy()} onClick={(e) => e.target === box.current && shop.closeWhy()}>
      <div class="inner">
        <div class="who">
          {tile && <Art tile={tile} />}
          <div>
            <p class="quiet">Why is this here?</p>
            <h2 id="ledger-title">{tile?.name ?? why?.item}</h2>
            {r && (
              <p>
                Place {r.slot}, score {r.score.toFixed(3)} <span class={`chip r-${r.reason}`}>{reasonLabel(r.reason)}</span> {reasonMeaning(r.reason)}.
              </p>
            )}
          </div>
        </div>
        {r?.ledger?.length ? (
          <table>
            <caption class="offstage">What made the score, in order</caption>
            <thead>
              <tr>
                <th scope="col">stage</th>
                <th scope="col">what</th>
                <th scope="col">value</th>
              </tr>
            </thead>
            <tbody>
              {r.ledger.map((e, i) => (
                <tr key={i}>
                  <td title={stageLabel(e.stage)}>{e.stage}</td>
                  <td>{ledgerText(e)}</td>
                  <td>
                    <span class="bar" aria-hidden="true">
                      <span style={{ width: `${(100 * Math.abs(e.value ?? 0)) / top}%` }} />
                    </span>
                    {e.value === undefined ? '' : e.value.toFixed(3)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : (
          <p class="quiet">{why && !r ? 'The list has moved on: it is no longer in it.' : 'No ledger was sent.'}</p>
        )}
        {why && <Sources of={why.explanation.candidates} title="Candidates by source" />}
        {why && <Sources of={why.explanation.drops} title="Dropped, by reason" />}
        <form method="dialog">
          <button type="submit" class="primary" onClick={(e) => (e.preventDefault(), shop.closeWhy())}>
            Close
          </button>
        </form>
      </div>
    </dialog>
  )
}

function Sources({ of, title }: { of: Record<string, number> | undefined; title: string }) {
  const rows = Object.entries(of ?? {}).filter(([, n]) => n > 0)
  if (!rows.length) return null
  return (
    <div class="sources">
      <h3>{title}</h3>
      <p>
        {rows.map(([name, n]) => (
          <span key={name} class="source">
            {name.replaceAll('_', ' ')} <b>{n}</b>
          </span>
        ))}
      </p>
    </div>
  )
}
