package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestLoop walks the product's one promise through the real binary: a click
// changes the very next answer, and the answer says why.
func TestLoop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, "demo", "--data", dir)
	home := `{"key":"pk_demo","placement":"home","limit":10,"anonymous_id":"ann"}`

	cold := p.post("/v1/recommendations", "", home, http.StatusOK)
	if len(cold.Items) != 10 || cold.Items[0].Reason != "popular" && cold.Items[0].Reason != "trending" {
		t.Fatalf("a new visitor gets %d items, the first because %q; want 10 popular ones\n%s", len(cold.Items), cold.Items[0].Reason, cold.Raw)
	}
	if cold.Blend.Session != 0 || cold.Blend.Profile != 0 || len(cold.Degraded) != 0 {
		t.Errorf("a new visitor's answer has blend %+v, degraded %v; want 0/0 and none", cold.Blend, cold.Degraded)
	}

	got := p.post("/v1/events", "", `{"key":"pk_demo","anonymous_id":"ann","events":[
		{"event_id":"e1","kind":"view","item_id":"20725"},{"event_id":"e2","kind":"view","item_id":"22384"},{"event_id":"e3","kind":"cart_add","item_id":"20725"}]}`, http.StatusAccepted)
	if got.Accepted != 3 || got.Session == nil || got.Session.Events != 3 {
		t.Fatalf("3 events: %s", got.Raw)
	}
	warm := p.post("/v1/recommendations", "", home, http.StatusOK)
	if warm.ids() == cold.ids() {
		t.Error("three events did not change the next answer")
	}
	if warm.Blend.Session != 1 || warm.Items[0].Reason != "session" || warm.Session.LastEventID != "e3" {
		t.Errorf("the answer after three events: %s", warm.Raw)
	}

	t.Run("explains itself", func(t *testing.T) { explains(t, p, warm) })
	t.Run("knows a customer", func(t *testing.T) { knowsCustomer(t, p, warm) })
	t.Run("sold out vanishes at once", func(t *testing.T) { soldOut(t, p, home, warm) })
	t.Run("retry counts once", func(t *testing.T) {
		again := p.post("/v1/events", "", `{"key":"pk_demo","anonymous_id":"ann","events":[{"event_id":"e3","kind":"cart_add","item_id":"20725"}]}`, http.StatusAccepted)
		if again.Duplicate != 1 || again.Accepted != 0 || again.Session.Events != 3 {
			t.Errorf("a retried event: %s", again.Raw)
		}
	})
	t.Run("a decision can be replayed", func(t *testing.T) { replays(t, p) })
	t.Run("inline click", func(t *testing.T) { inlineClick(t, p) })

	before := p.call(http.MethodGet, "/v1/visitors/ann", "sk_demo", "")
	p.terminate()
	p = start(t, "demo", "--data", dir)
	after := p.call(http.MethodGet, "/v1/visitors/ann", "sk_demo", "")
	if before.Status != http.StatusOK || before.Raw != after.Raw {
		t.Errorf("a restart changed what is known of a visitor:\n%s\n%s", before.Raw, after.Raw)
	}
	erased := p.call(http.MethodDelete, "/v1/visitors/ann", "sk_demo", "")
	if erased.Status != http.StatusOK {
		t.Errorf("erase: %d %s", erased.Status, erased.Raw)
	}
	if gone := p.call(http.MethodGet, "/v1/visitors/ann", "sk_demo", ""); gone.Status != http.StatusNotFound {
		t.Errorf("an erased visitor is still known: %d %s", gone.Status, gone.Raw)
	}
	p.terminate()
}

func explains(t *testing.T, p *process, warm *answer) {
	absent := "21181"
	if strings.Contains(warm.ids(), absent) {
		t.Fatalf("item %s is in the list already; the test needs one that is not", absent)
	}
	a := p.post("/v1/recommendations", "sk_demo", `{"placement":"home","limit":10,"anonymous_id":"ann","consent":"full","explain":true,"why_not":["`+absent+`","no-such-item"]}`, http.StatusOK)
	if a.ids() != warm.ids() {
		t.Errorf("asking for reasons changed the answer: %s, was %s", a.ids(), warm.ids())
	}
	for _, it := range a.Items {
		if len(it.Ledger) == 0 {
			t.Errorf("item %s has no ledger", it.ItemID)
		}
	}
	if !strings.Contains(a.Raw, `"`+absent+`"`) || !strings.Contains(a.Raw, `"no-such-item"`) {
		t.Errorf("why_not is silent about an item: %s", a.Raw)
	}
	denied := p.post("/v1/recommendations", "pk_demo", `{"placement":"home","anonymous_id":"ann","explain":true}`, http.StatusForbidden)
	if denied.Code != "key_scope" {
		t.Errorf("a page's key may ask for reasons: %s", denied.Raw)
	}
}

func knowsCustomer(t *testing.T, p *process, warm *answer) {
	alone := p.post("/v1/recommendations", "", `{"key":"pk_demo","placement":"home","limit":10,"anonymous_id":"bob","user_id":"17850"}`, http.StatusOK)
	if alone.Blend.Profile != 1 || alone.Items[0].Reason != "profile" {
		t.Errorf("a customer without a session: %s", alone.Raw)
	}
	both := p.post("/v1/recommendations", "", `{"key":"pk_demo","placement":"home","limit":10,"anonymous_id":"bob","user_id":"17850",
		"events":[{"event_id":"b1","kind":"view","item_id":"20725"}]}`, http.StatusOK)
	if both.Blend.Session <= 0 || both.Blend.Session >= 1 || both.ids() == alone.ids() {
		t.Errorf("one click of a customer does not blend: %s", both.Raw)
	}
	_ = warm
}

func soldOut(t *testing.T, p *process, home string, warm *answer) {
	first := warm.Items[0].ItemID
	a := p.call(http.MethodPatch, "/v1/items/"+first, "sk_demo", `{"available":false}`)
	if a.Status != http.StatusOK {
		t.Fatalf("patch: %d %s", a.Status, a.Raw)
	}
	if now := p.post("/v1/recommendations", "", home, http.StatusOK); strings.Contains(now.ids(), first) {
		t.Errorf("item %s is sold out and still in %s", first, now.ids())
	}
	p.call(http.MethodPatch, "/v1/items/"+first, "sk_demo", `{"available":true}`)
	if now := p.post("/v1/recommendations", "", home, http.StatusOK); now.ids() != warm.ids() {
		t.Errorf("back in stock, the list is %s, was %s", now.ids(), warm.ids())
	}
}

// inlineClick sends the click with the question: the answer reflects it, and
// with ack it is stored before it is answered.
func inlineClick(t *testing.T, p *process) {
	for n := 1; n <= 3; n++ {
		body := fmt.Sprintf(`{"key":"pk_demo","placement":"item","limit":5,"anonymous_id":"cleo","context":{"item_id":"22384"},"ack":true,
			"events":[{"event_id":"c%d","seq":%d,"kind":"view","item_id":"22384"}],"after":"c%d"}`, n, n, n)
		a := p.post("/v1/recommendations", "", body, http.StatusOK)
		var verdicts struct {
			Events struct {
				Accepted   int
				Durability string
			}
		}
		if err := json.Unmarshal([]byte(a.Raw), &verdicts); err != nil {
			t.Fatal(err)
		}
		if verdicts.Events.Accepted != 1 || verdicts.Events.Durability != "os" {
			t.Errorf("click %d: verdicts %+v\n%s", n, verdicts.Events, a.Raw)
		}
		if a.Session.Events != n || slices.ContainsFunc(a.Degraded, func(string) bool { return true }) {
			t.Errorf("click %d: the answer reflects %d events, degraded %v", n, a.Session.Events, a.Degraded)
		}
		if strings.Contains(a.ids(), "22384") {
			t.Errorf("the item on the page is recommended on its own page: %s", a.ids())
		}
	}
}

// replays computes a sampled answer's scores again, beside the running server.
func replays(t *testing.T, p *process) {
	var report struct {
		Replayed, Differing int
		Answers             []struct {
			ID         string `json:"recommendation_id"`
			Candidates []struct {
				ItemID string `json:"item_id"`
				Slot   int
			}
		}
	}
	for deadline := time.Now().Add(30 * time.Second); report.Replayed == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no answer was kept")
		}
		var out, errs strings.Builder
		if code := run(t.Context(), []string{"replay", "--server", p.url, "--key", "sk_demo", "--json"}, &out, &errs); code != exitDone {
			t.Fatalf("replay ended with %d: %s %s", code, errs.String(), out.String())
		}
		if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
			t.Fatal(err)
		}
	}
	one := report.Answers[0]
	if report.Differing != 0 || one.ID == "" || len(one.Candidates) == 0 || one.Candidates[0].Slot != 1 {
		t.Errorf("replayed %+v", report)
	}
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"replay", one.ID, "--server", p.url, "--key", "sk_demo"}, &out, &errs); code != exitDone || !strings.Contains(out.String(), "as logged") {
		t.Errorf("replay of one ended with %d: %s %s", code, errs.String(), out.String())
	}
	if code := run(t.Context(), []string{"replay", "forged", "--server", p.url, "--key", "sk_demo"}, &out, &errs); code != exitUsage {
		t.Errorf("replay of no id ended with %d", code)
	}
}
