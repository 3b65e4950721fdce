package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/recommend"
)

// Every faulty field of a placement's variety is named, with all other problems.
func TestVarietyTellsItsProblems(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"no JSON":         {[]string{"--variety", "home=rotate", "--variety", `cart={"rotate":{}`}, []string{"--variety cart=", "--variety home=rotate", "--session-idle"}},
		"no placement":    {[]string{"--variety", `house={}`}, []string{"--variety /house ", "home item cart search email"}},
		"unknown field":   {[]string{"--variety", `home={"rotation":{}}`}, []string{"--variety /home/rotation "}},
		"out of bounds":   {[]string{"--variety", `home={"rotate":{"factor":1.5},"fresh":{"lift":3}}`}, []string{"--variety /home/rotate/factor ", "--variety /home/fresh/lift "}},
		"two at one time": {[]string{"--variety", `home={"diversify":{"lambda":0.5,"max":2}}`}, []string{"--variety /home/diversify/lambda "}},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errOut := command(t, append([]string{"serve", "--store", "memory", "--session-idle", "1s"}, append(c.args, anyPort...)...)...)
			if code != exitUsage {
				t.Errorf("exit %d, want %d", code, exitUsage)
			}
			for _, says := range c.says {
				if !strings.Contains(errOut, says) {
					t.Errorf("%q is not said in\n%s", says, errOut)
				}
			}
		})
	}
}

// What a file says comes to the placements, beside a blend of their own.
func TestVarietyReachesThePlacements(t *testing.T) {
	file := write(t, "conf.json", `{"serve":{"variety":{"home":{"rotate":{"factor":0.5,"least":0.25}},"cart":{"fresh":{"days":7,"lift":2}}}},
		"blend":{"home":{"a_max":0.4,"kappa":1}}}`)
	code, printed, errOut := command(t, "serve", "--config", file, "--data", "d", "--print-config")
	if code != exitDone {
		t.Fatal(errOut)
	}
	if _, again, errOut := command(t, "serve", "--config", write(t, "again.json", printed), "--print-config"); again != printed {
		t.Errorf("printed\n%s, and read back\n%s%s", printed, again, errOut)
	}
	var c struct {
		Blend   blendRules   `json:"blend"`
		Variety varietyRules `json:"variety"`
	}
	if err := json.Unmarshal([]byte(printed), &c); err != nil {
		t.Fatal(err)
	}
	all := c.Variety.addTo(c.Blend.placements())
	home, cart := all["home"], all["cart"]
	if home.AMax != .4 || home.Variety.Rotate != (recommend.Rotate{Factor: .5, Least: .25}) {
		t.Errorf("home = %+v", home)
	}
	if plain, _ := recommend.PlacementNamed("cart"); cart.AMax != plain.AMax || !cart.ExcludeCart || cart.Variety.Fresh != (recommend.Fresh{Days: 7, Lift: 2}) {
		t.Errorf("cart = %+v", cart)
	}
	if len(all) != 2 {
		t.Errorf("%d placements have something of their own, want 2", len(all))
	}
}

// Every example in docs/variety.md is taken.
func TestVarietyDocumentIsRead(t *testing.T) {
	doc, err := os.ReadFile("../../docs/variety.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(doc), "```json\n")
	if len(parts) < 4 {
		t.Fatalf("%d examples", len(parts)-1)
	}
	for _, part := range parts[1:] {
		text, _, _ := strings.Cut(part, "```")
		var file struct {
			Variety json.RawMessage `json:"variety"`
		}
		if err := json.Unmarshal([]byte(text), &file); err != nil || file.Variety == nil {
			t.Errorf("%v: not the member of a configuration file: %s", err, text)
		} else if _, err := recommend.ParseVariety(file.Variety); err != nil {
			t.Errorf("%v: %s", err, text)
		}
	}
}

// An impression that led to nothing moves its item down at once, in the
// placement that rotates; a click takes that back.
func TestServeRotates(t *testing.T) {
	t.Parallel()
	p := start(t, "serve", "--store", "memory", "--default-consent", "full", "--variety", `home={"rotate":{"factor":0.5,"least":0.1}}`)
	key := shownKey.FindStringSubmatch(p.output.String())[1]
	if code, _, errOut := command(t, "import", "catalog", write(t, "items.csv", "item_id\na\nb\nc\n"), "--server", p.url, "--key", key); code != 0 {
		t.Fatal(errOut)
	}
	list := func(placement string) *answer {
		return p.post("/v1/recommendations", key, `{"placement":"`+placement+`","limit":3,"anonymous_id":"x","explain":true,"exclude_current":false}`, http.StatusOK)
	}
	send := func(kind, item string) {
		p.post("/v1/events", key, `{"anonymous_id":"x","events":[{"kind":"`+kind+`","item_id":"`+item+`"}]}`, http.StatusAccepted)
	}
	if a := list("home"); a.ids() != "a b c" {
		t.Fatalf("nothing is known, but the list is %s", a.ids())
	}
	send("impression", "a")
	if a := list("home"); a.ids() != "b c a" || !strings.Contains(a.Raw, `"rotate"`) {
		t.Errorf("shown and ignored, a is not last: %s", a.Raw)
	}
	if a := list("item"); a.ids() != "a b c" || strings.Contains(a.Raw, `"rotate"`) {
		t.Errorf("a placement that does not rotate: %s", a.Raw)
	}
	send("view", "a")
	if a := list("home"); strings.Contains(a.Raw, `"rotate"`) {
		t.Errorf("what was clicked is not ignored: %s", a.Raw)
	}
}
