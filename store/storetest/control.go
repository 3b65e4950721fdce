package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/internal/keys"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/store"
)

func controlGuarantees() []guarantee {
	return []guarantee{
		{"items/upsert_in_order", itemsOrdered},
		{"items/whole_item", itemsWhole},
		{"items/delete", itemsDelete},
		{"items/callback_error_ends_it", itemsCallbackError},
		{"items/callback_may_use_the_store", itemsCallbackUsesStore},
		{"items/sites_stay_apart", itemsApart},
		{"items/keeps_no_buffer", itemsKeepsNoBuffer},
		{"version/body_of_many_chunks", versionBody},
		{"version/newest_first", versionOrder},
		{"version/put_replaces", versionReplace},
		{"version/digest_is_checked", versionDigest},
		{"version/unknown", versionUnknown},
		{"version/delete", versionDelete},
		{"version/pointer", versionPointer},
		{"version/kinds_and_sites_stay_apart", versionApart},
		{"version/keeps_no_buffer", versionKeepsNoBuffer},
		{"keys/upsert_in_order", keysUpsert},
		{"checkpoint/replaced_whole", checkpointReplace},
		{"checkpoint/names_stay_apart", checkpointApart},
	}
}

func itemsOrdered(t testing.TB, s store.Store) {
	var ids []string
	for _, id := range names() {
		must(t, s.PutItems(t.Context(), "s", []catalog.Item{{ItemID: id, Name: "old"}}))
		ids = append(ids, id)
	}
	must(t, s.PutItems(t.Context(), "s", []catalog.Item{{ItemID: "b", Name: "new"}, {ItemID: "a", Name: "new"}}))
	slices.Sort(ids)
	var want []catalog.Item
	for _, id := range ids {
		name := "old"
		if id == "a" || id == "b" {
			name = "new"
		}
		want = append(want, catalog.Item{ItemID: id, Name: name})
	}
	same(t, "items", itemsOf(t, s, "s"), want)
}

func itemsWhole(t testing.TB, s store.Store) {
	want := []catalog.Item{fullItem("full"), {ItemID: "plain"}}
	must(t, s.PutItems(t.Context(), "s", want))
	same(t, "items", itemsOf(t, s, "s"), want)
}

func itemsDelete(t testing.TB, s store.Store) {
	must(t, s.PutItems(t.Context(), "s", []catalog.Item{{ItemID: "a"}, {ItemID: "ab"}, {ItemID: "b"}}))
	must(t, s.PutItems(t.Context(), "t", []catalog.Item{{ItemID: "a"}}))
	must(t, s.DeleteItems(t.Context(), "s", []string{"a", "unknown"}))
	same(t, "items", itemsOf(t, s, "s"), []catalog.Item{{ItemID: "ab"}, {ItemID: "b"}})
	same(t, "other site", itemsOf(t, s, "t"), []catalog.Item{{ItemID: "a"}})
}

func itemsCallbackError(t testing.TB, s store.Store) {
	must(t, s.PutItems(t.Context(), "s", []catalog.Item{{ItemID: "a"}, {ItemID: "b"}, {ItemID: "c"}}))
	seen := 0
	err := s.Items(t.Context(), "s", func(catalog.Item) error {
		if seen++; seen == 2 {
			return stop{}
		}
		return nil
	})
	if !errors.Is(err, stop{}) || seen != 2 {
		t.Fatalf("error %v after %d items", err, seen)
	}
}

func itemsCallbackUsesStore(t testing.TB, s store.Store) {
	must(t, s.PutItems(t.Context(), "s", []catalog.Item{{ItemID: "a"}, {ItemID: "b"}}))
	var seen []string
	must(t, s.Items(t.Context(), "s", func(it catalog.Item) error {
		seen = append(seen, it.ItemID)
		return s.PutItems(t.Context(), "s", []catalog.Item{{ItemID: it.ItemID + "-new"}})
	}))
	same(t, "items as of the call", seen, []string{"a", "b"})
}

func itemsApart(t testing.TB, s store.Store) {
	for i, site := range names() {
		must(t, s.PutItems(t.Context(), site, []catalog.Item{{ItemID: numbered("i", i)}}))
	}
	for i, site := range names() {
		same(t, "items of "+site, itemsOf(t, s, site), []catalog.Item{{ItemID: numbered("i", i)}})
	}
}

func itemsKeepsNoBuffer(t testing.TB, s store.Store) {
	mine := []catalog.Item{fullItem("i")}
	must(t, s.PutItems(t.Context(), "s", mine))
	*mine[0].Price, *mine[0].Available, mine[0].Categories[0] = 99, true, "overwritten"
	copy(mine[0].Attributes["colour"], `"own"`)
	mine[0].Attributes["more"] = json.RawMessage(`1`)
	same(t, "items", itemsOf(t, s, "s"), []catalog.Item{fullItem("i")})
}

func body(n int, seed byte) []byte {
	b := make([]byte, n)
	x := uint32(seed) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func putVersion(t testing.TB, s store.Store, site, kind string, v store.Version, b []byte) {
	t.Helper()
	must(t, s.PutVersion(t.Context(), site, kind, v, b))
}

func wantBody(t testing.TB, s store.Store, site, kind, id string, want []byte) {
	t.Helper()
	got, err := s.ReadVersion(t.Context(), site, kind, id)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Fatalf("version %q of %q: %d bytes that are not the %d that were stored", id, kind, len(got), len(want))
	}
}

func versionIDs(t testing.TB, s store.Store, site, kind string) []string {
	t.Helper()
	all, err := s.Versions(t.Context(), site, kind)
	must(t, err)
	var ids []string
	for _, v := range all {
		ids = append(ids, v.ID)
	}
	return ids
}

func versionBody(t testing.TB, s store.Store) {
	const mib = 1 << 20
	for i, size := range []int{0, 1, mib - 1, mib, mib + 1, 3*mib + 17} {
		b, id := body(size, byte(i)), numbered("m", i)
		want := store.Version{ID: id, CreatedAt: base + int64(i), Meta: map[string]string{"trained_on": "log"}}
		putVersion(t, s, "s", "model", want, b)
		wantBody(t, s, "s", "model", id, b)
		all, err := s.Versions(t.Context(), "s", "model")
		must(t, err)
		sum := sha256.Sum256(b)
		want.Kind, want.Bytes, want.SHA256 = "model", int64(size), hex.EncodeToString(sum[:])
		same(t, "the newest version", all[0], want)
	}
}

func versionOrder(t testing.TB, s store.Store) {
	for _, v := range []store.Version{{ID: "a", CreatedAt: 2}, {ID: "b", CreatedAt: 3}, {ID: "c", CreatedAt: 1}, {ID: "d", CreatedAt: 2}} {
		putVersion(t, s, "s", "model", v, []byte(v.ID))
	}
	same(t, "versions", versionIDs(t, s, "s", "model"), []string{"b", "d", "a", "c"})
	same(t, "versions of an unknown kind", versionIDs(t, s, "s", "rules"), []string(nil))
}

func versionReplace(t testing.TB, s store.Store) {
	long, short := body(2<<20+5, 1), body(10, 2)
	putVersion(t, s, "s", "model", store.Version{ID: "m"}, long)
	must(t, s.Activate(t.Context(), "s", "model", "m"))
	putVersion(t, s, "s", "model", store.Version{ID: "m"}, short)
	wantBody(t, s, "s", "model", "m", short)
	putVersion(t, s, "s", "model", store.Version{ID: "m", CreatedAt: 5}, long)
	wantBody(t, s, "s", "model", "m", long)
	same(t, "versions", versionIDs(t, s, "s", "model"), []string{"m"})
	active, err := s.Active(t.Context(), "s", "model")
	must(t, err)
	same(t, "active", active, "m")
}

func versionDigest(t testing.TB, s store.Store) {
	b := body(100, 3)
	sum := sha256.Sum256(b)
	v := store.Version{ID: "m", SHA256: hex.EncodeToString(sum[:])}
	putVersion(t, s, "s", "model", v, b)
	b[50]++
	v.ID = "damaged"
	is(t, s.PutVersion(t.Context(), "s", "model", v, b), fault.Invalid)
	is(t, s.PutVersion(t.Context(), "s", "model", store.Version{}, b), fault.Invalid)
	same(t, "versions", versionIDs(t, s, "s", "model"), []string{"m"})
}

func versionUnknown(t testing.TB, s store.Store) {
	ctx := t.Context()
	putVersion(t, s, "s", "model", store.Version{ID: "m"}, []byte("x"))
	_, err := s.ReadVersion(ctx, "s", "model", "unknown")
	is(t, err, fault.NotFound)
	is(t, s.Activate(ctx, "s", "model", "unknown"), fault.NotFound)
	is(t, s.Activate(ctx, "s", "rules", "m"), fault.NotFound)
	is(t, s.DeleteVersion(ctx, "s", "model", "unknown"), fault.NotFound)
}

func versionDelete(t testing.TB, s store.Store) {
	ctx := t.Context()
	for _, id := range []string{"m", "mm", "n"} {
		putVersion(t, s, "s", "model", store.Version{ID: id}, body(1<<20+1, 1))
	}
	must(t, s.Activate(ctx, "s", "model", "n"))
	is(t, s.DeleteVersion(ctx, "s", "model", "n"), fault.Conflict)
	must(t, s.DeleteVersion(ctx, "s", "model", "m"))
	_, err := s.ReadVersion(ctx, "s", "model", "m")
	is(t, err, fault.NotFound)
	is(t, s.Activate(ctx, "s", "model", "m"), fault.NotFound)
	is(t, s.DeleteVersion(ctx, "s", "model", "m"), fault.NotFound)
	same(t, "versions", versionIDs(t, s, "s", "model"), []string{"n", "mm"})
	wantBody(t, s, "s", "model", "mm", body(1<<20+1, 1))
	wantBody(t, s, "s", "model", "n", body(1<<20+1, 1))
}

func versionPointer(t testing.TB, s store.Store) {
	active := func(want string) {
		t.Helper()
		got, err := s.Active(t.Context(), "s", "model")
		must(t, err)
		same(t, "active", got, want)
	}
	active("")
	for _, id := range []string{"a", "b"} {
		putVersion(t, s, "s", "model", store.Version{ID: id}, nil)
		active("")
	}
	for _, id := range []string{"a", "b", "b", "a"} {
		must(t, s.Activate(t.Context(), "s", "model", id))
		active(id)
	}
	is(t, s.Activate(t.Context(), "s", "model", "c"), fault.NotFound)
	active("a")
}

func versionApart(t testing.TB, s store.Store) {
	some := names()[:5]
	for i, site := range some {
		for j, kind := range some {
			putVersion(t, s, site, kind, store.Version{ID: "a"}, body(20, byte(10*i+j)))
			putVersion(t, s, site, kind, store.Version{ID: "b"}, nil)
		}
	}
	must(t, s.Activate(t.Context(), "a", "ab", "a"))
	for i, site := range some {
		for j, kind := range some {
			same(t, "versions", versionIDs(t, s, site, kind), []string{"b", "a"})
			wantBody(t, s, site, kind, "a", body(20, byte(10*i+j)))
			got, err := s.Active(t.Context(), site, kind)
			must(t, err)
			if (got == "a") != (site == "a" && kind == "ab") {
				t.Fatalf("the pointer of %q %q is %q", site, kind, got)
			}
		}
	}
}

func versionKeepsNoBuffer(t testing.TB, s store.Store) {
	b := body(50, 1)
	meta := map[string]string{"k": "v"}
	putVersion(t, s, "s", "model", store.Version{ID: "m", Meta: meta}, b)
	b[0]++
	meta["k"] = "overwritten"
	wantBody(t, s, "s", "model", "m", body(50, 1))
	got, err := s.ReadVersion(t.Context(), "s", "model", "m")
	must(t, err)
	got[0]++
	wantBody(t, s, "s", "model", "m", body(50, 1))
	all, err := s.Versions(t.Context(), "s", "model")
	must(t, err)
	same(t, "meta", all[0].Meta, map[string]string{"k": "v"})
}

func keysUpsert(t testing.TB, s store.Store) {
	a := keys.Key{ID: "key_a", Hash: keys.Hash{1, 2, 3}, Site: "s", Scope: keys.Publishable, Origins: []string{"https://a.example"}, Label: "web", CreatedAt: base}
	b := keys.Key{ID: "key_b", Hash: keys.Hash{9}, Site: "t", Scope: keys.Secret, CreatedAt: base + 1}
	must(t, s.PutKey(t.Context(), b))
	must(t, s.PutKey(t.Context(), a))
	b.RevokedAt = base + 5
	must(t, s.PutKey(t.Context(), b))
	all, err := s.Keys(t.Context())
	must(t, err)
	same(t, "keys", all, []keys.Key{a, b})
}

func checkpointReplace(t testing.TB, s store.Store) {
	get := func() []byte {
		t.Helper()
		state, err := s.Checkpoint(t.Context(), "s", "learner")
		must(t, err)
		return state
	}
	if state := get(); state != nil {
		t.Fatalf("a checkpoint that was never put is %v", state)
	}
	for _, size := range []int{100, 3, 0, 2 << 20} {
		state := body(size, 1)
		must(t, s.PutCheckpoint(t.Context(), "s", "learner", state))
		if size > 0 {
			state[0]++ // ours again
		}
		if got := get(); got == nil || !bytes.Equal(got, body(size, 1)) {
			t.Fatalf("a checkpoint of %d bytes comes back with %d others", size, len(got))
		}
	}
}

func checkpointApart(t testing.TB, s store.Store) {
	for i, site := range names() {
		for j, name := range names() {
			must(t, s.PutCheckpoint(t.Context(), site, name, []byte{byte(i), byte(j)}))
		}
	}
	for i, site := range names() {
		for j, name := range names() {
			got, err := s.Checkpoint(t.Context(), site, name)
			must(t, err)
			same(t, "checkpoint", got, []byte{byte(i), byte(j)})
		}
	}
}
