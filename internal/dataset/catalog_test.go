package dataset

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/recommend/catalog"
)

type item = catalog.Item

// keep collects the ids of items.
func keep(ids *[]string) func(item) error {
	return func(it item) error {
		*ids = append(*ids, it.ItemID)
		return nil
	}
}

func readItems(t *testing.T, name, body string) ([]item, *Report) {
	t.Helper()
	var items []item
	report, err := ReadCatalog(t.Context(), put(t, name, []byte(body)), Options{}, func(it item) error {
		items = append(items, it)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Rows != report.Good+report.Bad || report.Good != int64(len(items)) {
		t.Errorf("report %+v with %d items: rows must be good + bad", report, len(items))
	}
	return items, report
}

func ptr[T any](x T) *T { return &x }

// lantern is the same item in every format.
func lantern() item {
	return item{
		ItemID: "85123A", GroupID: "g1", Name: "Lantern, \"white\"", URL: "/p/85123A", ImageURL: "/i/85123A.webp",
		Price: ptr(2.55), Currency: "GBP", Available: ptr(false), Categories: []string{"home>lanterns", "gifts"},
		PublishedAt: "2026-11-24T10:00:00.000Z",
		Attributes: map[string]json.RawMessage{
			"colour": json.RawMessage(`"red"`), "stock": json.RawMessage(`4`), "fragile": json.RawMessage(`true`),
			"tags": json.RawMessage(`["new","warm"]`), "code": json.RawMessage(`"007"`),
		},
	}
}

func TestCatalogFormats(t *testing.T) {
	csv := "Item_ID,groupId,NAME,url,image_url,price,currency,available,categories,published_at,colour,stock,fragile,tags,code\n" +
		"85123A,g1,\"Lantern, \"\"white\"\"\",/p/85123A,/i/85123A.webp,2.55,GBP,out of stock,home>lanterns|gifts,2026-11-24 10:00:00,red,4,true,new | warm,007\n"
	tsv := "item_id\tgroup_id\tname\turl\timage_url\tprice\tcurrency\tavailable\tcategories\tpublished_at\tattributes\ttags\n" +
		"85123A\tg1\tLantern, \"white\"\t/p/85123A\t/i/85123A.webp\t2.55\tGBP\tfalse\thome>lanterns|gifts\t2026-11-24T10:00:00Z\t" +
		`"{""colour"":""red"",""stock"":4,""fragile"":true,""code"":""007""}"` + "\tnew|warm\n"
	ndjson := `{"item_id":"85123A","group_id":"g1","name":"Lantern, \"white\"","url":"/p/85123A","image_url":"/i/85123A.webp","price":2.55,` +
		`"currency":"GBP","available":false,"categories":["home>lanterns","gifts"],"published_at":"2026-11-24T10:00:00.000Z",` +
		`"attributes":{"colour":"red","stock":4,"fragile":true,"tags":["new","warm"],"code":"007","gone":null},"unset":null}` + "\n\n"
	for name, body := range map[string]string{"a.csv": csv, "a.tsv": "\ufeff" + tsv, "a.ndjson": ndjson} {
		t.Run(name, func(t *testing.T) {
			items, report := readItems(t, name, body)
			if diff := cmp.Diff([]item{lantern()}, items); diff != "" {
				t.Errorf("the item (-want +got):\n%s\n%+v", diff, report)
			}
		})
		t.Run(name+".zst", func(t *testing.T) {
			items, _ := readItems(t, name+".zst", string(zst(t, []byte(body))))
			if diff := cmp.Diff([]item{lantern()}, items); diff != "" {
				t.Errorf("the item (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadItemsAreReported(t *testing.T) {
	for name, c := range map[string]struct{ file, body, pointer, code string }{
		"no id":            {"a.csv", "item_id,name\n,x\n", "/item_id", "item_id_missing"},
		"long id":          {"a.csv", "item_id\n" + strings.Repeat("x", 129) + "\n", "/item_id", "id"},
		"price":            {"a.csv", "sku,Price\n1,cheap\n", "/Price", "price"},
		"negative price":   {"a.csv", "sku,price\n1,-2\n", "/price", "price"},
		"NaN price":        {"a.csv", "sku,price\n1,NaN\n", "/price", "price"},
		"availability":     {"a.csv", "sku,available\n1,perhaps\n", "/available", "available"},
		"time":             {"a.csv", "sku,published_at\n1,soon\n", "/published_at", "time"},
		"columns":          {"a.csv", "sku,name\n1,2,3\n", "", "csv"},
		"quote":            {"a.csv", "sku,name\n1,a\"b\n", "", "csv"},
		"nested attribute": {"a.ndjson", `{"id":"1","size":{"w":1}}`, "/size", "attribute"},
		"in attributes":    {"a.ndjson", `{"id":"1","attributes":{"size":[1]}}`, "/attributes/size", "attribute"},
		"id is a list":     {"a.ndjson", `{"id":["1"]}`, "/id", "id"},
		"cut off":          {"a.ndjson", `{"id":"1"`, "", "invalid_json"},
		"twice":            {"a.ndjson", `{"id":"1","id":"2"}`, "/id", "invalid_json"},
		"an array":         {"a.ndjson", `[{"id":"1"}]`, "", "invalid_json"},
		"two values":       {"a.ndjson", `{"id":"1"} {"id":"2"}`, "", "invalid_json"},
		"bad UTF-8":        {"a.ndjson", "{\"id\":\"\xff\"}", "", "invalid_json"},
	} {
		t.Run(name, func(t *testing.T) {
			items, report := readItems(t, c.file, c.body)
			if len(items) != 0 || report.Bad != 1 || len(report.Errors) != 1 {
				t.Fatalf("%d items, report %+v; want one bad row", len(items), report)
			}
			e := report.Errors[0]
			if e.Code != c.code || !strings.HasPrefix(e.Pointer, c.pointer) || e.Row != 1 || e.Detail == "" || !strings.HasSuffix(e.File, c.file) {
				t.Errorf("reported %+v, want code %s at %q", e, c.code, c.pointer)
			}
		})
	}
}

func TestBadRowsDoNotHurtTheOthers(t *testing.T) {
	body := "item_id,price\n" + strings.Repeat("a,1\n,2\nb,x\n", 150)
	items, report := readItems(t, "a.csv", body)
	if len(items) != 150 || report.Rows != 450 || report.Bad != 300 || len(report.Errors) != 100 {
		t.Errorf("%d items, rows %d, bad %d, errors %d", len(items), report.Rows, report.Bad, len(report.Errors))
	}
	if report.Errors[1].Row != 3 {
		t.Errorf("the second error is in row %d, want 3", report.Errors[1].Row)
	}
}
