// The pages of the shop: home and shelves, an item, the basket, a search.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { Art, Glyph } from './art'
import { href } from './route'
import { Grid, Recommended } from './shelf'
import { useShop } from './use'
import { money, shelfNames } from './words'

export function Page() {
  const [{ route }] = useShop()
  switch (route.at) {
    case 'item':
      return <ItemPage id={route.id} />
    case 'cart':
      return <CartPage />
    case 'search':
      return <SearchPage query={route.query} />
    case 'shelf':
      return <ShelfPage path={route.path} />
    default:
      return <ShelfPage path="" />
  }
}

/** The page's heading; takes the focus when the visitor came here by a click. */
function Heading({ children, of }: { children: ComponentChildren; of: string }) {
  const at = useRef<HTMLHeadingElement>(null)
  const first = useRef(true)
  useEffect(() => {
    if (!first.current || document.documentElement.dataset.moved) at.current?.focus({ preventScroll: true })
    first.current = false
  }, [of])
  return (
    <h1 tabIndex={-1} ref={at}>
      {children}
    </h1>
  )
}

const STEP = 40

function ShelfPage({ path }: { path: string }) {
  const [{ items }] = useShop()
  const [shown, setShown] = useState(STEP)
  useEffect(() => setShown(STEP), [path])
  const tops = useMemo(() => shelvesOf(items.map((t) => t.category)), [items])
  const top = path.split('>')[0] ?? ''
  const inside = useMemo(() => items.filter((t) => path === '' || t.category === path || t.category.startsWith(`${path}>`)), [items, path])
  const subs = tops.find((t) => t.path === top)?.subs ?? []
  const label = path ? shelfNames(path).at(-1)! : 'The whole shop'
  return (
    <section class="page">
      <nav class="shelves" aria-label="Shelves">
        <ShelfLink path="" name="All" on={path === ''} />
        {tops.map((t) => (
          <ShelfLink key={t.path} path={t.path} name={shelfNames(t.path)[0]!} on={t.path === top} glyph={t.glyph} />
        ))}
      </nav>
      {subs.length > 1 && (
        <nav class="shelves sub" aria-label={`Shelves in ${shelfNames(top)[0]}`}>
          {subs.map((s) => (
            <ShelfLink key={s} path={s} name={shelfNames(s)[1]!} on={s === path} />
          ))}
        </nav>
      )}
      <div class="head">
        <Heading of={path}>{label}</Heading>
        <span class="quiet">{inside.length} things, most bought first</span>
      </div>
      <Grid tiles={inside.slice(0, shown)} label={label} />
      {inside.length > shown && (
        <button type="button" class="wide" onClick={() => setShown(shown + 2 * STEP)}>
          Show more
        </button>
      )}
    </section>
  )
}

function ShelfLink({ path, name, on, glyph }: { path: string; name: string; on: boolean; glyph?: string }) {
  return (
    <a href={path ? href({ at: 'shelf', path }) : '#/'} aria-current={on ? 'page' : undefined}>
      {glyph && <Glyph category={glyph} />}
      {name}
    </a>
  )
}

interface Top {
  path: string
  subs: string[]
  glyph: string
}

const OTHER = 'curiosities'

/** The shelves that occur, the fuller ones first, what fits none at the end. */
function shelvesOf(categories: string[]): Top[] {
  const count = new Map<string, number>()
  for (const c of categories) count.set(c, (count.get(c) ?? 0) + 1)
  const paths = [...count].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([p]) => p)
  const size = new Map<string, number>()
  for (const [p, n] of count) size.set(p.split('>')[0]!, (size.get(p.split('>')[0]!) ?? 0) + n)
  return [...size]
    .sort((a, b) => Number(a[0] === OTHER) - Number(b[0] === OTHER) || b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .map(([path]) => {
      const subs = paths.filter((p) => p.startsWith(`${path}>`))
      return { path, subs, glyph: subs[0] ?? path }
    })
}

function ItemPage({ id }: { id: string }) {
  const [{ tiles, beside, cart, wished }, shop] = useShop()
  const tile = tiles.get(id)
  if (!tile) {
    return (
      <section class="page">
        <Heading of={id}>There is no such thing here</Heading>
        <p>
          <a href="#/">Back to the shop</a>
        </p>
      </section>
    )
  }
  const inCart = cart.includes(id)
  return (
    <section class="page">
      <div class="item">
        <Art tile={tile} class="large" />
        <div class="facts">
          <p class="crumbs">
            {shelfNames(tile.category).map((name, i) => (
              <a key={name} href={href({ at: 'shelf', path: tile.category.split('>').slice(0, i + 1).join('>') })}>
                {name}
              </a>
            ))}
          </p>
          <Heading of={id}>{tile.name}</Heading>
          <p class="quiet">
            {[tile.colour, tile.material, tile.pattern].filter(Boolean).join(' · ')}
            <span class="code"> no. {tile.id}</span>
          </p>
          <p class="amount">{money(tile.price)}</p>
          <div class="buttons">
            <button type="button" class="primary" onClick={() => void (inCart ? shop.cartRemove(id) : shop.cartAdd(id))}>
              {inCart ? 'Take out of the basket' : 'Put in the basket'}
            </button>
            <button type="button" aria-pressed={wished.has(id)} onClick={() => void shop.wish(id)}>
              {wished.has(id) ? '♥ Wished for' : '♡ Wish for it'}
            </button>
            <button type="button" class="plain" onClick={() => void shop.dislike(id)}>
              Not for me
            </button>
          </div>
        </div>
      </div>
      <Beside title="Next best" quiet="after what you just looked at" empty="Nothing goes with this." />
      {!beside && <Waiting />}
    </section>
  )
}

function Beside({ title, quiet, empty }: { title: string; quiet: string; empty: string }) {
  const [{ beside }] = useShop()
  if (!beside) return null
  return (
    <>
      <div class="head">
        <h2>{title}</h2>
        <span class="quiet">{quiet}</span>
      </div>
      {beside.items.length ? <Recommended list={beside} layout="grid" label={title} /> : <p class="quiet">{empty}</p>}
    </>
  )
}

const Waiting = () => <p class="quiet waiting">Asking for the next best…</p>

function CartPage() {
  const [{ cart, tiles }, shop] = useShop()
  const [bought, setBought] = useState(false)
  useEffect(() => {
    if (cart.length) setBought(false)
  }, [cart.length])
  const rows = cart.flatMap((id) => tiles.get(id) ?? [])
  const sum = rows.reduce((t, r) => t + r.price, 0)
  return (
    <section class="page">
      <div class="head">
        <Heading of="cart">Basket</Heading>
        <span class="quiet">{rows.length === 1 ? 'one thing' : `${rows.length} things`}</span>
      </div>
      {rows.length === 0 ? (
        <p class="note">{bought ? 'Thank you! It counts as a purchase: see what “for you” makes of it.' : 'Nothing in it yet. Put something in and see what goes with it.'}</p>
      ) : (
        <ul class="basket" aria-label="In the basket">
          {rows.map((t) => (
            <li key={t.id}>
              <Art tile={t} />
              <a href={href({ at: 'item', id: t.id })}>{t.name}</a>
              <span class="price">{money(t.price)}</span>
              <button type="button" class="plain" aria-label={`Take out ${t.name}`} onClick={() => void shop.cartRemove(t.id)}>
                Take out
              </button>
            </li>
          ))}
          <li class="sum">
            <span>Together</span>
            <span class="price">{money(sum)}</span>
            <button
              type="button"
              class="primary"
              onClick={() => {
                setBought(true)
                void shop.buy()
              }}
            >
              Buy
            </button>
          </li>
        </ul>
      )}
      <Beside title="Goes with it" quiet="picked for the whole basket" empty="Nothing goes with this." />
    </section>
  )
}

function SearchPage({ query }: { query: string }) {
  const [{ beside }, shop] = useShop()
  const hits = useMemo(() => shop.search(query, 500), [query])
  const ranked = new Set(beside?.items.map((r) => r.item_id) ?? [])
  const rest = hits.filter((t) => !ranked.has(t.id)).slice(0, 60)
  return (
    <section class="page">
      <div class="head">
        <Heading of={query}>“{query}”</Heading>
        <span class="quiet">{hits.length === 0 ? 'nothing found: try a shorter word' : `${hits.length === 500 ? 'more than 500' : hits.length} found`}</span>
      </div>
      <Beside title="In your order" quiet="the hits, ranked by session and profile" empty="" />
      {rest.length > 0 && (
        <>
          {beside && <h2>More hits</h2>}
          <Grid tiles={rest} label="More hits" />
        </>
      )}
    </section>
  )
}
