// Tiles: recommended ones, which say why they are there and how they moved,
// and plain ones of the catalog.
import type { Ranked, Tile } from './answer'
import { Art } from './art'
import type { Move } from './moves'
import { href } from './route'
import type { List } from './store'
import { useGlide, useShop } from './use'
import { money, reasonLabel, reasonMeaning } from './words'

export function Recommended({ list, layout, label }: { list: List; layout: 'strip' | 'grid'; label: string }) {
  const box = useGlide<HTMLOListElement>(list)
  const [state] = useShop()
  return (
    <ol class={`tiles ${layout}`} ref={box} aria-label={label} data-placement={list.placement}>
      {list.items.map((r) => {
        const tile = state.tiles.get(r.item_id)
        return (
          <li key={r.item_id} data-key={r.item_id} data-move={list.moves.get(r.item_id)?.kind}>
            {tile && <Card list={list} ranked={r} tile={tile} move={list.moves.get(r.item_id)} />}
          </li>
        )
      })}
    </ol>
  )
}

function Card({ list, ranked, tile, move }: { list: List; ranked: Ranked; tile: Tile; move: Move | undefined }) {
  const [, shop] = useShop()
  return (
    <article class="tile">
      <a href={href({ at: 'item', id: tile.id })} onClick={() => shop.clicked(list, ranked)}>
        <Art tile={tile} />
        <Moved move={move} slot={ranked.slot} />
        <span class="name">{tile.name}</span>
      </a>
      <div class="foot">
        <span class="price">{money(tile.price)}</span>
        <button
          type="button"
          class={`chip r-${ranked.reason}`}
          title={reasonMeaning(ranked.reason)}
          aria-label={`${reasonLabel(ranked.reason)}: why is ${tile.name} here?`}
          onClick={() => void shop.explain(list.placement, tile.id)}
        >
          {reasonLabel(ranked.reason)}
        </button>
      </div>
    </article>
  )
}

function Moved({ move, slot }: { move: Move | undefined; slot: number }) {
  switch (move?.kind) {
    case 'new':
      return <span class="moved new">new</span>
    case 'up':
      return (
        <span class="moved up">
          <span aria-hidden="true">▲{move.by}</span>
          <span class="offstage">up {move.by}</span>
        </span>
      )
    case 'down':
      return (
        <span class="moved down">
          <span aria-hidden="true">▼{move.by}</span>
          <span class="offstage">down {move.by}</span>
        </span>
      )
    default:
      return (
        <span class="moved same" aria-hidden="true">
          {slot}
        </span>
      )
  }
}

export function Grid({ tiles, label }: { tiles: readonly Tile[]; label: string }) {
  return (
    <ul class="tiles grid" aria-label={label}>
      {tiles.map((t) => (
        <li key={t.id} data-key={t.id}>
          <article class="tile">
            <a href={href({ at: 'item', id: t.id })}>
              <Art tile={t} />
              <span class="name">{t.name}</span>
            </a>
            <div class="foot">
              <span class="price">{money(t.price)}</span>
            </div>
          </article>
        </li>
      ))}
    </ul>
  )
}
