package windows

import (
	_ "embed" // timezones.txt
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the offset must be known on hosts without zoneinfo too
)

//go:embed timezones.txt
var timeZoneTable string

// TimeZone is one time zone under both of its names.
type TimeZone struct {
	// Windows is the name that an answer file's TimeZone takes, the same in
	// every language ("Korea Standard Time").
	Windows string
	// IANA is the tz database's name ("Asia/Seoul"): the one that was asked
	// for, or the zone's main one.
	IANA string

	location *time.Location
}

// OffsetAt is the zone's distance from UTC at a moment, east positive. It is
// what a virtual machine's clock must be ahead of UTC, since Windows reads the
// hardware clock as local time of its own zone.
func (z TimeZone) OffsetAt(t time.Time) time.Duration {
	if z.location == nil {
		return 0
	}
	_, seconds := t.In(z.location).Zone()
	return time.Duration(seconds) * time.Second
}

// UTC is the zone that Windows calls UTC.
func UTC() TimeZone { return TimeZone{Windows: "UTC", IANA: "Etc/UTC", location: time.UTC} }

// LookupTimeZone finds a zone by its Windows name or by any IANA name, in any
// case. "UTC" is UTC.
func LookupTimeZone(name string) (TimeZone, error) {
	key := strings.ToLower(strings.TrimSpace(name))
	if key == "utc" {
		return UTC(), nil
	}
	row, ok := timeZones()[key]
	if _, err := time.LoadLocation(strings.TrimSpace(name)); !ok && err == nil && key != "" && key != "local" {
		return TimeZone{}, fmt.Errorf("time zone %q: Windows has none that keeps its time; choose one of the same distance from UTC%s", name, suggestZone(key))
	}
	if !ok {
		return TimeZone{}, fmt.Errorf("time zone %q is neither a Windows nor an IANA name%s", name, suggestZone(key))
	}
	location, err := time.LoadLocation(row.iana)
	if err != nil {
		return TimeZone{}, fmt.Errorf("time zone %q: %w", name, err)
	}
	return TimeZone{Windows: row.windows, IANA: row.iana, location: location}, nil
}

type zoneRow struct{ windows, iana string }

// timeZones is the table by lower-case name, Windows and IANA names alike.
var timeZones = sync.OnceValue(func() map[string]zoneRow {
	table := map[string]zoneRow{}
	for line := range strings.Lines(timeZoneTable) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		table[strings.ToLower(fields[0])] = zoneRow{fields[0], fields[1]}
		names := fields[1:2]
		if len(fields) > 2 {
			names = append(names, strings.Fields(fields[2])...)
		}
		for _, name := range names {
			table[strings.ToLower(name)] = zoneRow{fields[0], name}
		}
	}
	return table
})

// suggestZone names up to three zones that hold what was asked for, or the
// place that was asked for ("Seoul").
func suggestZone(key string) string {
	place := key[strings.LastIndexByte(key, '/')+1:]
	if len(place) < 3 {
		return `; try "Korea Standard Time" or "Asia/Seoul"`
	}
	var found []string
	for name, row := range timeZones() {
		if strings.Contains(name, place) {
			if name == strings.ToLower(row.windows) {
				found = append(found, row.windows)
			} else {
				found = append(found, row.iana)
			}
		}
	}
	sort.Strings(found)
	if len(found) == 0 {
		return `; try "Korea Standard Time" or "Asia/Seoul"`
	}
	return "; is it one of " + strings.Join(found[:min(3, len(found))], ", ") + "?"
}
