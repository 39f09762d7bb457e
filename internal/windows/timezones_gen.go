//go:build ignore

// Command timezones_gen writes timezones.txt from Unicode's CLDR:
//
//	npm pack cldr-core@48.2.0 cldr-bcp47@48.2.0   # and unpack both
//	go run timezones_gen.go CORE/supplemental/windowsZones.json BCP47/bcp47/timezone.json > timezones.txt
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"time"
	_ "time/tzdata"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: timezones_gen windowsZones.json timezone.json")
	}
	var zones struct {
		Supplemental struct {
			Version struct {
				CLDR string `json:"_cldrVersion"`
			}
			WindowsZones struct {
				MapTimezones []struct {
					MapZone struct {
						Other     string `json:"_other"`
						Type      string `json:"_type"`
						Territory string `json:"_territory"`
					}
				}
			}
		}
	}
	read(os.Args[1], &zones)
	var names struct {
		Keyword struct {
			U struct{ TZ map[string]json.RawMessage }
		}
	}
	read(os.Args[2], &names)

	aliases := map[string][]string{}
	for _, raw := range names.Keyword.U.TZ {
		var zone struct {
			Alias string `json:"_alias"`
		}
		if json.Unmarshal(raw, &zone) != nil {
			continue // "_description" and the like are plain strings
		}
		all := strings.Fields(zone.Alias)
		for _, name := range all {
			aliases[name] = all
		}
	}

	type row struct {
		main string
		all  map[string]bool
	}
	rows := map[string]*row{}
	for _, m := range zones.Supplemental.WindowsZones.MapTimezones {
		z := m.MapZone
		r := rows[z.Other]
		if r == nil {
			r = &row{all: map[string]bool{}}
			rows[z.Other] = r
		}
		if z.Territory == "001" {
			r.main = z.Type
		}
		for _, name := range strings.Fields(z.Type) {
			r.all[name] = true
			for _, alias := range aliases[name] {
				r.all[alias] = true
			}
		}
	}

	var keys []string
	for name := range rows {
		keys = append(keys, name)
	}
	slices.Sort(keys)
	fmt.Printf("# Windows time zone, its main IANA zone, the other IANA names that map to it.\n")
	fmt.Printf("# From Unicode CLDR %s, windowsZones and timezone (Unicode License V3);\n", zones.Supplemental.Version.CLDR)
	fmt.Printf("# made by timezones_gen.go.\n")
	for _, name := range keys {
		r := rows[name]
		delete(r.all, r.main)
		var rest []string
		for other := range r.all {
			// CLDR never forgets a name, the tz database does.
			if _, err := time.LoadLocation(other); err == nil {
				rest = append(rest, other)
			}
		}
		slices.Sort(rest)
		fmt.Printf("%s\t%s\t%s\n", name, r.main, strings.Join(rest, " "))
	}
}

func read(path string, into any) {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		log.Fatalf("%s: %v", path, err)
	}
}
