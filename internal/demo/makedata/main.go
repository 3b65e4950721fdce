// Command makedata turns the UCI Online Retail list of invoice lines into the
// demo shop's data: items, sessions and a few customers to play. It is
// deterministic: the same list gives the same bytes.
//
//	go run ./internal/demo/makedata --from online_retail.csv.gz --out internal/demo/data
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	from := flag.String("from", "", "the invoice lines as csv or csv.gz")
	out := flag.String("out", "internal/demo/data", "folder to write to")
	longest := flag.Int("longest", 200, "leave out invoices with more different items: bulk orders, not shopping")
	flag.Parse()
	if *from == "" {
		fmt.Fprintln(os.Stderr, "makedata: --from FILE is missing")
		os.Exit(2)
	}
	if err := run(*from, *out, *longest); err != nil {
		fmt.Fprintln(os.Stderr, "makedata:", err)
		os.Exit(1)
	}
}

func run(from, out string, longest int) error {
	lines, err := readLines(from)
	if err != nil {
		return err
	}
	shop, err := build(lines, longest)
	if err != nil {
		return err
	}
	fmt.Printf("%d items (%.1f %% on a shelf), %d sessions, %d customers to play\n",
		len(shop.items), 100*shop.shelved(), len(shop.sessions), len(shop.people))
	return shop.write(out)
}
