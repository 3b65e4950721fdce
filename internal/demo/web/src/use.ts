// Hooks: the shop's state, the clock, and the movement of a changed list.
import { createContext } from 'preact'
import { useContext, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Shop, State } from './store'

export const ShopContext = createContext<Shop>(null as unknown as Shop)

export function useShop(): [State, Shop] {
  const shop = useContext(ShopContext)
  const [state, set] = useState(shop.state)
  useEffect(() => {
    set(shop.state)
    return shop.subscribe(() => set(shop.state))
  }, [shop])
  return [state, shop]
}

/** The time, told anew every few seconds. */
export function useClock(every: number): number {
  const [now, set] = useState(Date.now())
  useEffect(() => {
    const t = setInterval(() => set(Date.now()), every)
    return () => clearInterval(t)
  }, [every])
  return Math.max(now, Date.now() - every)
}

const still = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches

/**
 * Lets the children of a list, each with data-key, glide from where they stood
 * to where they stand whenever `list` is another one.
 */
export function useGlide<T extends HTMLElement>(list: unknown) {
  const box = useRef<T>(null)
  const stood = useRef(new Map<string, [number, number]>())
  useLayoutEffect(() => {
    const now = new Map<string, [number, number]>()
    const first = stood.current.size === 0
    for (const el of box.current?.querySelectorAll<HTMLElement>(':scope > [data-key]') ?? []) {
      const at: [number, number] = [el.offsetLeft, el.offsetTop]
      now.set(el.dataset.key!, at)
      if (first || still()) continue
      const was = stood.current.get(el.dataset.key!)
      if (!was) appear(el)
      else if (was[0] !== at[0] || was[1] !== at[1]) glide(el, was[0] - at[0], was[1] - at[1])
    }
    stood.current = now
    if (!first) box.current?.scrollTo({ left: 0, behavior: still() ? 'instant' : 'smooth' })
  }, [list])
  return box
}

const glide = (el: HTMLElement, dx: number, dy: number): void => {
  el.animate([{ transform: `translate(${dx}px, ${dy}px)`, zIndex: 2 }, { transform: 'none', zIndex: 2 }], { duration: 520, easing: 'cubic-bezier(.2,.8,.2,1)' })
}

const appear = (el: HTMLElement): void => {
  el.animate([{ opacity: 0, transform: 'translateY(14px) scale(.92)' }, { opacity: 1, transform: 'none' }], { duration: 460, delay: 90, easing: 'cubic-bezier(.2,.8,.2,1)', fill: 'backwards' })
}
